package evidence_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/verdict"
)

func TestWholeStory(t *testing.T) {
	w := newWorld(t)
	pkg := w.grown()
	whole := w.container(w.options())
	r := w.check(whole, nil)
	if r.Indication != verdict.TotalPassed {
		t.Fatal(written(r))
	}
	if len(r.Proofs) != 2 || r.Proofs[0].Proved == nil || r.Proofs[1].Proved == nil || !r.Proofs[0].Proved.Time.Before(r.Proofs[1].Proved.Time) {
		t.Errorf("proofs: %+v", r.Proofs)
	}
	p := unpack(t, whole)
	if got := p.find(t, "packages/"+events.Sum(pkg).String(), 0).content; string(got) != string(pkg) {
		t.Error("the package is not byte for byte what came in")
	}
	readme := string(p.find(t, evidence.ReadmeName, 0).content)
	if !strings.Contains(readme, "&lt;b&gt;kiểm tra&lt;/b&gt;") || strings.Contains(readme, "<b>kiểm tra") || !strings.Contains(readme, "215/SNV-VP") {
		t.Error("the summary does not say what it should, or not escaped")
	}
	v := r.Packages[events.Sum(pkg).String()]
	if v == nil || v.Signatures[0].BestTimeBy != "proof" || !v.Signatures[0].BestTime.Equal(r.Proofs[0].Proved.Time) {
		t.Errorf("the package is not judged at the proved time: %+v", v.Signatures[0])
	}
}

