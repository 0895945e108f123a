package evidence_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing/verdict"
)

// circle is three witnesses, of whom two are enough.
type circle struct {
	witnesses map[string]*witness.Witness
	keys      []*witness.Key
}

func (c *circle) Do(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	c.witnesses[r.URL.Host].ServeHTTP(rec, r)
	return rec.Result(), nil
}

func (w *world) circle(seed string) *circle {
	w.t.Helper()
	c := &circle{witnesses: map[string]*witness.Witness{}}
	logKey, err := note.NewVerifier(w.vkey)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range 3 {
		private := ed25519.NewKeyFromSeed([]byte((seed + "................................")[:31] + fmt.Sprint(i)))
		cosigner, err := witness.NewCosigner(fmt.Sprintf("w%d.example", i), private, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		folder, err := witness.OpenFolder(w.t.TempDir())
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = folder.Close() })
		c.keys = append(c.keys, cosigner.Key)
		if c.witnesses[fmt.Sprintf("w%d.example", i)], err = witness.New(witness.Options{Keys: func(string) []note.Verifier { return []note.Verifier{logKey} },
			Cosigner: cosigner, Store: folder, Now: func() time.Time { return w.now }, Split: func(context.Context, witness.Evidence) error { return nil }}); err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

// text is the policy file.
func (c *circle) text() string {
	var b strings.Builder
	for i, k := range c.keys {
		fmt.Fprintf(&b, "witness w%d %s\n", i, k)
	}
	return b.String() + "group two 2 w0 w1 w2\nquorum two\n"
}

func (c *circle) policy(t testing.TB) *witness.Policy {
	t.Helper()
	p, err := witness.ParsePolicy([]byte(c.text()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cosign has the head cosigned by the first n.
func (w *world) cosign(c *circle, n int) []byte {
	w.t.Helper()
	var peers []witness.Peer
	for i := range n {
		peers = append(peers, witness.Peer{Name: fmt.Sprint(i), Key: c.keys[i], URL: fmt.Sprintf("https://w%d.example", i)})
	}
	p, err := witness.NewPolicy(n, peers...)
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := witness.NewClient(p, witness.ClientOptions{HTTP: c, Now: func() time.Time { return w.now }}).Gather(context.Background(), w.store.Head().Checkpoint,
		func(context.Context, uint64, uint64) (tlog.Hash, tlog.TreeProof, error) {
			return tlog.Hash{}, nil, errors.New("a witness has seen an earlier head")
		})
	if err != nil {
		w.t.Fatal(err)
	}
	return res.Checkpoint
}

// cosigned is the story with witnesses: the letter, a stamp, the letter again, then the cosigned head, and the log goes on.
func (w *world) cosigned(c *circle, n int) evidence.Options {
	w.t.Helper()
	w.noise(3)
	w.document()
	w.now = w.now.Add(3 * time.Hour)
	w.stamp()
	w.resend()
	b := w.cosign(c, n)
	w.noise(4)
	w.now = w.now.Add(time.Hour)
	o := w.options()
	o.Cosigned = func() []byte { return b }
	return o
}

func believing(p *witness.Policy) func(*evidence.CheckOptions) {
	return func(o *evidence.CheckOptions) { o.Witnesses = p }
}

func TestCosignedHead(t *testing.T) {
	w := newWorld(t)
	c := w.circle("known")
	o := w.cosigned(c, 2)
	head := w.store.Head().Size - 4
	b := w.container(o)
	all := unpack(t, b)
	var m evidence.Manifest
	if err := json.Unmarshal(all.find(t, evidence.ManifestName, 0).content, &m); err != nil {
		t.Fatal(err)
	}
	if m.Cosigned == nil || m.Cosigned.Size != head || !slices.Equal(m.Cosigned.Witnesses, []string{"w0.example", "w1.example"}) {
		t.Errorf("the manifest says %+v of size %d", m.Cosigned, head)
	}
	// The stamped statement keeps the stamped octets and has a second receipt; the other has one.
	first, second := m.Statements[0], m.Statements[1]
	if first.Stamp == nil || first.Witnessed == "" || first.Witnessed == first.Receipt || second.Stamp != nil || second.Witnessed != second.Receipt {
		t.Errorf("statements %+v", m.Statements)
	}
	if readme := string(all.find(t, evidence.ReadmeName, 0).content); !strings.Contains(readme, "w0.example, w1.example") {
		t.Errorf("the summary does not name the witnesses: %s", readme)
	}

	for _, test := range []struct {
		name       string
		policy     *witness.Policy
		standing   string
		have       int
		indication verdict.Indication
	}{
		{"none asked", nil, evidence.StandingSealed, -1, verdict.TotalPassed},
		{"two of three", c.policy(t), evidence.StandingWitnessed, 2, verdict.TotalPassed},
		{"strangers", w.circle("strangers").policy(t), evidence.StandingSealed, 0, verdict.Indeterminate},
	} {
		r := w.check(b, believing(test.policy))
		if r.Indication != test.indication || r.Standing != test.standing || (r.Witnesses == nil) != (test.have < 0) {
			t.Fatalf("%s: %s %s %+v", test.name, r.Standing, written(r), r.Witnesses)
		}
		for _, p := range r.Proofs {
			if p.Standing != test.standing || p.Witnesses != nil && (len(p.Witnesses.Cosignatures) != test.have || p.Witnesses.Needed != 2 || p.Witnesses.Of != 3) {
				t.Errorf("%s: position %d: %+v", test.name, p.Position, p)
			}
		}
		if r.Proofs[0].Proved == nil {
			t.Errorf("%s: the time-stamp was lost", test.name)
		}
	}
	// The node goes on and publishes nothing: what came later is sealed, and so is the whole.
	w.resend()
	r := w.check(w.container(o), believing(c.policy(t)))
	if r.Standing != evidence.StandingSealed || r.Proofs[0].Standing != evidence.StandingWitnessed || r.Proofs[2].Standing != evidence.StandingSealed || r.Indication != verdict.Indeterminate {
		t.Errorf("later statement: %s %s", r.Standing, written(r))
	}
}

// TestCosignedHeadLeftOut: a published checkpoint that does not help is not in the container.
func TestCosignedHeadLeftOut(t *testing.T) {
	w := newWorld(t)
	c := w.circle("known")
	o := w.cosigned(c, 3)
	good := o.Cosigned()
	text, lines, _ := bytes.Cut(good, []byte("\n\n"))
	var unproved []byte // without the line of the node certificate, as if it had been renewed
	for line := range bytes.Lines(lines) {
		if !bytes.HasPrefix(line, []byte("— "+origin+"/node ")) {
			unproved = append(unproved, line...)
		}
	}
	for name, b := range map[string][]byte{"none": nil, "no checkpoint": []byte("x"), "another certificate": append(append(bytes.Clone(text), "\n\n"...), unproved...)} {
		o.Cosigned = func() []byte { return b }
		r := w.check(w.container(o), believing(c.policy(t)))
		if r.Standing != evidence.StandingSealed || r.Indication != verdict.Indeterminate {
			t.Errorf("%s: %s %s", name, r.Standing, written(r))
		}
		if r := w.check(w.container(o), nil); !r.OK() {
			t.Errorf("%s: %s", name, written(r))
		}
	}
	// Of another history than the record: nothing is made of it.
	other := &world{t: t, now: w.now, version: map[string]int64{}}
	var err error
	if other.store, err = sqlitestore.Open(t.Context(), t.TempDir(), sqlitestore.Options{Origin: origin, LogKey: w.logKey, NodeKey: w.nodeKey, NodeChain: w.chain, MinFree: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.store.Close() })
	other.noise(3)
	b := other.store.Head().Checkpoint
	o.Cosigned = func() []byte { return b }
	if f, err := evidence.Make(context.Background(), key, o); err == nil || !strings.Contains(err.Error(), "root") {
		if err == nil {
			f.Close()
		}
		t.Errorf("made with a head of another history: %v", err)
	}
}

// falseCosignature changes a bit of a witness's signature.
func falseCosignature(t testing.TB, f *part, name string) {
	t.Helper()
	i := bytes.Index(f.content, []byte("— "+name+" "))
	if i < 0 {
		t.Fatalf("%s bears no line of %s", f.name, name)
	}
	i += len("— "+name+" ") + 40
	f.content[i] = map[bool]byte{true: 'B', false: 'A'}[f.content[i] == 'A']
}

// TestCosignatureChanged: a node that signs what was changed again is found by who knows the witness, and named.
func TestCosignatureChanged(t *testing.T) {
	w := newWorld(t)
	c := w.circle("known")
	whole := w.container(w.cosigned(c, 3))
	name := func(prefix string, n int) string { return unpack(t, whole).find(t, prefix, n).name }
	for _, test := range []struct {
		what, want string
		change     func(parts) parts
	}{
		{"in the second receipt", "cosignature " + name("witnessed/", 0), func(p parts) parts { falseCosignature(t, p.find(t, "witnessed/", 0), "w1.example"); return p }},
		{"in the only receipt", "cosignature " + name("receipts/", 1), func(p parts) parts { falseCosignature(t, p.find(t, "receipts/", 1), "w1.example"); return p }},
		{"second receipt removed", "entry-missing " + name("witnessed/", 0), func(p parts) parts { return p.remove(name("witnessed/", 0)) }},
		{"second receipt of another statement", "statement " + name("statements/", 0), func(p parts) parts {
			p.find(t, "witnessed/", 0).content = p.find(t, "receipts/", 1).content
			return p
		}},
		{"receipt that is not there", "entry-missing receipts/none", func(p parts) parts {
			return rewrite(t, p, func(m *evidence.Manifest) { m.Statements[1].Receipt = "receipts/none" })
		}},
	} {
		r := w.check(w.resign(test.change(unpack(t, whole))), believing(c.policy(t)))
		if !finds(r, test.want) || r.OK() {
			t.Errorf("%s: expected %s: %s", test.what, test.want, written(r))
		}
		if r := w.check(test.change(unpack(t, whole)).pack(t), nil); r.OK() {
			t.Errorf("%s, not signed again: %s", test.what, written(r))
		}
	}
}
