package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"slices"
	"testing"
)

// node is an element of DER that tests take apart and put together again.
type node struct {
	tag  byte
	val  []byte
	kids []*node
	ber  bool // write with indefinite length
}

func parseNodes(t testing.TB, b []byte) (out []*node) {
	t.Helper()
	for len(b) > 0 {
		n, rest := parseNode(t, b)
		out, b = append(out, n), rest
	}
	return out
}

func parseNode(t testing.TB, b []byte) (*node, []byte) {
	t.Helper()
	n, size := int(b[1]), 2
	if n > 0x80 {
		size, n = 2+n&0x7F, 0
		for _, c := range b[2:size] {
			n = n<<8 | int(c)
		}
	}
	e := &node{tag: b[0], val: bytes.Clone(b[size : size+n])}
	if e.tag&0x20 != 0 {
		e.kids = parseNodes(t, e.val)
	}
	return e, b[size+n:]
}

func (n *node) encode() []byte {
	val := n.val
	if n.tag&0x20 != 0 {
		val = nil
		for _, k := range n.kids {
			val = append(val, k.encode()...)
		}
	}
	if n.ber {
		return append(append([]byte{n.tag, 0x80}, val...), 0, 0)
	}
	out := []byte{n.tag}
	switch l := len(val); {
	case l < 0x80:
		out = append(out, byte(l))
	case l < 0x100:
		out = append(out, 0x81, byte(l))
	default:
		out = append(out, 0x82, byte(l>>8), byte(l))
	}
	return append(out, val...)
}

// forged is a token taken apart.
type forged struct {
	root, data, info, signers *node // ContentInfo, SignedData, TSTInfo, SET of SignerInfo
	signer, attrs             *node
	unsorted                  bool
}

func takeApart(t testing.TB, der []byte) *forged {
	t.Helper()
	root, _ := parseNode(t, der)
	f := &forged{root: root, data: root.kids[1].kids[0]}
	f.info, _ = parseNode(t, f.data.kids[2].kids[1].kids[0].val)
	f.signers = f.data.kids[len(f.data.kids)-1]
	f.signer = f.signers.kids[0]
	f.attrs = f.signer.kids[3]
	return f
}

// attribute finds the signed attribute whose type ends with this octet of the arc 1.2.840.113549.1.9 (or 1.9.16.2).
func (f *forged) attribute(last byte) *node {
	for _, a := range f.attrs.kids {
		if oid := a.kids[0].val; oid[len(oid)-1] == last {
			return a
		}
	}
	return nil
}

// keep writes the changed TSTInfo back, without signing again.
func (f *forged) keep() { f.data.kids[2].kids[1].kids[0].val = f.info.encode() }

// sign signs again after a change.
func (f *forged) sign(t testing.TB, key crypto.Signer) {
	t.Helper()
	f.keep()
	h := crypto.SHA256.New()
	h.Write(f.data.kids[2].kids[1].kids[0].val)
	if a := f.attribute(4); a != nil {
		a.kids[1].kids[0].val = h.Sum(nil)
	}
	f.value(t, key)
}

// value makes only the signature value anew.
func (f *forged) value(t testing.TB, key crypto.Signer) {
	t.Helper()
	slices.SortFunc(f.attrs.kids, func(a, b *node) int { return bytes.Compare(a.encode(), b.encode()) })
	if f.unsorted {
		slices.Reverse(f.attrs.kids)
	}
	set := *f.attrs
	set.tag = 0x31
	h := crypto.SHA256.New()
	h.Write(set.encode())
	v, err := key.Sign(rand.Reader, h.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	f.signer.kids[5].val = v
}
