package witness_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

func policyKey(t fataler, name string) string { return cosigner(t, name).String() }

func logKey(t fataler, origin string) string {
	k, err := note.NewEd25519VerifierKey(origin, public(origin))
	return must(t, k, err)
}

// cosigned is a checkpoint with the lines of the named witnesses.
func cosigned(t fataler, l *testLog, size int64, names ...string) []byte {
	t.Helper()
	b := l.checkpoint(t, size)
	for _, name := range names {
		b = append(b, newWitness(t, name, newMemory(), newClock(), &evidence{}, l.origin).Add(context.Background(), l.request(t, 0, size)).Body...)
	}
	return b
}

func TestPolicyDecides(t *testing.T) {
	l := newLog(origin).grow(t, "a", 5)
	var all strings.Builder
	for _, w := range []string{"x1", "x2", "x3", "y1", "y2"} {
		fmt.Fprintf(&all, "witness %s %s https://%s.example/\n", w, policyKey(t, w), w)
	}
	for _, v := range []struct {
		rule string
		have string
		ok   bool
		k, n int
	}{
		{"quorum none", "", true, 0, 5},
		{"quorum x1", "x1", true, 1, 1},
		{"quorum x1", "x2 y1", false, 1, 1},
		{"group x 2 x1 x2 x3\nquorum x", "x1 x3", true, 2, 3},
		{"group x 2 x1 x2 x3\nquorum x", "x1 y1 y2", false, 2, 3},
		{"group x 2 x1 x2 x3\ngroup y any y1 y2\ngroup both all x y\nquorum both", "x1 x2 y2", true, 3, 5},
		{"group x 2 x1 x2 x3\ngroup y any y1 y2\ngroup both all x y\nquorum both", "x1 x2 x3", false, 3, 5},
		{"  # a comment\n\n\tgroup  x  all x1 x2 \nquorum x", "x1 x2", true, 2, 2},
		{"group x all x1 x2\nquorum x", "x1", false, 2, 2},
		{"log " + logKey(t, origin) + "\nquorum x1", "x1", true, 1, 1},
	} {
		p, err := witness.ParsePolicy([]byte(all.String() + v.rule + "\n"))
		if err != nil {
			t.Fatalf("%s: %v", v.rule, err)
		}
		if k, n := p.Need(); k != v.k || n != v.n {
			t.Errorf("%s: needs %d of %d, expected %d of %d", v.rule, k, n, v.k, v.n)
		}
		names := strings.Fields(v.have)
		got, err := witness.Witnessed(cosigned(t, l, 5, names...), p)
		if err != nil || got.Satisfied != v.ok || len(got.Cosignatures) != len(names) || got.Head.Root != l.root(t, 5) {
			t.Errorf("%s with %s: %+v, %v, expected %t", v.rule, v.have, got, err, v.ok)
		}
		for i, s := range got.Cosignatures {
			if s.Name != names[i] || !s.Time.Equal(start) {
				t.Errorf("cosignature %d: %+v, expected %s", i, s, names[i])
			}
		}
	}
}

