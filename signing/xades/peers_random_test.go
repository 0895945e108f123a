//go:build peers

package xades_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// scribe writes documents at random that are hard to canonicalise: namespaces rebound and undone, inherited xml: attributes, everything that
// can be written in more ways than one.
type scribe struct {
	r   *rand.Rand
	b   strings.Builder
	ids int
	// lang: xml:lang is changed further inside. Where an element inherits it in inclusive canonicalisation, Santuario, and DSS with
	// it, take that of the outermost ancestor; the nearest is due, says the recommendation, and libxml2 agrees.
	lang bool
}

func (s *scribe) pick(list ...string) string { return list[s.r.IntN(len(list))] }

func (s *scribe) element(depth int, bound []string) {
	prefix := ""
	if len(bound) > 0 && s.r.IntN(2) == 0 {
		prefix = s.pick(bound...)
	}
	decl := ""
	if s.r.IntN(3) == 0 {
		prefix = s.pick("p", "q", "ds", "xades")
		decl = fmt.Sprintf(` xmlns:%s=%q`, prefix, s.pick("urn:a", "urn:b", "urn:c"))
		bound = append(bound[:len(bound):len(bound)], prefix)
	}
	if s.r.IntN(4) == 0 {
		decl += fmt.Sprintf(` xmlns='%s'`, s.pick("urn:d", "urn:a", ""))
	}
	name := s.pick("a", "b", "văn-bản")
	if prefix != "" {
		name = prefix + ":" + name
	}
	attrs := ""
	for _, a := range []string{`b = 'x  &#10;&lt;"'`, `z="` + "\n\t" + `&amp;&gt;"`, `xml:lang="vi"`, `xml:space='preserve'`} {
		if s.r.IntN(4) == 0 && (s.lang || !strings.HasPrefix(a, "xml:lang")) {
			attrs += s.pick(" ", "\n", "  ") + a
		}
	}
	if s.r.IntN(3) == 0 {
		s.ids++
		attrs += fmt.Sprintf(` Id="e%d"`, s.ids)
	}
	if depth > 1 && s.r.IntN(6) == 0 {
		s.b.WriteString("<" + name + attrs + decl + "/>")
		return
	}
	s.b.WriteString("<" + name + decl + attrs + s.pick("", " ", "\n") + ">")
	for range s.r.IntN(4) {
		s.b.WriteString(s.pick("text", " &#xD; ", "<![CDATA[<&]]>", "<!-- c -->", "<?pi x?>", "Báo cáo &amp; số", "\n  "))
		if depth < 5 {
			s.element(depth+1, bound)
		}
	}
	s.b.WriteString("</" + name + s.pick("", " ") + ">")
}

func randomDocument(r *rand.Rand, lang bool) (doc string, ids int) {
	s := &scribe{r: r, lang: lang}
	s.b.WriteString(s.pick("", `<?xml version="1.0" encoding="UTF-8"?>`+"\n") + s.pick("", "<!-- before --><?pi?>\n"))
	s.b.WriteString(`<r xmlns:p="urn:p" xmlns="urn:r" ` + s.pick("", ` xml:lang="en"`) + `>`)
	for range 1 + r.IntN(4) {
		s.element(1, []string{"p"})
	}
	s.b.WriteString("</r>" + s.pick("", "\n<!-- after -->\n"))
	return s.b.String(), s.ids
}

// TestRandomDocumentsAndDSS signs documents made at random at level B-LTA, both ways.
func TestRandomDocumentsAndDSS(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	m.At = now.Add(time.Hour)
	at := m
	at.At = now
	methods := []string{signing.ExcC14N, signing.C14N10, signing.C14N11}
	s := judges.Signing{Level: "LTA", Packaging: "ENVELOPED", Algorithm: "ECDSA", Key: keyFile(t, dir, "signer", p.ecdsa), Chain: []string{write(t, dir, "signer.crt", p.ecdsa.cert.Raw)},
		TSAKey: keyFile(t, dir, "tsa", p.tsa2), TSACert: []string{write(t, dir, "tsa.crt", p.tsa2.cert.Raw), write(t, dir, "stamping.crt", p.stamping.cert.Raw)}}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		o := xades.SignOptions{SignOptions: signing.SignOptions{C14N: methods[r.IntN(3)]}}
		doc, ids := randomDocument(r, o.C14N == signing.ExcC14N)
		for i := range ids {
			if r.IntN(3) == 0 && len(o.IDs) < 4 {
				o.IDs = append(o.IDs, fmt.Sprintf("e%d", i+1))
			}
		}
		o.Whole = r.IntN(2) == 0
		ao := p.options(xades.LevelA, now)
		ao.C14N = methods[r.IntN(3)]
		ours := augment(t, sign(t, doc, p.ecdsa, p, o), ao)
		opinion, err := dss.Validate(write(t, dir, "ours.xml", ours), m)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, doc)
		}
		if !opinion.Passed() || opinion.Signatures[0].Level != "XAdES-BASELINE-LTA" {
			t.Errorf("seed %d, %s, time-stamps %s, ids %v: %s\n%s", seed, o.C14N, ao.C14N, o.IDs, opinion, doc)
		}
		s.C14N = methods[r.IntN(3)]
		in, out := write(t, dir, "in.xml", []byte(doc)), filepath.Join(dir, "out.xml")
		if err := dss.Sign(in, out, s, at); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, doc)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		theirs(t, b, doc, xades.LevelA, p.ecdsa)
	}
}
