package verdict_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/pades"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/verdict"
)

var byteRange = regexp.MustCompile(`/ByteRange ?\[ ?(\d+) +(\d+) +(\d+) +(\d+)`)

// resignPDF puts another signature into the place of the one in a PDF.
func resignPDF(t *testing.T, pdf []byte, h holder) []byte {
	t.Helper()
	m := byteRange.FindSubmatch(pdf)
	if m == nil {
		t.Fatal("no ByteRange")
	}
	var n [4]int
	for i := range n {
		n[i], _ = strconv.Atoi(string(m[i+1]))
	}
	digest := crypto.SHA256.New()
	digest.Write(pdf[n[0] : n[0]+n[1]])
	digest.Write(pdf[n[2] : n[2]+n[3]])
	der, err := cms.SignDetached(digest.Sum(nil), h.key, h.cert(), cms.SignOptions{Hash: crypto.SHA256, Certificates: h.chain})
	if err != nil {
		t.Fatal(err)
	}
	gap := bytes.Repeat([]byte("0"), n[2]-n[1])
	gap[0], gap[len(gap)-1] = '<', '>'
	if hex.EncodedLen(len(der)) > len(gap)-2 {
		t.Fatalf("no room for %d bytes", len(der))
	}
	hex.Encode(gap[1:], der)
	return bytes.Join([][]byte{pdf[:n[1]], gap, pdf[n[2]:]}, nil)
}

func judgePDF(t *testing.T, pdf []byte, o verdict.Options) *verdict.Verdict {
	t.Helper()
	if !verdict.IsPDF(signing.BytesSource(pdf)) {
		t.Error("does not say that it is a PDF")
	}
	v, err := verdict.JudgePDF(context.Background(), signing.BytesSource(pdf), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func conclusion(c verdict.Conclusion) string {
	return strings.TrimSpace(string(c.Indication) + " " + string(c.SubIndication))
}

func TestJudgePDF(t *testing.T) {
	w := newWorld(t)
	template, err := os.ReadFile("../../testdata/pades/value-changed.pdf")
	if err != nil {
		t.Fatal(err)
	}
	signed := resignPDF(t, template, w.person)
	o := verdict.Options{Trust: w.trust(), At: now, Revocation: w.source(now)}
	expect := func(name string, pdf []byte, o verdict.Options, want, failed string) {
		t.Helper()
		v := judgePDF(t, pdf, o)
		if is := conclusion(v.Conclusion); is != want {
			t.Errorf("%s: got %s, want %s\n%s", name, is, want, explain(v))
		}
		if is := strings.Join(failedChecks(v), " "); is != failed {
			t.Errorf("%s: failed checks %q, want %q\n%s", name, is, failed, explain(v))
		}
	}
	expect("good", signed, o, passed, "")
	expect("changed", bytes.Replace(signed, []byte("/Type"), []byte("/type"), 1), o, "TOTAL-FAILED HASH_FAILURE", "reference-digest")
	later := append(bytes.Clone(signed), []byte("\n% more\n")...)
	expect("appended", later, o, "INDETERMINATE SIG_CONSTRAINTS_FAILURE", "revisions")
	lax := o
	lax.Policy = verdict.DefaultPolicy()
	lax.Policy.Coverage = verdict.CoverReferences
	expect("appended, and policy takes it", later, lax, passed, "")
	stamps := o
	stamps.Policy = verdict.DefaultPolicy()
	stamps.Policy.Levels = map[string]string{"default": "B-T"}
	expect("no time-stamp", signed, stamps, "INDETERMINATE SIG_CONSTRAINTS_FAILURE", "level")
	expired := o
	expired.At, expired.Revocation = day.AddDate(4, 0, 0), w.source(day.AddDate(4, 0, 0))
	expect("expired", signed, expired, "INDETERMINATE OUT_OF_BOUNDS_NO_POE", "validity")
	expired.Proofs, expired.Revocation = []verdict.Proof{{Time: now}}, revocation.Join(w.source(now), expired.Revocation)
	expect("expired, proved", signed, expired, passed, "")
	w.revoke(w.persons, w.person.cert(), day, revocation.KeyCompromise)
	revoked := o
	revoked.Revocation = w.source(now)
	expect("revoked", signed, revoked, "INDETERMINATE REVOKED_NO_POE", "revocation")
	expect("no PDF", []byte("%PDF-1.7\n"), o, "TOTAL-FAILED FORMAT_FAILURE", "pdf")
}

// TestJudgePDFVectors: what package pades refuses never passes, and what it finds intact lacks trust alone.
func TestJudgePDFVectors(t *testing.T) {
	w := newWorld(t)
	index, err := os.ReadFile("../../testdata/pades/index.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(index)) {
		name, problem, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			t.Fatalf("line %q", line)
		}
		pdf, err := os.ReadFile(filepath.Join("../../testdata/pades", name))
		if err != nil {
			t.Fatal(err)
		}
		v := judgePDF(t, pdf, verdict.Options{Trust: w.trust(), At: now})
		switch {
		case v.OK():
			t.Errorf("%s passed\n%s", name, explain(v))
		case problem == "intact" && (v.Indication != verdict.Indeterminate || v.Signatures[0].SubIndication != verdict.NoCertificateChain):
			t.Errorf("%s: %s %s", name, v.Indication, v.SubIndication)
		case problem == string(cms.DigestMismatch) && v.SubIndication != verdict.HashFailure:
			t.Errorf("%s: %s %s", name, v.Indication, v.SubIndication)
		}
		if d, err := pades.Read(context.Background(), signing.BytesSource(pdf), pades.Limits{}); err != nil || len(d.Signatures) < len(v.Signatures) {
			t.Errorf("%s: %d signatures, %d verdicts (%v)", name, len(d.Signatures), len(v.Signatures), err)
		}
	}
}

// TestJudgeToken judges tokens on their own.
func TestJudgeToken(t *testing.T) {
	w := newWorld(t)
	imprint := sum(crypto.SHA256, "sổ")
	der := w.token(imprint, w.tsa, day)
	o := verdict.TokenOptions{ChainOptions: verdict.ChainOptions{Trust: w.trust(), Policy: verdict.DefaultPolicy(), At: now, Now: now, Revocation: w.source(now)},
		Imprint: func(h crypto.Hash) ([]byte, error) { return tsp.HashOf(h, []byte("sổ")), nil }}
	v, err := verdict.JudgeToken(context.Background(), der, o)
	if err != nil || !v.OK() || !v.Time.Equal(day) || v.Token == nil || len(v.Evidence) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	o.Imprint = func(h crypto.Hash) ([]byte, error) { return tsp.HashOf(h, []byte("khác")), nil }
	if v, err = verdict.JudgeToken(context.Background(), der, o); err != nil || v.SubIndication != verdict.HashFailure {
		t.Errorf("%+v, %v", v, err)
	}
	o.Imprint, o.At, o.Now = nil, day.AddDate(9, 0, 0), day.AddDate(9, 0, 0)
	if v, err = verdict.JudgeToken(context.Background(), der, o); err != nil || v.SubIndication != verdict.OutOfBoundsNoPOE {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err = verdict.JudgeToken(context.Background(), der[:40], o); err != nil || v.SubIndication != verdict.FormatFailure {
		t.Errorf("%+v, %v", v, err)
	}
}
