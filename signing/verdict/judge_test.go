package verdict_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/verdict"
	"github.com/tram-exchange/tram/signing/xades"
)

// TestJSON: the fields that programs rely on are there, under their names, whatever the outcome.
func TestJSON(t *testing.T) {
	for _, v := range storedVectors(t) {
		b, err := json.Marshal(v.judge(t))
		if err != nil {
			t.Fatal(err)
		}
		var top map[string]json.RawMessage
		if err := json.Unmarshal(b, &top); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"indication", "sub_indication", "signatures", "checks", "at", "policy", "uncovered"} {
			if raw, ok := top[key]; !ok || string(raw) == "null" {
				t.Errorf("%s: %s is %s", v.name, key, raw)
			}
		}
		var sigs []map[string]json.RawMessage
		if err := json.Unmarshal(top["signatures"], &sigs); err != nil {
			t.Fatal(err)
		}
		for _, s := range sigs {
			for _, key := range []string{"indication", "sub_indication", "signer", "references", "checks", "chain", "time_stamps", "best_time", "covered", "level"} {
				if raw, ok := s[key]; !ok || string(raw) == "null" {
					t.Errorf("%s: %s of a signature is %s", v.name, key, raw)
				}
			}
			if _, ok := s["signing_time"]; !ok {
				t.Errorf("%s: no signing_time", v.name)
			}
		}
	}
}

// TestEveryCheckSpeaks: every check has sentences in both languages, and who reads that something is wrong also reads what to do.
func TestEveryCheckSpeaks(t *testing.T) {
	said := map[string]bool{}
	for _, v := range storedVectors(t) {
		each(v.judge(t), func(c verdict.Check) {
			said[c.ID+" "+string(c.Result)] = true
			if c.Vi == "" || c.En == "" || c.Vi == c.En || !strings.HasSuffix(c.Vi, ".") || !strings.HasSuffix(c.En, ".") {
				t.Errorf("%s: check %s %s says %q / %q", v.name, c.ID, c.Result, c.Vi, c.En)
			}
			if vi, en := c.Advice(); (c.Result == verdict.Failed || c.Result == verdict.Unknown) && !strings.HasPrefix(c.ID, "time-stamp") && (vi == "" || en == "") {
				t.Errorf("%s: check %s %s gives no advice", v.name, c.ID, c.Result)
			}
		})
	}
	if len(said) < 60 {
		t.Errorf("the vectors reach %d answers only: %v", len(said), slices.Sorted(maps.Keys(said)))
	}
}

// TestMoreKnowledge: more authorities and more lists never make a signature good that failed for its bytes, whatever the order in
// which they are learned; and what was revoked without a proof stays so.
func TestMoreKnowledge(t *testing.T) {
	w := newWorld(t)
	good := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelLT, w.tsa, day.Add(time.Minute))
	other := w.issue(w.issuing, trialca.Leaf{Name: "Khác"})
	w.revoke(w.issuing, other.cert(), day, revocation.KeyCompromise)
	revoked := w.sign(plainDoc, other, xades.SignOptions{})
	authorities := []signing.Authority{{Certificate: w.root.Certificate}, {Certificate: w.persons.Certificate}, {Certificate: w.stamps.Certificate}, {Certificate: w.quiet.Certificate}}
	lists := w.lists(now)
	names := slices.Sorted(maps.Keys(lists))
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.Permutation(authorities).Draw(t, "authorities")[:rapid.IntRange(0, len(authorities)).Draw(t, "trusted")]
		trust, err := signing.NewTrustList(some, true)
		if err != nil {
			t.Fatal(err)
		}
		var raws [][]byte
		for _, n := range rapid.Permutation(names).Draw(t, "lists")[:rapid.IntRange(0, len(names)).Draw(t, "known")] {
			raws = append(raws, lists[n])
		}
		o := verdict.Options{Trust: trust, At: now, Revocation: revocation.NewOffline(raws...)}
		if rapid.Bool().Draw(t, "proof") {
			o.Proofs = []verdict.Proof{{Time: now.Add(-time.Second)}}
		}
		changed := bytes.Clone(good)
		at := rapid.IntRange(bytes.Index(good, []byte("Kết")), bytes.Index(good, []byte("quý III"))).Draw(t, "byte")
		changed[at] ^= 1
		for doc, want := range map[string]verdict.Indication{string(changed): verdict.TotalFailed} {
			v, err := verdict.Judge(context.Background(), signing.BytesSource(doc), o)
			if err != nil || v.Indication != want {
				t.Fatalf("changed byte %d: %v %v", at, v.Conclusion, err)
			}
		}
		v, err := verdict.Judge(context.Background(), signing.BytesSource(revoked), o)
		if err != nil || v.OK() {
			t.Fatalf("revoked: %v %v", v.Conclusion, err)
		}
		v, err = verdict.Judge(context.Background(), signing.BytesSource(good), o)
		if err != nil || v.Indication == verdict.TotalFailed {
			t.Fatalf("good: %v %v", v.Conclusion, err)
		}
		if rooted := slices.ContainsFunc(some, func(a signing.Authority) bool { return a.Certificate == w.root.Certificate }); v.OK() != rooted {
			t.Fatalf("good: %v, root trusted %v\n%s", v.Conclusion, rooted, explain(v))
		}
	})
}

