#!/usr/bin/env python3
"""receipt-check.py RECEIPT KEY; KEY: PEM file of the node's certificate, or the log's verifier key. Needs openssl."""
import base64, hashlib, json, os, subprocess, sys, tempfile
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
pem, signer, args = os.path.exists(sys.argv[2]), origin, "pkeyutl -verify -pubin -inkey key -rawin -in text -sigfile sig"
if pem:  # a certificate: the line of the node's key
    key = subprocess.run(["openssl", "x509", "-in", sys.argv[2], "-pubkey", "-noout"], capture_output=True, check=True).stdout
    signer, args = origin + "/node", "dgst -sha256 -verify key -signature sig text"
else:  # a verifier key: the Ed25519 line; 12 bytes of DER say "an Ed25519 key"
    name, _, key = sys.argv[2].strip().split("+", 2)
    key = need(name == origin, "another log's key") and bytes.fromhex("302a300506032b6570032100") + b64(key)[1:]
sig = b64(dict(line.split(" ")[1:] for line in lines.decode().splitlines())[signer])[4:]
with tempfile.TemporaryDirectory() as d:
    [open(os.path.join(d, n), "wb").write(b) for n, b in (("key", key), ("sig", sig), ("text", text + b"\n"))]
    need(subprocess.run(["openssl"] + args.split() + ["-keyform", "DER"] * (not pem), cwd=d, capture_output=True).returncode == 0, "not signed by this key")
print(statement.decode())
