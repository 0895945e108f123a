package evidence_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/asice"
	"github.com/tram-exchange/tram/signing/verdict"
	"github.com/tram-exchange/tram/signing/xades"
)

// part is one entry of a container.
type part struct {
	name    string
	content []byte
}

// parts are all entries in order.
type parts []part

func unpack(t testing.TB, b []byte) (out parts) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, part{f.Name, content})
	}
	return out
}

// pack writes the entries as they are, with checksums that fit.
func (p parts) pack(t testing.TB) []byte {
	t.Helper()
	var w bytes.Buffer
	z := zip.NewWriter(&w)
	for _, f := range p {
		// Raw, because the strict reader wants mimetype without sizes behind it.
		h := &zip.FileHeader{Name: f.name, Method: zip.Store, CRC32: crc(f.content), CompressedSize64: uint64(len(f.content)), UncompressedSize64: uint64(len(f.content))}
		e, err := z.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

func (p parts) find(t testing.TB, prefix string, n int) *part {
	t.Helper()
	for i := range p {
		if strings.HasPrefix(p[i].name, prefix) {
			if n == 0 {
				return &p[i]
			}
			n--
		}
	}
	t.Fatalf("no entry %d with %q", n, prefix)
	return nil
}

func (p parts) remove(name string) parts {
	return slices.DeleteFunc(slices.Clone(p), func(f part) bool { return f.name == name })
}

// flip changes one bit in the middle of an entry.
func flip(f *part) { f.content[len(f.content)/2] ^= 1 }

// resign is what a node would do that cheats: it lists what is there and signs it.
func (w *world) resign(p parts) []byte {
	w.t.Helper()
	ctx := context.Background()
	var m evidence.Manifest
	if err := json.Unmarshal(p.find(w.t, evidence.ManifestName, 0).content, &m); err != nil {
		w.t.Fatal(err)
	}
	b := asice.NewBuilder(w.now)
	m.Files = nil
	for _, f := range p {
		if f.name == "mimetype" || f.name == evidence.ManifestName || strings.HasPrefix(f.name, "META-INF/") {
			continue
		}
		m.Files = append(m.Files, evidence.FileEntry{Name: f.name, SHA256: events.Sum(f.content), Size: int64(len(f.content))})
		if err := b.Add(ctx, f.name, "application/octet-stream", signing.BytesSource(f.content)); err != nil {
			w.t.Fatal(err)
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := b.Add(ctx, evidence.ManifestName, "application/json", signing.BytesSource(text)); err != nil {
		w.t.Fatal(err)
	}
	var signed, out bytes.Buffer
	err = xades.Sign(ctx, &signed, signing.BytesSource(asice.Signable()), w.nodeKey, w.chain, xades.SignOptions{
		SignOptions: signing.SignOptions{External: b.External()}, SigningTime: w.now})
	if err == nil {
		err = b.AddSignatures(signed.Bytes())
	}
	if err == nil {
		err = b.WriteTo(ctx, &out)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Bytes()
}

// rewrite changes the manifest.
func rewrite(t testing.TB, p parts, change func(*evidence.Manifest)) parts {
	t.Helper()
	f := p.find(t, evidence.ManifestName, 0)
	var m evidence.Manifest
	if err := json.Unmarshal(f.content, &m); err != nil {
		t.Fatal(err)
	}
	change(&m)
	var err error
	if f.content, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return p
}

// Every change is found, and the part that was changed is named: whoever makes it, an outsider who cannot sign, or the
// node itself, which signs the changed container.
func TestTampering(t *testing.T) {
	w := newWorld(t)
	w.grown()
	whole := w.container(w.options())
	if r := w.check(whole, nil); !r.OK() {
		t.Fatal(written(r))
	}
	if r := w.check(w.resign(unpack(t, whole)), nil); !r.OK() {
		t.Fatalf("signed again without a change: %s", written(r))
	}
	base := unpack(t, whole)
	name := func(prefix string, n int) string { return base.find(t, prefix, n).name }
	for _, test := range []struct {
		what   string
		change func(p parts) parts
		// the finding of an outsider's change, and of the node's: id and part. "" for none: the node may write what it likes there.
		outside, inside string
	}{
		{"package changed", func(p parts) parts { flip(p.find(t, "packages/", 0)); return p },
			"entry-digest " + name("packages/", 0), "package-digest " + name("packages/", 0)},
		{"package removed", func(p parts) parts { return p.remove(name("packages/", 0)) },
			"entry-missing " + name("packages/", 0), "entry-missing " + name("packages/", 0)},
		{"packages exchanged", func(p parts) parts {
			a, b := p.find(t, "packages/", 0), p.find(t, "packages/", 1)
			a.content, b.content = b.content, a.content
			return p
		}, "entry-digest " + name("packages/", 0), "package-digest " + name("packages/", 0)},
		{"package with other content, as new", func(p parts) parts {
			f := p.find(t, "packages/", 0)
			f.content = bytes.Replace(f.content, []byte("SNV-VP"), []byte("SNV-VX"), 1)
			return p
		}, "entry-digest " + name("packages/", 0), "package-digest " + name("packages/", 0)},
		{"statement changed", func(p parts) parts {
			f := p.find(t, "statements/", 0)
			f.content = bytes.Replace(f.content, []byte(`"actor":"H02.02"`), []byte(`"actor":"H02.03"`), 1)
			return p
		}, "entry-digest " + name("statements/", 0), "statement " + name("statements/", 0)},
		{"statement respelt", func(p parts) parts {
			f := p.find(t, "statements/", 0)
			f.content = append(f.content, '\n')
			return p
		}, "entry-digest " + name("statements/", 0), "statement " + name("statements/", 0)},
		{"statement removed", func(p parts) parts { return p.remove(name("statements/", 0)) },
			"entry-missing " + name("statements/", 0), ""},
		{"statements exchanged", func(p parts) parts {
			a, b := p.find(t, "statements/", 0), p.find(t, "statements/", 1)
			a.content, b.content = b.content, a.content
			return p
		}, "entry-digest " + name("statements/", 0), "statement " + name("statements/", 0)},
		{"statements and receipts exchanged", func(p parts) parts {
			for _, dir := range []string{"statements/", "receipts/"} {
				a, b := p.find(t, dir, 0), p.find(t, dir, 1)
				a.content, b.content = b.content, a.content
			}
			return p
		}, "entry-digest " + name("receipts/", 0), "receipt " + name("receipts/", 0)},
		{"receipt changed", func(p parts) parts { flip(p.find(t, "receipts/", 0)); return p },
			"entry-digest " + name("receipts/", 0), "receipt " + name("receipts/", 0)},
		{"receipt of another head", func(p parts) parts {
			f := p.find(t, "receipts/", 0)
			lines := strings.SplitAfter(string(f.content), "\n")
			lines[3], lines[4] = lines[4], lines[3]
			f.content = []byte(strings.Join(lines, ""))
			return p
		}, "entry-digest " + name("receipts/", 0), "receipt " + name("receipts/", 0)},
		{"node line of the receipt removed", func(p parts) parts {
			f := p.find(t, "receipts/", 0)
			i := bytes.LastIndex(f.content, []byte("— "))
			f.content = f.content[:i]
			return p
		}, "entry-digest " + name("receipts/", 0), "receipt " + name("receipts/", 0)},
		{"stored evidence changed", func(p parts) parts { flip(p.find(t, "evidence/", 0)); return p },
			"entry-digest " + name("evidence/", 0), "entry-digest " + name("evidence/", 0)},
		{"stored evidence exchanged", func(p parts) parts {
			f := p.find(t, "evidence/", 0)
			f.content = bytes.Replace(f.content, []byte(signing.PolicyVersion), []byte("tram-signature-policy-0"), 1)
			return p
		}, "entry-digest " + name("evidence/", 0), "entry-digest " + name("evidence/", 0)},
		{"stored evidence removed", func(p parts) parts { return p.remove(name("evidence/", 0)) },
			"entry-missing " + name("evidence/", 0), ""},
		{"token changed", func(p parts) parts { flip(p.find(t, "timestamps/", 0)); return p },
			"entry-digest " + name("timestamps/", 0), "time-stamp " + name("timestamps/", 0)},
		{"tokens exchanged", func(p parts) parts {
			a, b := p.find(t, "timestamps/", 0), p.find(t, "timestamps/", 1)
			a.content, b.content = b.content, a.content
			return p
		}, "entry-digest " + name("timestamps/", 0), "time-stamp " + name("timestamps/", 0)},
		{"file added", func(p parts) parts {
			return slices.Insert(p, len(p)-2, part{"packages/extra.xml", []byte("<a/>")})
		}, "entry-added packages/extra.xml", ""},
		{"file added to META-INF", func(p parts) parts { return append(p, part{"META-INF/signatures2.xml", asice.Signable()}) },
			"entry-added META-INF/signatures2.xml", "-"},
		{"order of files", func(p parts) parts { p[1], p[2] = p[2], p[1]; return p }, "order " + base[2].name, ""},
		{"summary changed", func(p parts) parts { flip(p.find(t, evidence.ReadmeName, 0)); return p }, "entry-digest " + evidence.ReadmeName, ""},
		{"manifest removed", func(p parts) parts { return p.remove(evidence.ManifestName) }, "entry-missing " + evidence.ManifestName, "-"},
		{"manifest changed", func(p parts) parts {
			return rewrite(t, p, func(m *evidence.Manifest) { m.Head++ })
		}, "container-signature " + asice.SignaturesName, ""},
		{"statement left out of the manifest", func(p parts) parts {
			return rewrite(t, p, func(m *evidence.Manifest) { m.Statements = m.Statements[1:] })
		}, "container-signature " + asice.SignaturesName, "order " + name("statements/", 1)},
		{"statements in another order", func(p parts) parts {
			return rewrite(t, p, func(m *evidence.Manifest) { slices.Reverse(m.Statements) })
		}, "container-signature " + asice.SignaturesName, "order " + name("statements/", 0)},
		{"another document", func(p parts) parts {
			return rewrite(t, p, func(m *evidence.Manifest) { m.Document = strings.Repeat("0", 64) })
		}, "container-signature " + asice.SignaturesName, "statement " + name("statements/", 0)},
		{"no statements", func(p parts) parts {
			return rewrite(t, p, func(m *evidence.Manifest) { m.Statements = nil })
		}, "container-signature " + asice.SignaturesName, "manifest " + evidence.ManifestName},
		{"another format", func(p parts) parts {
			return rewrite(t, p, func(m *evidence.Manifest) { m.Format = "x" })
		}, "manifest " + evidence.ManifestName, "manifest " + evidence.ManifestName},
		{"list of files changed", func(p parts) parts {
			f := p.find(t, asice.ManifestName, 0)
			f.content = bytes.Replace(f.content, []byte("evidence.json"), []byte("evidence.jsom"), 1)
			return p
		}, "entry-digest " + asice.ManifestName, "-"},
		{"signature changed", func(p parts) parts {
			f := p.find(t, asice.SignaturesName, 0)
			i := bytes.Index(f.content, []byte("<SignatureValue")) + 60
			f.content[i] = map[bool]byte{true: 'B', false: 'A'}[f.content[i] == 'A']
			return p
		}, "container-signature " + asice.SignaturesName, "-"},
		{"signature removed", func(p parts) parts { return p.remove(asice.SignaturesName) }, "entry-missing " + asice.SignaturesName, "-"},
		{"signature emptied", func(p parts) parts {
			p.find(t, asice.SignaturesName, 0).content = asice.Signable()
			return p
		}, "container-signature " + asice.SignaturesName, "-"},
		{"node's chain changed", func(p parts) parts { flip(p.find(t, "node/chain.pem", 0)); return p }, "entry-digest node/chain.pem", ""},
	} {
		clone := func() parts {
			out := slices.Clone(base)
			for i := range out {
				out[i].content = bytes.Clone(out[i].content)
			}
			return out
		}
		t.Run(test.what, func(t *testing.T) {
			r := w.check(test.change(clone()).pack(t), nil)
			if r.Indication != verdict.TotalFailed || !finds(r, test.outside) {
				t.Errorf("by an outsider, expected %s: %s", test.outside, written(r))
			}
			if test.inside == "-" {
				return
			}
			r = w.check(w.resign(test.change(clone())), nil)
			switch {
			case test.inside == "" && strings.Contains(written(r), "container-signature"):
				t.Errorf("by the node: %s", written(r))
			case test.inside != "" && (r.Indication != verdict.TotalFailed || !finds(r, test.inside)):
				t.Errorf("by the node, expected %s: %s", test.inside, written(r))
			}
		})
	}
}

func finds(r *evidence.Report, want string) bool {
	return slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool {
		return f.Result == verdict.Failed && fmt.Sprintf("%s %s", f.ID, f.Part) == want
	})
}

// A single changed bit anywhere in the file is never passed.
func TestEveryPlace(t *testing.T) {
	w := newWorld(t)
	w.document()
	w.stamp()
	whole := w.container(w.options())
	if r := w.check(whole, nil); !r.OK() {
		t.Fatal(written(r))
	}
	step := len(whole)/400 + 1
	for i := 0; i < len(whole); i += step {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		// Dates, versions and file modes of ZIP say nothing: with them changed it is the same container.
		if r := w.check(b, nil); r.Indication == verdict.TotalPassed && !reflect.DeepEqual(unpack(t, b), unpack(t, whole)) {
			t.Errorf("bit %d of byte %d changed: passed", i%8, i)
		}
	}
	for _, n := range []int{0, 1, 21, 22, len(whole) / 2, len(whole) - 1} {
		if r := w.check(whole[:n], nil); r.Indication != verdict.TotalFailed {
			t.Errorf("cut at %d: %s", n, r.Indication)
		}
	}
}

func crc(b []byte) uint32 { return crc32.ChecksumIEEE(b) }