// TestFlippedBytes: whichever byte of a time-stamped document is changed, nothing false is said: it passes only if what was changed means
// nothing (the file's own form, or what proves more than is needed).
func TestFlippedBytes(t *testing.T) {
	w := newWorld(t)
	doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
	o := verdict.Options{Trust: w.trust(), At: now, Revocation: w.source(now)}
	want, err := verdict.Judge(context.Background(), signing.BytesSource(doc), o)
	if err != nil || !want.OK() {
		t.Fatal(explain(want), err)
	}
	signedEnd := bytes.Index(doc, []byte("<ds:Signature"))
	if signedEnd < 0 {
		signedEnd = bytes.Index(doc, []byte("<Signature"))
	}
	for i := range doc {
		if i > signedEnd && i%5 != 0 { // the signature is long
			continue
		}
		changed := bytes.Clone(doc)
		changed[i] ^= 1
		v, err := verdict.Judge(context.Background(), signing.BytesSource(changed), o)
		if err != nil {
			t.Fatal(err)
		}
		if !v.OK() {
			continue
		}
		if v.SignedContent != want.SignedContent || v.Signatures[0].Signer != want.Signatures[0].Signer || v.Signatures[0].SigningTime.Compare(*want.Signatures[0].SigningTime) != 0 {
			t.Errorf("byte %d (%q): passed, and says something else", i, doc[max(0, i-10):min(len(doc), i+10)])
		}
		if v.Signatures[0].BestTimeBy == "time-stamp" && !v.Signatures[0].BestTime.Equal(want.Signatures[0].BestTime) {
			t.Errorf("byte %d: proved time %s", i, v.Signatures[0].BestTime)
		}
	}
}

func TestOptions(t *testing.T) {
	w := newWorld(t)
	doc := signing.BytesSource(w.sign(plainDoc, w.org, xades.SignOptions{}))
	if _, err := verdict.Judge(context.Background(), doc, verdict.Options{At: now}); err == nil {
		t.Error("judged without a trust list")
	}
	if _, err := verdict.Judge(context.Background(), doc, verdict.Options{Trust: w.trust()}); err == nil {
		t.Error("judged without a time")
	}
	if _, err := verdict.JudgeChain(context.Background(), w.org.cert(), nil, verdict.ChainOptions{Trust: w.trust(), Policy: verdict.DefaultPolicy(), At: now}); err == nil {
		t.Error("judged a chain without the time of the judgement")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := verdict.Judge(ctx, doc, verdict.Options{Trust: w.trust(), At: now}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
	// A proof from the future proves nothing, one of other bytes nothing here.
	for _, p := range []verdict.Proof{{Time: day.AddDate(2, 0, 0)}, {Time: day, SHA256: [32]byte{1}}, {}} {
		v, err := verdict.Judge(context.Background(), doc, verdict.Options{Trust: w.trust(), At: day.AddDate(1, 1, 0), Revocation: w.source(now), Proofs: []verdict.Proof{p}})
		if err != nil || v.OK() {
			t.Errorf("%+v: %v %v", p, v.Conclusion, err)
		}
	}
}

// TestBrief: what is left out in short form is only what passed.
func TestBrief(t *testing.T) {
	w := newWorld(t)
	o := verdict.ChainOptions{Trust: w.trust(), Policy: verdict.DefaultPolicy(), At: now, Now: now, Revocation: w.source(now), Brief: true}
	v, err := verdict.JudgeChain(context.Background(), w.org.cert(), w.org.chain[1:], o)
	if err != nil || !v.OK() || len(v.Checks) != 0 || len(v.Chain) != 3 || v.Revocation.Status() != revocation.Good {
		t.Errorf("%+v %v", v, err)
	}
	o.Revocation = nil
	if v, err = verdict.JudgeChain(context.Background(), w.org.cert(), w.org.chain[1:], o); err != nil || v.SubIndication != verdict.TryLater || len(v.Checks) != 2 {
		t.Errorf("%+v %v", v, err)
	}
}

func FuzzJudge(f *testing.F) {
	w := newWorld(f)
	for _, doc := range [][]byte{w.sign(plainDoc, w.org, xades.SignOptions{}), w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelA, w.tsa, day.Add(time.Minute)),
		w.plain(edDoc, w.person, signing.SignOptions{IDs: []string{"header"}}), plainDoc, nil} {
		f.Add(doc)
	}
	o := verdict.Options{Trust: w.trust(), At: now, Revocation: w.source(now), MaxReferences: 32}
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := verdict.Judge(context.Background(), signing.BytesSource(doc), o)
		if err != nil {
			t.Fatal(err)
		}
		if v.OK() != (v.SubIndication == "") || v.Signatures == nil {
			t.Fatalf("%+v", v.Conclusion)
		}
		for _, s := range v.Signatures {
			if v.OK() && !s.OK() || s.BestTime.After(now) {
				t.Fatalf("%+v %+v", v.Conclusion, s)
			}
		}
		if _, err := json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add(verdict.DefaultPolicyYAML)
	f.Add([]byte(sha1Policy))
	f.Add([]byte(`{"coverage":"references"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := verdict.ParsePolicy(b); (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
	})
}

func BenchmarkJudgeChain(b *testing.B) {
	w := newWorld(b)
	o := verdict.ChainOptions{Trust: w.trust(), Policy: verdict.DefaultPolicy(), At: now, Now: now, Revocation: w.source(now), Brief: true}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := verdict.JudgeChain(context.Background(), w.org.cert(), w.org.chain[1:], o); err != nil || !v.OK() {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	w := newWorld(b)
	for name, doc := range map[string][]byte{"B-B": w.sign(plainDoc, w.org, xades.SignOptions{}),
		"B-LTA": w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelA, w.tsa, day.Add(time.Minute))} {
		b.Run(name, func(b *testing.B) {
			o := verdict.Options{Trust: w.trust(), At: now, Revocation: w.source(now), Policy: verdict.DefaultPolicy()}
			b.ReportAllocs()
			for b.Loop() {
				if v, err := verdict.Judge(context.Background(), signing.BytesSource(doc), o); err != nil || !v.OK() {
					b.Fatal(explain(v), err)
				}
			}
		})
	}
}
