package xades_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

const vectorDir = "../../testdata/xades"

// finding is what a vector expects: everything about one signature but whether its certificates are trusted.
type finding struct {
	signature string // ok, or the refusal
	level     string
	stamps    string // each time-stamp with "ok" or "broken", signature time-stamps first
}

// find judges a document with one signature.
func find(doc []byte) (finding, error) {
	src := signing.BytesSource(doc)
	detached := func(name string) (signing.Source, bool) {
		b, err := os.ReadFile(filepath.Join(vectorDir, filepath.Base(name)))
		return signing.BytesSource(b), err == nil
	}
	rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true, Detached: detached})
	if err != nil {
		return finding{}, err
	}
	if len(rep.Signatures) != 1 {
		return finding{}, fmt.Errorf("%d signatures", len(rep.Signatures))
	}
	res := &rep.Signatures[0]
	f := finding{signature: "ok"}
	if res.Refusal != signing.Accepted {
		f.signature = string(res.Refusal)
	}
	props, err := xades.Read(context.Background(), src, res)
	if err != nil {
		return f, err
	}
	f.level = string(props.Level())
	var stamps []string
	for _, ts := range append(append([]xades.TimeStamp(nil), props.SignatureTimeStamps...), props.ArchiveTimeStamps...) {
		state := "broken"
		if token, err := tsp.Parse(ts.Token); err == nil {
			if imprint, err := ts.Imprint(context.Background(), src, res, token.Hash); err == nil && token.Verify(imprint) == nil {
				state = "ok"
			}
		}
		stamps = append(stamps, ts.Name+" "+state)
	}
	f.stamps = strings.Join(stamps, ", ")
	return f, nil
}

// TestVectors reads testdata/xades: what DSS and we have signed, and what was then done to some of it.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.case"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d vectors: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".case"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, doc, ok := bytes.Cut(b, []byte("\n\n"))
			if !ok {
				t.Fatal("no empty line behind the header")
			}
			var want finding
			for line := range strings.SplitSeq(string(head), "\n") {
				key, value, _ := strings.Cut(line, ":")
				value = strings.TrimSpace(value)
				switch key {
				case "signature":
					want.signature = value
				case "level":
					want.level = value
				case "time-stamps":
					want.stamps = value
				case "about":
				default:
					t.Fatalf("unknown header line %q", line)
				}
			}
			got, err := find(doc)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