func TestPolicyIsRead(t *testing.T) {
	w := "witness w1 " + policyKey(t, "w1") + "\n"
	second := "witness w2 " + policyKey(t, "w2") + "\n"
	sameKey, err := witness.NewKey("other.example", public("w1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":             "",
		"no quorum":         w,
		"two quorums":       w + "quorum w1\nquorum w1\n",
		"unknown quorum":    w + "quorum w2\n",
		"quorum before":     "quorum w1\n" + w,
		"name twice":        w + w + "quorum w1\n",
		"key twice":         w + "witness w2 " + sameKey.String() + "\nquorum w1\n",
		"log key twice":     "log " + logKey(t, "a") + "\nlog " + logKey(t, "a") + "\nquorum none\n",
		"witness none":      "witness none " + policyKey(t, "w1") + "\nquorum none\n",
		"group none":        w + "group none any w1\nquorum none\n",
		"no members":        w + "group g 1\nquorum g\n",
		"0 of 1":            w + "group g 0 w1\nquorum g\n",
		"2 of 1":            w + "group g 2 w1\nquorum g\n",
		"+1 of 1":           w + "group g +1 w1\nquorum g\n",
		"member twice":      w + second + "group g 2 w1 w1\nquorum g\n",
		"member of two":     w + second + "group g any w1 w2\ngroup h any w1\nquorum g\n",
		"member none":       w + "group g 1 none\nquorum g\n",
		"member of itself":  w + "group g 1 g\nquorum g\n",
		"log key":           "witness w1 " + logKey(t, "w1") + "\nquorum w1\n",
		"cosigner as log":   "log " + policyKey(t, "w1") + "\nquorum none\n",
		"broken id":         strings.Replace(w, "+", "+0", 1) + "quorum w1\n",
		"ftp":               strings.TrimSuffix(w, "\n") + " ftp://a/\nquorum w1\n",
		"address and query": strings.TrimSuffix(w, "\n") + " https://a/?b\nquorum w1\n",
		"word":              w + "quorums w1\n",
		"control":           w + "quorum w1\r\n",
		"no newline":        w + "quorum w1",
		"large":             w + "quorum w1\n" + strings.Repeat("#\n", 1<<16),
	} {
		if p, err := witness.ParsePolicy([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, p)
		}
	}
}

// Every bit of a cosigned checkpoint counts, and so does every bit of the keys.
func TestWitnessedMutations(t *testing.T) {
	l := newLog(origin).grow(t, "a", 5)
	p, err := witness.ParsePolicy([]byte("log " + logKey(t, origin) + "\nwitness w1 " + policyKey(t, "w1") + "\nwitness w2 " + policyKey(t, "w2") + "\ngroup g all w1 w2\nquorum g\n"))
	if err != nil {
		t.Fatal(err)
	}
	good := cosigned(t, l, 5, "w1", "w2")
	if v, err := witness.Witnessed(good, p); err != nil || !v.Satisfied {
		t.Fatalf("%+v, %v", v, err)
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if v, err := witness.Witnessed(bad, p); err == nil && v.Satisfied {
				t.Fatalf("byte %d, bit %d changed: still %+v", i, bit, v)
			}
		}
	}
	for i := range ed25519.PublicKeySize {
		key := bytes.Clone(public("w1"))
		key[i] ^= 1
		k, err := witness.NewKey("w1", key)
		if err != nil {
			t.Fatal(err)
		}
		one, err := witness.NewPolicy(1, witness.Peer{Name: "w1", Key: k})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := witness.Witnessed(good, one); err == nil && v.Satisfied {
			t.Fatalf("byte %d of the key changed: still %+v", i, v)
		}
	}
	stolen, err := note.Sign(&note.Note{Text: newLog("other.example").grow(t, "a", 5).text(t, 5)}, l.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Witnessed(stolen, p); err == nil {
		t.Error("a listed log signed for another origin")
	}
	if _, err := witness.Witnessed(cosigned(t, newLog("other.example").grow(t, "a", 5), 5, "w1", "w2"), p); err == nil {
		t.Error("a log that is not listed was accepted")
	}
}

// A line with a false name of the witness, a time of the far future and a second line by the same key.
func TestCosignatureForms(t *testing.T) {
	l := newLog(origin).grow(t, "a", 5)
	k := cosigner(t, "w1").Key
	text := []byte(l.text(t, 5))
	line := string(cosigned(t, l, 5, "w1")[len(l.checkpoint(t, 5)):])
	if _, ok := judge(line, "w1", public("w1"), string(text)); !ok {
		t.Fatalf("the second implementation refuses %q", line)
	}
	for _, at := range []uint64{0, 1, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		sig := fmt.Appendf(nil, "%s", string([]byte{byte(at >> 56), byte(at >> 48), byte(at >> 40), byte(at >> 32), byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at)}))
		sig = append(sig, ed25519.Sign(privateKey("w1"), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))...)
		if got, want := k.Verify(text, sig), at < 1<<63; got != want {
			t.Errorf("time %d: verifies %t, expected %t", at, got, want)
		}
		if k.Verify(text, sig[:len(sig)-1]) || k.Verify(text, append(sig, 0)) || k.Verify(text, nil) {
			t.Error("a signature of another length verifies")
		}
	}
	parsed, err := witness.ParseKey(k.String())
	if err != nil || parsed.String() != k.String() || parsed.KeyHash() != k.KeyHash() {
		t.Errorf("%v, %v", parsed, err)
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", "\xff", strings.Repeat("a", 256)} {
		if _, err := witness.NewKey(name, public("w1")); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("witness w1 " + policyKey(f, "w1") + " https://w1.example\ngroup g 1 w1\nquorum g\n"))
	f.Add([]byte("log " + logKey(f, origin) + "\nquorum none\n"))
	l := newLog(origin).grow(f, "a", 3)
	checkpoint := cosigned(f, l, 3, "w1")
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := witness.ParsePolicy(file)
		if err != nil {
			return
		}
		k, n := p.Need()
		if k < 0 || k > n || n > len(p.Peers()) {
			t.Errorf("needs %d of %d, with %d witnesses", k, n, len(p.Peers()))
		}
		if v, err := witness.Witnessed(checkpoint, p); err == nil && v.Satisfied && len(v.Cosignatures) < k {
			t.Errorf("satisfied with %d, it needs %d", len(v.Cosignatures), k)
		}
	})
}
