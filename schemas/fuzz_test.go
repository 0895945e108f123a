package schemas

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// FuzzParse: whatever comes in, the answer is a package or a refusal, the same from memory and from a stream, and what is
// handed out can be read to its end or fails as announced.
func FuzzParse(f *testing.F) {
	for _, v := range readVectors(f) {
		if len(v.bytes) < 30_000 {
			f.Add(v.bytes)
		}
	}
	f.Fuzz(checkAny)
}

// TestMutations does the same with packages that are nearly right.
func TestMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(2025, 11))
	names := append(elementNames(acceptGrammar()), elementNames(tramGrammar())...)
	for _, v := range readVectors(t) {
		if len(v.bytes) > 20_000 {
			continue
		}
		for range 12 {
			checkAny(t, mutate(r, v.bytes, names))
		}
	}
}

func checkAny(t *testing.T, b []byte) {
	o := Options{Now: vectorTime, Limits: Limits{MaxUnpacked: 1 << 20}}
	p, err := Parse(context.Background(), ReceivedBytes(b), o)
	q, err2 := Parse(context.Background(), Received{Source: plainSource{b}}, o)
	if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
		t.Fatalf("from memory: %v; from a stream: %v", err, err2)
	}
	if err != nil {
		var r *Refusal
		if p != nil || q != nil || !errors.As(err, &r) || len(r.Problems) == 0 || r.Problems[0].Code == "" {
			t.Fatalf("got %v and %v", p, err)
		}
		return
	}
	if p.Sender() == "" || p.Secrecy != SecrecyNone || p.SignatureSlot <= 0 || p.SignatureSlot >= int64(len(b)) {
		t.Fatalf("package without sender or slot: %+v", p)
	}
	for i := range p.Attachments {
		a := &p.Attachments[i]
		r, err := a.Open()
		if err != nil {
			continue
		}
		n, err := io.Copy(io.Discard, r)
		if n > a.Size || err == nil && n != a.Size {
			t.Fatalf("attachment of %d bytes gives %d (%v)", a.Size, n, err)
		}
	}
	rewrite(t, p)
}

// rewrite writes the model again: it must read as the same model, if the writer takes it.
func rewrite(t *testing.T, p *Package) {
	var b []byte
	var err error
	switch p.Kind {
	case KindDirectoryChange:
		b, _, err = MarshalDirectoryChange(*p.Header, *p.Change)
	case KindDestruction:
		b, _, err = MarshalDestruction(*p.Header, *p.Destruction)
	case KindDossierAction:
		b, _, err = MarshalDossierAction(*p.Header, *p.Action, carried(p))
	case KindStatus:
		b, _, err = MarshalStatus(p.Status)
	default:
		return
	}
	if err != nil {
		t.Fatalf("couldn't write what was read: %v", err)
	}
	q, err := Parse(context.Background(), ReceivedBytes(b), Options{Now: vectorTime})
	if err != nil {
		t.Fatalf("couldn't read what was written: %v\n%s", err, b)
	}
	again := b
	switch p.Kind {
	case KindDirectoryChange:
		again, _, err = MarshalDirectoryChange(*q.Header, *q.Change)
	case KindDestruction:
		again, _, err = MarshalDestruction(*q.Header, *q.Destruction)
	case KindDossierAction:
		again, _, err = MarshalDossierAction(*q.Header, *q.Action, carried(q))
	case KindStatus:
		again, _, err = MarshalStatus(q.Status)
	}
	if err != nil || !bytes.Equal(b, again) {
		t.Fatalf("written twice it differs (%v)\n%s\n%s", err, b, again)
	}
}

// carried are the files of a package, to be written again.
func carried(p *Package) []File {
	var files []File
	for i := range p.Attachments {
		a := &p.Attachments[i]
		files = append(files, File{Name: a.Name, ContentType: a.ContentType, Description: a.Description, Raw: true, Open: a.Open})
	}
	return files
}

// FuzzZip: archives never make the reader fail, keep much, or give more than they promise.
func FuzzZip(f *testing.F) {
	for _, v := range readVectors(f) {
		p, err := Parse(context.Background(), ReceivedBytes(v.bytes), v.options())
		if err != nil {
			continue
		}
		for i := range p.Attachments {
			if raw, err := io.ReadAll(io.NewSectionReader(p.Attachments[i].Raw(), 0, 1<<16)); err == nil {
				f.Add(raw)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		src := bytes.NewReader(b)
		lim := DefaultLimits
		lim.MaxUnpacked = 1 << 20
		entries, bad, err := readZip(src, lim)
		if err != nil {
			t.Fatalf("source failed: %v", err)
		}
		if bad != nil {
			return
		}
		for _, e := range entries {
			r, err := openEntry(src, e)
			if err != nil {
				continue
			}
			if n, err := io.Copy(io.Discard, r); n > e.Size || err == nil && n != e.Size {
				t.Fatalf("entry of %d bytes gives %d (%v)", e.Size, n, err)
			}
		}
	})
}

// FuzzSecrecy: marks do not depend on the Unicode form, and looking for them never fails.
func FuzzSecrecy(f *testing.F) {
	for _, s := range []string{"MẬT", "TỐI MẬT", "MẬT ĐỘ", "12/MẬT-UBND", "BẢO-MẬT", "M\u200bẬT", "TUYỆT_MẬT.pdf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if level := SecrecyOfText(s); level < SecrecyNone || level > SecrecyTuyetMat {
			t.Fatalf("level %d", level)
		}
		if SecrecyOfText("x. "+s+". x") == SecrecyNone && SecrecyOfText(s) == SecrecyTuyetMat {
			t.Fatalf("%q is a stamp alone and none in a sentence of its own", s)
		}
		SecrecyOfNotation(s)
	})
}
