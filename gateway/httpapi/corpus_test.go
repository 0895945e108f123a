package httpapi_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
)

// corpusTime is the time as of which testdata/packages was written.
var corpusTime = time.Date(2025, 11, 22, 5, 0, 0, 0, time.UTC)

type corpusCase struct {
	name, expect string
	secrecy      []string // namespace and local name of the sender's element
	body         []byte
}

func readCorpus(t *testing.T, folder string) []corpusCase {
	t.Helper()
	files, err := filepath.Glob("../../testdata/packages/" + folder + "/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no packages in %s: %v", folder, err)
	}
	var out []corpusCase
	for _, f := range files {
		c := corpusCase{name: strings.TrimSuffix(filepath.Base(f), ".xml")}
		if c.body, err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(f, ".xml") + ".expect")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch key {
			case "expect":
				c.expect = value
			case "secrecy-element":
				c.secrecy = strings.Fields(value)
			}
		}
		out = append(out, c)
	}
	return out
}

// Whatever the reader refuses is refused at the door with the number of that very reason, and leaves nothing behind.
func TestBadPackagesThroughTheDoor(t *testing.T) {
	w := newWorld(t, func(o *worldOptions) { o.start, o.limits.RefusalsPerMin = corpusTime, 10_000 })
	for _, c := range readCorpus(t, "bad") {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			if c.secrecy != nil {
				if _, err := w.change(schemas.SetPolicy{SecrecyElements: []schemas.SecrecyElement{{Namespace: c.secrecy[0], Local: c.secrecy[1]}}}); err != nil {
					t.Fatal(err)
				}
			}
			before := w.inside()
			p := w.post("sender", c.body).problem(t)
			switch {
			case c.expect == "secret":
				if p.Code != gateway.CodeSecret || len(p.Details) > 0 || p.Field != "" {
					t.Errorf("refused with %d %s, field %q, details %q", p.Code, p.ID, p.Field, p.Details)
				}
			case len(c.body) == 0:
				if p.Code != gateway.CodeEmpty {
					t.Errorf("nothing is refused with %d %s", p.Code, p.ID)
				}
			case p.Code < 2000 || p.Code > 2999 || len(p.Details) == 0 || !strings.HasPrefix(p.Details[0]+" ", c.expect+" "):
				t.Errorf("refused with %d %s, details %q, expected %s", p.Code, p.ID, p.Details, c.expect)
			}
			w.mustHoldNothingOf(c.body, before, w.inside(), p.Code)
		})
	}
	w.t = t
}

// Whatever the reader reads is accepted at the door once its sender has signed it; unsigned it never is.
func TestGoodPackagesThroughTheDoor(t *testing.T) {
	for _, c := range readCorpus(t, "good") {
		t.Run(c.name, func(t *testing.T) {
			p, err := schemas.Parse(context.Background(), schemas.ReceivedBytes(c.body), schemas.Options{Now: corpusTime})
			if err != nil {
				t.Fatal(err)
			}
			if !p.Kind.IsEdXML() || len(p.Signatures) > 0 {
				t.Skip("signed by keys that are not at hand, or no edXML: other tests hand those in")
			}
			w := newWorld(t, func(o *worldOptions) { o.start = corpusTime })
			w.register(p)
			if got := w.post("corpus", c.body).problem(t); got.Code != gateway.CodeUnsigned {
				t.Errorf("unsigned: refused with %d %s, expected %d", got.Code, got.ID, gateway.CodeUnsigned)
			}
			signed := w.sign(c.body, w.agencies["corpus"])
			a := w.post("corpus", signed)
			if p.Status != nil { // about a document that this node has never seen
				if got := a.problem(t); got.Code != gateway.CodeDocumentUnknown {
					t.Errorf("refused with %d %s %q, expected %d", got.Code, got.ID, got.Details, gateway.CodeDocumentUnknown)
				}
				return
			}
			if a.status != 201 {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			w.step()
			got := w.call("corpus", "GET", a.header.Get("Location"), nil)
			if !bytes.Equal(got.body, signed) {
				t.Error("the package comes out otherwise than it went in")
			}
		})
	}
}

// register makes everybody that a package names known, and its sender a caller with a key.
func (w *world) register(p *schemas.Package) {
	w.t.Helper()
	codes := map[string]bool{}
	add := func(code string) {
		if r := w.node.Snapshot().Directory.Resolve(code, w.clock.Now()); code != "" && !r.Known {
			codes[code] = true
		}
	}
	add(p.Sender())
	if d := p.Document; d != nil {
		for _, to := range d.To {
			add(to.ID)
		}
		for _, u := range d.Business.Updates {
			for _, r := range u.Receivers {
				add(r.OrganID)
			}
		}
		for _, r := range d.Business.Replacements {
			for _, id := range r.OrganIDs {
				add(id)
			}
		}
	}
	if s := p.Status; s != nil {
		add(s.ResponseFor.OrganID)
	}
	var ops []schemas.Operation
	sender := p.Sender()
	d := w.node.Snapshot().Directory
	if r := d.Resolve(sender, w.clock.Now()); r.Known { // VPCP, which the world knows by its other code as another node's
		sender = r.Org
		ops = append(ops, schemas.ChangeOrganisation{Code: sender, Node: origin})
	}
	for code := range codes {
		ops = append(ops, schemas.AddOrganisation{Code: code, Name: "Cơ quan " + code})
	}
	ops = append(ops, w.newAgency(sender, "Cơ quan gửi")...)
	w.agencies["corpus"] = w.agencies[sender]
	ops = append(ops, w.newClient("corpus", schemas.Holder{Kind: schemas.HolderOrganisation, ID: sender}))
	if _, err := w.change(ops...); err != nil {
		w.t.Fatalf("couldn't register: %v", err)
	}
}
