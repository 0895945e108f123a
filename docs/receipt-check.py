#!/usr/bin/env python3
"""Checks a Trạm receipt offline: receipt-check.py FILE KEY
KEY is the node's certificate (PEM file) or the log's verifier key (origin+id+base64, or a file with it). Needs python3 and openssl."""
import base64, hashlib, json, os, subprocess, sys, tempfile
sha, b64 = lambda b: hashlib.sha256(b).digest(), lambda s: base64.b64decode(s, validate=True)

def verify(args, key, sig, text):  # with openssl, through files
    with tempfile.TemporaryDirectory() as d:
        for name, data in ("key", key), ("sig", sig), ("text", text):
            open(os.path.join(d, name), "wb").write(data)
        return subprocess.run(["openssl"] + args, cwd=d, capture_output=True).returncode == 0

head, checkpoint = open(sys.argv[1], "rb").read().split(b"\n\n", 1)
version, extra, index, *proof = head.decode().split("\n")
assert version == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and index.startswith("index "), "not a receipt"
statement = b64(extra[6:]).split(b"\n", 1)[0]
text, lines = checkpoint.split(b"\n\n", 1)
origin, size, root = text.decode().split("\n")
text, i, last, node = text + b"\n", int(index[6:]), int(size) - 1, sha(b"\0" + sha(statement))
assert 0 <= i <= last and json.loads(statement)["origin"] == origin, "position or origin"
for h in map(b64, proof):  # RFC 9162, 2.1.3.2
    assert last > 0, "proof too long"
    if i % 2 or i == last:
        node = sha(b"\1" + h + node)
        while i % 2 == 0 and i:
            i, last = i >> 1, last >> 1
    else:
        node = sha(b"\1" + node + h)
    i, last = i >> 1, last >> 1
assert last == 0 and node == b64(root), "the statement is not under the root"
sigs = dict(line.split(" ")[1:] for line in lines.decode().splitlines())
key = open(sys.argv[2]).read() if os.path.exists(sys.argv[2]) else sys.argv[2]
if "-----BEGIN" in key:  # a certificate: the line of the node's key
    pub = subprocess.run(["openssl", "x509", "-in", sys.argv[2], "-pubkey", "-noout"], capture_output=True, check=True).stdout
    ok = verify(["dgst", "-sha256", "-verify", "key", "-signature", "sig", "text"], pub, b64(sigs[origin + "/node"])[4:], text)
else:  # a verifier key: the Ed25519 line; 44 bytes of DER say "an Ed25519 key"
    name, _, key = key.strip().split("+", 2)
    der = bytes.fromhex("302a300506032b6570032100") + b64(key)[1:]
    ok = name == origin and verify("pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile sig".split(), der, b64(sigs[origin])[4:], text)
assert ok, "the signature is not by this key"
print(statement.decode())
