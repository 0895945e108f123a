package xades_test

import (
	"bytes"
	"context"
	"crypto"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// reads counts the bytes that are read of a document.
type reads struct {
	signing.BytesSource
	n int64
}

func (r *reads) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.BytesSource.ReadAt(p, off)
	r.n += int64(n)
	return n, err
}

func (r *reads) Bytes() {} // hides that it is in memory

// TestManyTimeStamps: a signature can't make its reader read the document for every time-stamp that somebody has put into it.
func TestManyTimeStamps(t *testing.T) {
	p := newPKI(t)
	doc := augment(t, sign(t, documents["generic"], p.ecdsa, p, xades.SignOptions{}), p.options(xades.LevelA, now))
	i := bytes.Index(doc, []byte("<xades141:ArchiveTimeStamp "))
	j := bytes.Index(doc, []byte("</xades141:ArchiveTimeStamp>")) + len("</xades141:ArchiveTimeStamp>")
	one := bytes.Replace(doc[i:j], []byte(` Id="`), []byte(` x="`), 1)
	many := append(append(bytes.Clone(doc[:j]), bytes.Repeat(one, 99)...), doc[j:]...)
	src := &reads{BytesSource: many}
	rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	res := &rep.Signatures[0]
	props, err := xades.Read(context.Background(), src, res)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(props.ArchiveTimeStamps); n != 64 || len(props.Problems) == 0 {
		t.Errorf("%d time-stamps are read, and %d problems told", n, len(props.Problems))
	}
	first := int64(0)
	for k := range props.ArchiveTimeStamps {
		src.n = 0
		if _, err := props.ArchiveTimeStamps[k].Imprint(context.Background(), src, res, crypto.SHA256); err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			first = src.n
		}
	}
	if size := res.Range.Len(); first < 2*int64(len(documents["generic"])) || src.n > 100*size {
		t.Errorf("the first imprint reads %d bytes, the last %d of a signature of %d", first, src.n, size)
	}
}
