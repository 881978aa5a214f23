#!/usr/bin/env python3
"""Proves what the log says with Python's standard library alone; README.md beside it tells how.

prove.py receipt POLICY RECEIPT.json                one exchange, from its filed receipt
prove.py log POLICY MIRROR RECORDS.jsonl [OLDER...] the whole log; OLDER: checkpoints kept before
"""
import base64, hashlib, hmac, json, sys
from pathlib import Path

# Ed25519, slow and plain: RFC 8032, section 5.1.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def point(data):
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    x = x if x * x % P == xx else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != xx or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    return (x if x & 1 == sign else P - x), y

def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    inverse = pow((1 + t) * (1 - t), P - 2, P)
    x, y = (a[0] * b[1] + b[0] * a[1]) * (1 - t), (a[1] * b[1] + a[0] * b[0]) * (1 + t)
    return x * inverse % P, y * inverse % P

def times(n, a):
    total = (0, 1)
    while n:
        total, a, n = (add(total, a) if n & 1 else total), add(a, a), n >> 1
    return total

def signed(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    right = add(point(signature[:32]), times(k, point(key)))
    return len(signature) == 64 and s < L and times(s, point(b"X" + b"f" * 31)) == right

# Keys, signed checkpoints and policies: C2SP signed-note, tlog-checkpoint, -cosignature, -policy.
def unbase64(text, *size):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text or size not in ((), (len(data),)):
        raise ValueError(f"{text!r} is not the base64 expected here")
    return data

def checkpoint(note, policy):
    """Its size and root; it must be signed by a log of the policy and by the quorum."""
    body, _, lines = note.decode().rpartition("\n\n")
    (origin, size, head), text = body.split("\n"), (body + "\n").encode()
    signatures = [line[2:].rsplit(" ", 1) for line in lines.split("\n") if line[:2] == "— "]
    def signs(vkey, kind):
        name, id, key = vkey.split("+", 2)
        key = unbase64(key, 33)
        if key in keys or key[0] != kind or hashlib.sha256(f"{name}\n".encode() + key).hexdigest()[:8] != id:
            raise ValueError(f"the policy's {vkey} is given twice, or is no key of type {kind:02}")
        keys.add(key)
        by_name = [unbase64(data) for named, data in signatures if named == name]
        for data in [data for data in by_name if data[:4].hex() == id]:
            time = b"cosignature/v1\ntime %d\n" % int.from_bytes(data[4:12], "big")
            if not signed(key[1:], *((text, data[4:]) if kind == 1 else (time + text, data[12:]))):
                raise ValueError(f"the signature by {name} is wrong")
            return kind == 4 or name == origin
        return False
    keys, log, known, by, quorum = set(), False, {}, [], []
    for words in [line.split() for line in policy.split("\n") if line.strip()[:1] not in ("", "#")]:
        if words[0] == "log":
            log |= signs(words[1], 1)
        elif words[0] == "witness" and words[1] not in known:
            known[words[1]] = signs(words[2], 4)
            by += [words[1]] if known[words[1]] else []
        elif words[0] == "group" and words[1] not in known:
            k = {"any": 1, "all": len(words[3:])}.get(words[2]) or int(words[2])
            known[words[1]] = sum(known.pop(member) for member in words[3:]) >= max(k, 1)
        elif words[0] == "quorum" and not quorum:
            quorum = [words[1] == "none" or known[words[1]]]
        else:
            raise ValueError(f"not a line of a policy: {' '.join(words)!r}")
    if not log or quorum != [True]:
        raise ValueError("the checkpoint lacks the " + ("witnesses' quorum" if log else "log's signature"))
    print(f"{origin}: {size} entries under root {head}, cosigned by: {', '.join(by) or 'nobody'}")
    return int(size), unbase64(head, 32)

# The tree and the commitments in it: RFC 6962, C2SP tlog-tiles and tlog-proof.
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()

def entry(shown):
    return b"\1" + hmac.new(bytes.fromhex(shown["opening"]), shown["record"].encode(), "sha256").digest()

def root(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha()
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1", root(hashes[:half]), root(hashes[half:]))

def receipt(policy, file):
    filed = json.loads(Path(file).read_bytes())
    text, _, note = Path(file).with_suffix(".proof").read_bytes().partition(b"\n\n")
    version, index, *proof = [line for line in text.decode().split("\n") if line[:6] != "extra "]
    size, head = checkpoint(note, policy)
    at, last, computed = int(index[6:]), size - 1, sha(b"\0", entry(filed))
    rest, proof = at, [unbase64(line, 32) for line in proof]
    while last > 0:
        if rest & 1 or rest < last:
            computed = sha(b"\1", *((proof.pop(0), computed) if rest & 1 else (computed, proof.pop(0))))
        rest, last = rest >> 1, last >> 1
    form = [version, index] == ["c2sp.org/tlog-proof@v1", f"index {at}"]
    if not form or proof or not 0 <= at < size or computed != head:
        raise ValueError(f"the record is not proved to be exchange {at}")
    print(f"proved: exchange {at} is {filed['record']}")

def log(policy, mirror, exported, *older):
    def piece(level, n, width):
        path = "".join(f"x{n // 1000**k % 1000:03}/" for k in (3, 2, 1) if n >= 1000**k) + f"{n % 1000:03}"
        partial = Path(mirror, "tile", level, f"{path}.p", str(width))
        return (partial if partial.exists() else Path(mirror, "tile", level, path)).read_bytes()
    heads = [(name, *checkpoint(Path(name).read_bytes(), policy)) for name in [f"{mirror}/checkpoint", *older]]
    size, entries, faults, counters = heads[0][1], [], [], {}
    for at in range(0, size, 256):
        bundle = piece("entries", at // 256, min(256, size - at))
        for _ in range(min(256, size - at)):
            end = 2 + int.from_bytes(bundle[:2], "big")
            entries.append(bundle[2:end])
            bundle = bundle[end:]
    leaves = [sha(b"\0", data) for data in entries]
    for name, before, head in heads:
        if before > size or root(leaves[:before]) != head:
            faults.append(f"the entries do not have the root of {name}")
    shown = {item["index"]: item for item in map(json.loads, Path(exported).read_bytes().splitlines())}
    for at, data in enumerate(entries):
        if at not in shown or entry(shown[at]) != data:
            fault = "not the one that the log committed to" if at in shown else "missing"
            faults.append(f"record {at} is {fault}")
        for party, count in json.loads(shown[at]["record"])["parties"].items() if at in shown else ():
            last, counters[party] = counters.get(party, 0), count
            if count != last + 1:
                faults.append(f"record {at} is number {count} that concerns {party}, after number {last}")
    if faults:
        raise ValueError("\n  ".join([f"{len(faults)} faults", *faults[:20]]))
    print(f"proved: {size} records, none missing")

try:
    sys.stdout.reconfigure(errors="backslashreplace")
    command = {"receipt": receipt, "log": log}[sys.argv[1]]
    command(Path(sys.argv[2]).read_bytes().decode(), *sys.argv[3:])
except (IndexError, KeyError, ValueError, TypeError, OSError) as error:
    sys.exit(__doc__ if len(sys.argv) < 4 + (sys.argv[1:2] == ["log"]) else f"wrong: {type(error).__name__}: {error}")
