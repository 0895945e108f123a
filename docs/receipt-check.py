#!/usr/bin/env python3
"""receipt-check.py RECEIPT KEY [WITNESS-KEY]...; KEY: the log's verifier key (name+id+base64), itself or in a file, or
a PEM file with the node's certificate. Needs openssl. Once the log's key was rotated: the key in force at the receipt's head.
Each WITNESS-KEY (name+id+base64, C2SP tlog-cosignature) must have cosigned the head; its time is printed."""
import base64, datetime, hashlib, json, os, subprocess, sys, tempfile
sha, b64 = lambda b: hashlib.sha256(b).digest(), lambda s: base64.b64decode(s, validate=True)
need = lambda ok, what: ok or sys.exit("not proved: " + what)
head, text, lines = open(sys.argv[1], "rb").read().split(b"\n\n")
version, extra, index, *proof = head.decode().split("\n")
need((version, extra[:6], index[:6]) == ("c2sp.org/tlog-proof@v1", "extra ", "index "), "not a receipt")
statement, (origin, size, root) = b64(extra[6:]).split(b"\n")[0], text.decode().split("\n")
i, last, node = int(index[6:]), int(size) - 1, sha(b"\0" + sha(statement))
need(0 <= i <= last and json.loads(statement)["origin"] == origin, "position or origin")
for h in map(b64, proof):  # RFC 9162, 2.1.3.2
    need(last > 0, "proof too long")
    left = i % 2 == 1 or i == last  # h is the left one, perhaps some levels up
    while left and i and i % 2 == 0:
        i, last = i >> 1, last >> 1
    i, last, node = i >> 1, last >> 1, sha(b"\1" + (h + node if left else node + h))
need(last == 0 and node == b64(root), "the statement is not under the root")
sigs = {(n, b64(v)[:4]): b64(v)[4:] for n, v in (line.split(" ")[1:] for line in lines.decode().splitlines())}
ed25519 = bytes.fromhex("302a300506032b6570032100")  # DER that says "an Ed25519 key"
def verified(key, message, sig, args):
    with tempfile.TemporaryDirectory() as d:
        [open(os.path.join(d, n), "wb").write(b) for n, b in (("key", key), ("sig", sig), ("text", message))]
        return subprocess.run(["openssl"] + args.split(), cwd=d, capture_output=True).returncode == 0
def vkey(s):  # name+id+base64 of a type byte and the public key
    need(s.count("+") > 1, "neither a certificate nor a verifier key: " + s[:60])
    name, kid, key = s.strip().split("+", 2)
    need(sha(name.encode() + b"\n" + b64(key))[:4].hex() == kid, "the id of key " + name)
    return name, bytes.fromhex(kid), b64(key)
raw = "pkeyutl -verify -pubin -inkey key -keyform DER -rawin -in text -sigfile sig"
given = open(sys.argv[2]).read() if os.path.exists(sys.argv[2]) else sys.argv[2]
if "BEGIN CERTIFICATE" in given:  # a certificate: the line of the node's key
    key = subprocess.run(["openssl", "x509", "-in", sys.argv[2], "-pubkey", "-noout"], capture_output=True, check=True).stdout
    own = [v for (n, _), v in sigs.items() if n == origin + "/node"]
    need(any(verified(key, text + b"\n", v, "dgst -sha256 -verify key -signature sig text") for v in own), "not signed by this key")
else:  # a verifier key: the Ed25519 line
    name, kid, key = vkey(given)
    need(name == origin and key[0] == 1, "another log's key")
    need(verified(ed25519 + key[1:], text + b"\n", sigs.get((name, kid), b""), raw), "not signed by this key")
for name, kid, key in map(vkey, sys.argv[3:]):  # cosignature/v1: 8 bytes of time, then Ed25519 over time and checkpoint
    sig = sigs.get((name, kid), bytes(72))
    at = int.from_bytes(sig[:8], "big")
    need(key[0] == 4 and len(sig) == 72 and verified(ed25519 + key[1:], b"cosignature/v1\ntime %d\n" % at + text + b"\n", sig[8:], raw), "not cosigned by " + name)
    print("witnessed by %s at %s" % (name, datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat()), file=sys.stderr)
print(statement.decode())
