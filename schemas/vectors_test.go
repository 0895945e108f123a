package schemas

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// vectorTime is when the vectors are judged: noon of 22/11/2025 in Viet Nam.
var vectorTime = time.Date(2025, 11, 22, 12, 0, 0, 0, hanoi)

// vector is one case of testdata/packages: the package, and what is expected of it.
type vector struct {
	name   string
	bytes  []byte
	expect string
	fields map[string][]string
}

func (v *vector) one(key string) string {
	if l := v.fields[key]; len(l) > 0 {
		return l[0]
	}
	return ""
}

func (v *vector) options() Options {
	o := Options{Now: vectorTime}
	if e := v.one("secrecy-element"); e != "" {
		ns, local, _ := strings.Cut(e, " ")
		o.SecrecyElements = []SecrecyElement{{Namespace: ns, Local: local}}
	}
	return o
}

func readVectors(tb testing.TB) []vector {
	tb.Helper()
	files, err := filepath.Glob("../testdata/packages/*/*.xml")
	if err != nil || len(files) < 100 {
		tb.Fatalf("found %d vectors (%v), want at least 100", len(files), err)
	}
	var all []vector
	for _, f := range files {
		v := vector{name: strings.TrimSuffix(filepath.Base(f), ".xml"), fields: map[string][]string{}}
		if v.bytes, err = os.ReadFile(f); err != nil {
			tb.Fatal(err)
		}
		lines, err := os.ReadFile(strings.TrimSuffix(f, ".xml") + ".expect")
		if err != nil {
			tb.Fatal(err)
		}
		for s := bufio.NewScanner(bytes.NewReader(lines)); s.Scan(); {
			key, value, ok := strings.Cut(s.Text(), ": ")
			if !ok {
				tb.Fatalf("%s: line %q has no key", f, s.Text())
			}
			v.fields[key] = append(v.fields[key], value)
		}
		if v.expect = v.one("expect"); (v.expect == "ok") != (filepath.Base(filepath.Dir(f)) == "good") {
			tb.Fatalf("%s expects %q", f, v.expect)
		}
		all = append(all, v)
	}
	return all
}

type plainSource struct{ b []byte }

func (p plainSource) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(p.b).ReadAt(b, off)
}
func (p plainSource) Size() int64 { return int64(len(p.b)) }

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			memory := ReceivedBytes(v.bytes)
			p, err := Parse(context.Background(), memory, v.options())
			checkVector(t, &v, p, err)
			streamed, err := NewReceived(plainSource{v.bytes})
			if err != nil {
				t.Fatal(err)
			}
			if streamed.SHA256 != memory.SHA256 {
				t.Errorf("digest of the stream is %x, of the bytes %x", streamed.SHA256, memory.SHA256)
			}
			p, err = Parse(context.Background(), streamed, v.options())
			checkVector(t, &v, p, err)
		})
	}
}

func checkVector(t *testing.T, v *vector, p *Package, err error) {
	t.Helper()
	if v.expect == "ok" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		checkGood(t, v, p)
		return
	}
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want refusal %s", err, v.expect)
	}
	if p != nil {
		t.Error("refused package is handed out")
	}
	first := r.Problems[0]
	if string(first.Code) != v.expect {
		t.Fatalf("refused with %v, want %s", err, v.expect)
	}
	if want := v.one("path"); want != "" && first.Path != want {
		t.Errorf("refused at %s, want %s", first.Path, want)
	}
	if want := v.one("problems"); want != "" && want != fmt.Sprint(len(r.Problems)) {
		t.Errorf("refused with %d problems, want %s: %v", len(r.Problems), want, r.Problems)
	}
	if first.Code == Secret {
		if r.Secrecy == SecrecyNone || len(r.Problems) != 1 || first.Value != "" {
			t.Errorf("refusal of a secret says too much or too little: %+v %+v", r, first)
		}
	}
}

func checkGood(t *testing.T, v *vector, p *Package) {
	t.Helper()
	got := map[string][]string{"kind": {string(p.Kind)}, "signatures": {fmt.Sprint(len(p.Signatures))}, "unnamespaced-signature": {"no"}}
	if p.UnnamespacedSignature {
		got["unnamespaced-signature"] = []string{"yes"}
	}
	for _, w := range p.Warnings {
		got["warning"] = append(got["warning"], w.Code)
	}
	if d := p.Document; d != nil {
		got["document"], got["subject"] = []string{d.DocumentID}, []string{d.Subject}
		var to []string
		for _, o := range d.To {
			to = append(to, o.ID)
		}
		got["recipients"] = []string{strings.Join(to, " ")}
		got["business"] = []string{fmt.Sprint(int(d.Business.Type))}
		for _, a := range d.Affects() {
			got["affects"] = append(got["affects"], a.DocumentID)
		}
		if d.Type.Entry != nil {
			got["type"] = []string{d.Type.Entry.Name}
		}
	}
	for i := range p.Attachments {
		a := &p.Attachments[i]
		got["attachment"] = append(got["attachment"], fmt.Sprintf("%s %s %s %d", a.ContentID, a.Encoding, a.Name, readAll(t, a)))
	}
	if p.Status != nil {
		got["status"] = []string{string(p.Status.Code)}
	}
	if p.Change != nil {
		got["operations"] = []string{fmt.Sprint(len(p.Change.Operations))}
	}
	if p.Submission != nil {
		got["submitted"] = []string{fmt.Sprintf("%s %d", p.Submission.Sender, readAll(t, &p.Submission.File))}
	}
	if p.Destruction != nil {
		d := p.Destruction
		got["destruction"] = []string{fmt.Sprintf("%s %d %d", d.Scope, len(d.Decisions), len(d.Targets))}
	}
	if a := p.Action; a != nil {
		got["action"] = []string{fmt.Sprintf("%s %s %d", a.Act.Name(), a.Target.Kind, len(a.Files))}
	}
	for key, want := range v.fields {
		if key == "expect" || key == "secrecy-element" {
			continue
		}
		if key == "warning" { // others may be there too
			for _, w := range want {
				if !strings.Contains(" "+strings.Join(got[key], " ")+" ", " "+w+" ") {
					t.Errorf("no warning %s, got %v", w, got[key])
				}
			}
			continue
		}
		if fmt.Sprint(got[key]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	at := string(v.bytes[p.SignatureSlot:])
	if !strings.HasPrefix(at, "</") || !strings.Contains(at[:40], "Header>") {
		t.Errorf("signature slot is at %.40q", at)
	}
	for _, s := range p.Signatures {
		if text := string(v.bytes[s.Start:s.End]); !strings.HasPrefix(text, "<ds:Signature") || !strings.HasSuffix(text, "</ds:Signature>") {
			t.Errorf("signature range is %.60q", text)
		}
	}
}

// readAll reads an attachment to its end and returns its length, which must be its Size.
func readAll(t *testing.T, a *Attachment) int {
	t.Helper()
	r, err := a.Open()
	if err != nil {
		t.Fatalf("couldn't open %s: %v", a.Name, err)
	}
	defer r.Close()
	b, err := io.ReadAll(iotest.OneByteReader(r))
	if err != nil {
		t.Fatalf("couldn't read %s: %v", a.Name, err)
	}
	if int64(len(b)) != a.Size {
		t.Errorf("%s has %d bytes, Size says %d", a.Name, len(b), a.Size)
	}
	return len(b)
}
