// Checks a mirror of the log with the verifiers of Go's checksum database:
// verify KEY MIRROR [OLDER CHECKPOINT]. The checkpoint must be signed by KEY, every tile must
// follow from its root, every entry open its leaf, and an older checkpoint be continued.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// mirror reads tiles from a folder, by C2SP's paths: Go's without the height.
type mirror string

func (m mirror) Height() int                     { return 8 }
func (m mirror) SaveTiles([]tlog.Tile, [][]byte) {}
func (m mirror) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data[i] = m.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
	}
	return data, nil
}

func (m mirror) read(path string) []byte {
	data, err := os.ReadFile(filepath.Join(string(m), path))
	check(err)
	return data
}

// checkpoint opens the signed checkpoint in a file.
func checkpoint(key, file string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	check(err)
	data, err := os.ReadFile(file)
	check(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	var origin, root string
	var tree tlog.Tree
	_, err = fmt.Sscanf(opened.Text, "%s\n%d\n%s\n", &origin, &tree.N, &root)
	check(err)
	tree.Hash, err = tlog.ParseHash(root)
	check(err)
	if origin != verifier.Name() {
		log.Fatalf("the checkpoint is of %s, not of %s", origin, verifier.Name())
	}
	return tree
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 || len(os.Args) > 4 {
		log.Fatal("usage: verify KEY MIRROR [OLDER CHECKPOINT]")
	}
	dir := mirror(os.Args[2])
	tree := checkpoint(os.Args[1], filepath.Join(string(dir), "checkpoint"))
	tiles := tlog.TileHashReader(tree, dir)
	root, err := tlog.TreeHash(tree.N, tiles)
	check(err)
	if root != tree.Hash {
		log.Fatalf("the tiles have the root %v, not %v", root, tree.Hash)
	}
	for first := int64(0); first < tree.N; first += 256 {
		bundle(dir, tiles, first, tree)
	}
	if len(os.Args) == 4 {
		older := checkpoint(os.Args[1], os.Args[3])
		proof, err := tlog.ProveTree(tree.N, older.N, tiles)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash))
	}
	fmt.Println(tree.N, tree.Hash)
}

// bundle checks that the entries of a bundle stand in the tree, the last one by its proof too.
func bundle(dir mirror, tiles tlog.HashReader, first int64, tree tlog.Tree) {
	tile := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(min(256, tree.N-first))}
	data := dir.read(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
	var indexes []int64
	var hashes []tlog.Hash
	for len(data) >= 2 {
		end := 2 + int(data[0])<<8 + int(data[1])
		if end > len(data) {
			log.Fatalf("the bundle of entry %d is cut short", first)
		}
		indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(len(hashes))))
		hashes = append(hashes, tlog.RecordHash(data[2:end]))
		data = data[end:]
	}
	if len(hashes) != tile.W || len(data) != 0 {
		log.Fatalf("the bundle of entry %d has %d entries, not %d", first, len(hashes), tile.W)
	}
	stored, err := tiles.ReadHashes(indexes)
	check(err)
	for i := range hashes {
		if stored[i] != hashes[i] {
			log.Fatalf("entry %d is not the one in the tree", first+int64(i))
		}
	}
	last := first + int64(tile.W) - 1
	proof, err := tlog.ProveRecord(tree.N, last, tiles)
	check(err)
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, last, hashes[tile.W-1]))
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
