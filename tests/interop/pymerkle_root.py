"""Checks a mirror of the log with the trees of PyPI's pymerkle (RFC 6962):
pymerkle_root.py MIRROR [OLDER CHECKPOINT]. The root of the checkpoint and every tile must
follow from the entries, and an older checkpoint be continued. It checks no signatures.
"""
import base64, sys
from pathlib import Path

from pymerkle import InmemoryTree, verify_consistency


def checkpoint(path):
    _, size, root = path.read_text().split("\n")[:3]
    return int(size), base64.b64decode(root)


def piece(level, n, width):
    path = "".join(f"x{n // 1000**k % 1000:03}/" for k in (3, 2, 1) if n >= 1000**k)
    path = mirror / "tile" / str(level) / f"{path}{n % 1000:03}"
    return (path if width == 256 else path.with_name(f"{path.name}.p") / str(width)).read_bytes()


def entries(size):
    for at in range(0, size, 256):
        data = piece("entries", at // 256, min(256, size - at))
        while data:
            end = 2 + int.from_bytes(data[:2], "big")
            yield data[2:end]
            data = data[end:]


def grown(entries):
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree


mirror = Path(sys.argv[1])
size, root = checkpoint(mirror / "checkpoint")
leaves = list(entries(size))
tree = grown(leaves)
assert (tree.get_size(), tree.get_root()) == (size, root), "the root is another"
level, span = 0, 1
while span <= size:
    count = size // span
    hashes = [
        tree.get_leaf(n + 1) if span == 1 else grown(leaves[n * span:(n + 1) * span]).get_root()
        for n in range(count)
    ]
    for at in range(0, count, 256):
        stored = piece(level, at // 256, min(256, count - at))
        assert stored == b"".join(hashes[at:at + 256]), f"tile {at // 256} of level {level}"
    level, span = level + 1, span * 256
if len(sys.argv) > 2:
    before, old = checkpoint(Path(sys.argv[2]))
    proof = tree.prove_consistency(before, size)
    verify_consistency(old, root, proof, prior_size=before, later_size=size)
print(size, base64.b64encode(root).decode())
