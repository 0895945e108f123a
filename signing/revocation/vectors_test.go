package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tram-exchange/tram/signing/revocation"
)

var update = flag.Bool("update", false, "write testdata/revocation anew")

const vectorDir = "../../testdata/revocation"

// vector is one case that another implementation could be tried with; testdata/revocation/README.md says what it means.
type vector struct {
	about   string
	expect  revocation.Status // of the first certificate
	all     revocation.Status // of the chain
	by      revocation.Kind
	why     string
	at      time.Time
	f       revocation.Freshness
	chain   []*x509.Certificate
	answers [][]byte
	helpers []*x509.Certificate
}

func (v *vector) judge() revocation.ChainStatus {
	o := revocation.NewOffline(v.answers...)
	o.Certify(v.helpers...)
	k := revocation.Checker{Source: o}
	return k.Chain(context.Background(), v.chain, v.at, v.f)
}

// write puts the vector into the folder, with -update.
func (v *vector) write(t *testing.T) {
	t.Helper()
	if !*update {
		return
	}
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\n", name, value) }
	moment := func(name string, m time.Time) {
		if !m.IsZero() {
			header(name, m.Format(time.RFC3339))
		}
	}
	header("about", v.about)
	header("expect", v.expect.String())
	header("chain", v.all.String())
	if v.by != "" {
		header("by", string(v.by))
	}
	if v.why != "" {
		header("why", v.why)
	}
	moment("at", v.at)
	moment("not-before", v.f.NotBefore)
	moment("now", v.f.Now)
	if v.f.MaxAge > 0 {
		header("max-age", v.f.MaxAge.String())
	}
	if v.f.Skew > 0 {
		header("skew", v.f.Skew.String())
	}
	ar := &txtar.Archive{Comment: b.Bytes()}
	file := func(name string, blocks ...*pem.Block) {
		var data []byte
		for _, block := range blocks {
			data = append(data, pem.EncodeToMemory(block)...)
		}
		if len(data) > 0 {
			ar.Files = append(ar.Files, txtar.File{Name: name, Data: data})
		}
	}
	certificates := func(certs []*x509.Certificate) (blocks []*pem.Block) {
		for _, c := range certs {
			if c != nil {
				blocks = append(blocks, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
			}
		}
		return blocks
	}
	file("chain.pem", certificates(v.chain)...)
	for i, der := range v.answers {
		kind := "X509 CRL"
		if _, err := revocation.ParseCRL(der); err != nil {
			kind = "OCSP RESPONSE"
		}
		file(fmt.Sprintf("answer-%d.pem", i+1), &pem.Block{Type: kind, Bytes: der})
	}
	file("helpers.pem", certificates(v.helpers)...)
	name := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\'' {
			return '-'
		}
		if r == ',' {
			return -1
		}
		return r
	}, strings.ToLower(v.about))
	if err := os.WriteFile(filepath.Join(vectorDir, name+".txtar"), txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readVector(t *testing.T, path string) *vector {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := &vector{}
	moment := func(text string) time.Time {
		m, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	length := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	status := func(text string) revocation.Status {
		for _, s := range []revocation.Status{revocation.Good, revocation.Revoked, revocation.Suspended, revocation.Unknown} {
			if s.String() == text {
				return s
			}
		}
		t.Fatalf("no status %q", text)
		return 0
	}
	for line := range strings.Lines(string(ar.Comment)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "about":
			v.about = value
		case "expect":
			v.expect = status(value)
		case "chain":
			v.all = status(value)
		case "by":
			v.by = revocation.Kind(value)
		case "why":
			v.why = value
		case "at":
			v.at = moment(value)
		case "not-before":
			v.f.NotBefore = moment(value)
		case "now":
			v.f.Now = moment(value)
		case "max-age":
			v.f.MaxAge = length(value)
		case "skew":
			v.f.Skew = length(value)
		default:
			t.Fatalf("unknown header %q", name)
		}
	}
	for _, f := range ar.Files {
		for rest := f.Data; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type != "CERTIFICATE" {
				v.answers = append(v.answers, block.Bytes)
				continue
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if f.Name == "chain.pem" {
				v.chain = append(v.chain, c)
			} else {
				v.helpers = append(v.helpers, c)
			}
		}
	}
	return v
}

func TestVectors(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(vectorDir, "*.txtar"))
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d vectors, %v: some went missing", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			v := readVector(t, path)
			st := v.judge()
			got := st.Certificates[0]
			if got.Status != v.expect || st.Status() != v.all || !strings.Contains(got.Why, v.why) || (got.Answer == nil) != (v.by == "") {
				t.Fatalf("%s, chain %s (%s), want %s, chain %s (%s)", got.Status, st.Status(), got.Why, v.expect, v.all, v.why)
			}
			if v.by != "" && got.Answer.Kind != v.by {
				t.Errorf("went by %s, want %s", got.Answer.Kind, v.by)
			}
		})
	}
}