// What the checker believes decides what is proved.
func TestTrust(t *testing.T) {
	w := newWorld(t)
	w.grown()
	whole := w.container(w.options())
	none, err := signing.NewTrustList(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	other, err := trialca.New("CA khác", &counting{}, func() time.Time { return w.now })
	if err != nil {
		t.Fatal(err)
	}
	key := func(text string) *ledger.Key {
		k, err := ledger.ParseKey([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return &k
	}
	list := func(c *x509.Certificate, p ...signing.Purpose) *signing.Trust {
		l, err := signing.NewTrustList([]signing.Authority{{Certificate: c, Purposes: p}}, true)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, test := range []struct {
		name   string
		change func(*evidence.CheckOptions)
		want   verdict.Indication
		about  string // id of a finding that must be there with the result
	}{
		{"authority alone", func(o *evidence.CheckOptions) {}, verdict.TotalPassed, ""},
		{"authority and key", func(o *evidence.CheckOptions) { o.Key = key(w.vkey) }, verdict.TotalPassed, ""},
		{"node certificate as key", func(o *evidence.CheckOptions) { k := ledger.CertificateKey(w.chain...); o.Key = &k }, verdict.TotalPassed, ""},
		{"nobody", func(o *evidence.CheckOptions) { o.Trust = none }, verdict.Indeterminate, "unknown receipt"},
		{"key alone", func(o *evidence.CheckOptions) { o.Trust = none; o.Key = key(w.vkey) }, verdict.Indeterminate, "unknown package-signatures"},
		{"another authority", func(o *evidence.CheckOptions) { o.Trust = list(other.Certificate) }, verdict.Indeterminate, "unknown container-signature"},
		{"another log's key", func(o *evidence.CheckOptions) { k := ledger.CertificateKey(w.signCert); o.Key = &k }, verdict.TotalFailed, "failed receipt"},
		{"authority not for time-stamps", func(o *evidence.CheckOptions) {
			o.Trust = list(w.ca.Certificate, signing.PurposeOrganisation, signing.PurposeNode)
		}, verdict.Indeterminate, "unknown time-stamp"},
		{"authority not for nodes", func(o *evidence.CheckOptions) {
			o.Trust = list(w.ca.Certificate, signing.PurposeOrganisation, signing.PurposeTimeStamp)
		}, verdict.Indeterminate, "unknown container-signer"},
		{"authority not for organisations", func(o *evidence.CheckOptions) {
			o.Trust = list(w.ca.Certificate, signing.PurposeNode, signing.PurposeTimeStamp)
		}, verdict.Indeterminate, "unknown package-signatures"},
		{"before it was made", func(o *evidence.CheckOptions) { o.At = w.now.AddDate(0, 0, -10) }, verdict.TotalFailed, "failed time-stamp"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := w.check(whole, test.change)
			if r.Indication != test.want || test.about != "" && !strings.Contains(written(r), test.about+" ") {
				t.Errorf("expected %s with %q: %s", test.want, test.about, written(r))
			}
		})
	}
}

// The signing certificate is revoked, or has run out, by the time somebody looks. The time-stamp decides.
func TestTimeStampSavesTheSignature(t *testing.T) {
	crl := func(w *world, at time.Time) revocation.Source {
		der, err := w.ca.CRL(w.now, trialca.Revoked{Serial: w.signCert.SerialNumber, At: at})
		if err != nil {
			t.Fatal(err)
		}
		return revocation.NewOffline(der)
	}
	t.Run("revoked after the stamp", func(t *testing.T) {
		w := newWorld(t)
		w.grown()
		if r := w.check(w.container(w.options()), func(o *evidence.CheckOptions) { o.Revocation = crl(w, w.now.Add(-time.Minute)) }); !r.OK() {
			t.Error(written(r))
		}
	})
	t.Run("revoked before the stamp", func(t *testing.T) {
		w := newWorld(t)
		w.document()
		revoked := w.now.Add(time.Hour)
		w.now = w.now.Add(2 * time.Hour)
		w.stamp()
		b := w.container(w.options())
		r := w.check(b, func(o *evidence.CheckOptions) { o.Revocation = crl(w, revoked) })
		if r.OK() || !strings.Contains(written(r), "REVOKED") {
			t.Error(written(r))
		}
		// Who believes the node's clock may: the document had come in before.
		if r := w.check(b, func(o *evidence.CheckOptions) { o.Revocation, o.NodeTime = crl(w, revoked), true }); !r.OK() {
			t.Error(written(r))
		}
	})
	t.Run("run out, without a stamp", func(t *testing.T) {
		w := newWorld(t)
		w.document()
		w.now = w.signCert.NotAfter.AddDate(0, 0, 1)
		w.renewNode()
		r := w.check(w.container(w.options()), nil)
		if r.Indication != verdict.Indeterminate || !strings.Contains(written(r), "OUT_OF_BOUNDS_NO_POE") {
			t.Error(written(r))
		}
	})
	t.Run("run out, with a chain of stamps", func(t *testing.T) {
		w := newWorld(t)
		w.document()
		w.stamp()
		// A new authority's certificate every 20 months: each stamp is made before the one before has run out.
		for range 3 {
			w.now = w.now.AddDate(0, 20, 0)
			w.renewTSA()
			w.noise(2)
			w.stamp()
		}
		w.renewNode()
		b := w.container(w.options())
		r := w.check(b, nil)
		if !r.OK() || !w.now.After(w.signCert.NotAfter) {
			t.Error(written(r))
		}
		// Years later still, with nobody renewing: no time is proved any more.
		if r := w.check(b, func(o *evidence.CheckOptions) { o.At = w.now.AddDate(4, 0, 0) }); r.OK() {
			t.Error(written(r))
		}
	})
}

// counting is a source of bytes that are always the same.
type counting struct{ n byte }

func (r *counting) Read(p []byte) (int, error) {
	for i := range p {
		r.n = r.n*131 + 7
		p[i] = r.n
	}
	return len(p), nil
}

func (w *world) renewTSA() {
	w.t.Helper()
	key, cert, err := w.ca.Issue(trialca.Leaf{Name: "TSA thử", Use: trialca.TimeStamp})
	if err == nil {
		w.tsa, err = tsp.NewAuthority(key, []*x509.Certificate{cert}, tsp.Options{Now: func() time.Time { return w.now }})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// renewNode gives the node's key a new certificate.
func (w *world) renewNode() {
	w.t.Helper()
	cert, err := w.ca.IssueFor(trialca.Leaf{Name: "Trạm Bắc Giang", Use: trialca.Node, Hosts: []string{"tram.bacgiang.example"}, NotBefore: w.chain[0].NotBefore, Lifetime: 10 * 365 * 24 * time.Hour}, w.nodeKey.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	w.chain = []*x509.Certificate{cert}
}

// Who may not read a part does not get it, and the container says so.
func TestWithheld(t *testing.T) {
	w := newWorld(t)
	pkg := w.grown()
	o := w.options()
	o.Include = func(e events.Event) bool { return e.Statement.Version == 0 }
	r := w.check(w.container(o), nil)
	if !r.OK() || len(r.Proofs) != 1 || len(r.Packages) != 1 {
		t.Error(written(r))
	}
	o = w.options()
	o.MayRead = func(_ context.Context, sum events.Digest) (bool, error) { return sum == events.Sum(pkg), nil }
	r = w.check(w.container(o), nil)
	if !r.OK() || len(r.Proofs) != 2 || len(r.Packages) != 1 || !strings.Contains(written(r), "warning package-absent") {
		t.Error(written(r))
	}
	o.MayRead = func(context.Context, events.Digest) (bool, error) { return false, nil }
	if r = w.check(w.container(o), nil); r.Indication != verdict.Indeterminate {
		t.Error(written(r))
	}
	o.Include = func(events.Event) bool { return false }
	if _, err := evidence.Make(t.Context(), key, o); !errors.Is(err, evidence.ErrNoDocument) {
		t.Errorf("got %v", err)
	}
	if _, err := evidence.Make(t.Context(), strings.Repeat("0", 64), w.options()); !errors.Is(err, evidence.ErrNoDocument) {
		t.Errorf("got %v", err)
	}
}

// A damaged record gives no container.
type liar struct{ evidence.Record }

func (l liar) OpenPackage(ctx context.Context, sum events.Digest) (events.PackageReader, error) {
	p, err := l.Record.OpenPackage(ctx, sum)
	return shorter{p}, err
}

type shorter struct{ events.PackageReader }

func (s shorter) Size() int64 { return s.PackageReader.Size() - 1 }

func TestDamagedRecord(t *testing.T) {
	w := newWorld(t)
	w.document()
	o := w.options()
	o.Record = liar{w.store}
	if _, err := evidence.Make(t.Context(), key, o); err == nil || !strings.Contains(err.Error(), "hashes to") {
		t.Errorf("got %v", err)
	}
}

// The node's signature can be dated by itself (level B-T).
func TestStampedContainer(t *testing.T) {
	w := newWorld(t)
	w.grown()
	o := w.options()
	o.Stamper = w.tsa
	o.Believe = func() (*signing.Trust, revocation.Source) { return w.trust, nil }
	r := w.check(w.container(o), nil)
	if !r.OK() || r.Container.Signatures[0].Level != "B-T" {
		t.Errorf("level %s: %s", r.Container.Signatures[0].Level, written(r))
	}
	o.Stamper = broken{}
	if _, err := evidence.Make(t.Context(), key, o); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

var errBroken = errors.New("no authority answers")

func (broken) Stamp(context.Context, crypto.Hash, []byte) (*tsp.Token, error) { return nil, errBroken }

// Stamps that the document does not need are left out, those that lead from its first stamp to the newest are in.
func TestWhichStamps(t *testing.T) {
	w := newWorld(t)
	w.stamp()
	w.document()
	for range 20 {
		w.now = w.now.AddDate(0, 0, 1)
		w.stamp()
	}
	var got []string
	for _, p := range unpack(t, w.container(w.options())) {
		if strings.HasPrefix(p.name, "timestamps/") {
			got = append(got, p.name)
		}
	}
	if len(got) != 2 {
		t.Errorf("got %s, expected the first stamp over the document and the newest", got)
	}
	var stamps []timestamp.Placed
	if err := w.store.Stream(t.Context(), timestamp.Stream, 0, func(e events.Event) error {
		d, err := timestamp.Decode(e)
		stamps = append(stamps, timestamp.Placed{Stamped: d, Position: e.Position})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if chain := timestamp.Chain(timestamp.Next(stamps), 1); !slices.Equal(chain, []int{1, 20}) {
		t.Errorf("chain %v", chain)
	}
}

// A document with hundreds of packages: what bounds signatures of ordinary documents does not bound the container's.
func TestManyStatements(t *testing.T) {
	w := newWorld(t)
	w.document()
	for i := range 400 {
		pkg := w.sign(strings.Replace(letter, "H02.11", fmt.Sprintf("H02.%d", 100+i), 1))
		w.append(document.StreamPrefix+key, pkg, w.storedEvidence(), events.New{Name: document.NameResent, Data: document.Resent{
			Document: key, Assurance: "own", Recipients: []document.Recipient{{Org: "H02.12", Codes: []string{"H02.12"}}}, Judged: w.now}})
	}
	w.stamp()
	r := w.check(w.container(w.options()), nil)
	if !r.OK() || len(r.Proofs) != 401 || len(r.Packages) != 401 {
		t.Errorf("%d proofs, %d packages: %.2000s", len(r.Proofs), len(r.Packages), written(r))
	}
}

// Certificates that name a list need its answer. What the node can find out goes into the container.
func TestAnswersOfToday(t *testing.T) {
	w := newWorld(t)
	w.ca.Places = trialca.Places{CRL: "http://ca.example/ca.crl"}
	w.renewTSA()
	w.document()
	w.stamp()
	w.now = w.now.Add(time.Hour)
	if r := w.check(w.container(w.options()), nil); r.Indication != verdict.Indeterminate || !strings.Contains(written(r), "unknown time-stamp") {
		t.Error(written(r))
	}
	o := w.options()
	o.Believe = func() (*signing.Trust, revocation.Source) {
		der, err := w.ca.CRL(w.now)
		if err != nil {
			t.Fatal(err)
		}
		return w.trust, revocation.NewOffline(der)
	}
	if r := w.check(w.container(o), nil); !r.OK() {
		t.Error(written(r))
	}
	// Nobody answers: the container is made all the same.
	o.Believe = func() (*signing.Trust, revocation.Source) { return w.trust, revocation.NewOffline() }
	if r := w.check(w.container(o), nil); r.Indication != verdict.Indeterminate {
		t.Error(written(r))
	}
}
