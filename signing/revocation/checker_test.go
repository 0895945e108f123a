package revocation_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

const week = 7 * 24 * hour

// TestChain is the table of what answers mean at a time. The authority's own certificate always has a good CRL.
func TestChain(t *testing.T) {
	w := newWorld(t)
	above := w.crl(w.root, trialca.CRLOptions{ThisUpdate: day.Add(-hour), NextUpdate: day.AddDate(9, 0, 0), KeepsExpired: day.AddDate(-2, 0, 0)})
	crl := func(this time.Duration, entries ...trialca.Revoked) []byte {
		return w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day.Add(this), NextUpdate: day.Add(this + week), Entries: entries})
	}
	leaf := func(at time.Duration, reason int) trialca.Revoked {
		return trialca.Revoked{Serial: w.leaf.SerialNumber, At: day.Add(at), Reason: reason}
	}
	other := trialca.Revoked{Serial: w.mid.Certificate.SerialNumber, At: day.Add(-hour), Reason: 1}
	ocsp := func(this time.Duration, validity time.Duration, status revocation.Status, at time.Duration) []byte {
		return respond(w.answering(w.mid, nil, nil, day.Add(this), validity, revocation.Record{Status: status, At: day.Add(at)}), w.leaf, w.mid.Certificate)
	}
	late := w.leaf.NotAfter.Sub(day) + 24*hour // after the certificate's end
	keeps := w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day.Add(late), KeepsExpired: day})
	forgets := w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day.Add(late), KeepsExpired: day.Add(late - hour)})
	midRevoked := w.crl(w.root, trialca.CRLOptions{ThisUpdate: day, Entries: []trialca.Revoked{{Serial: w.mid.Certificate.SerialNumber, At: day.Add(-hour), Reason: revocation.CACompromise}}})
	for _, c := range []struct {
		name  string
		raws  [][]byte
		f     revocation.Freshness
		want  revocation.Status
		kind  revocation.Kind
		why   string
		above []byte // instead of the good one
		state revocation.Status
	}{
		{name: "nothing at hand", want: revocation.Unknown, why: "names no place"},
		{name: "good", raws: [][]byte{crl(-hour)}, want: revocation.Good, kind: revocation.CRL},
		{name: "another certificate revoked", raws: [][]byte{crl(-hour, other)}, want: revocation.Good, kind: revocation.CRL},
		{name: "revoked before", raws: [][]byte{crl(-hour, leaf(-2*hour, 1))}, want: revocation.Revoked, kind: revocation.CRL},
		{name: "revoked at that moment", raws: [][]byte{crl(hour, leaf(0, 1))}, want: revocation.Revoked, kind: revocation.CRL},
		{name: "revoked after", raws: [][]byte{crl(hour, leaf(1*time.Second, 1))}, want: revocation.Good, kind: revocation.CRL, state: revocation.Revoked},
		{name: "held", raws: [][]byte{crl(-hour, leaf(-2*hour, 6))}, want: revocation.Suspended, kind: revocation.CRL},
		{name: "held after", raws: [][]byte{crl(hour, leaf(1*time.Second, 6))}, want: revocation.Good, kind: revocation.CRL, state: revocation.Suspended},
		{name: "held, then released", raws: [][]byte{crl(-2*hour, leaf(-3*hour, 6)), crl(-hour)}, want: revocation.Good, kind: revocation.CRL},
		{name: "held, then revoked from the hold on", raws: [][]byte{crl(-2*hour, leaf(-3*hour, 6)), crl(-hour, leaf(-3*hour, 1))}, want: revocation.Revoked, kind: revocation.CRL},
		{name: "released, then held", raws: [][]byte{crl(-2 * hour), crl(-hour, leaf(-90*time.Minute, 6))}, want: revocation.Suspended, kind: revocation.CRL},
		{name: "stale", raws: [][]byte{crl(-2 * week)}, want: revocation.Unknown, why: "was to be replaced"},
		{name: "stale, but revoked is revoked", raws: [][]byte{crl(-2*week, leaf(-3*week, 1))}, want: revocation.Revoked, kind: revocation.CRL},
		{name: "stale hold", raws: [][]byte{crl(-2*week, leaf(-3*week, 6))}, want: revocation.Unknown, why: "was to be replaced"},
		{name: "revoked, whatever newer answers say", raws: [][]byte{crl(-2*hour, leaf(-3*hour, 1)), crl(-hour), ocsp(0, hour, revocation.Good, 0)}, want: revocation.Revoked, kind: revocation.CRL},
		{name: "too old for policy", raws: [][]byte{crl(-2 * hour)}, f: revocation.Freshness{MaxAge: hour}, want: revocation.Unknown, why: "more than 1h0m0s"},
		{name: "new enough for policy", raws: [][]byte{crl(-hour)}, f: revocation.Freshness{MaxAge: hour}, want: revocation.Good, kind: revocation.CRL},
		{name: "before the grace period is over", raws: [][]byte{crl(hour)}, f: revocation.Freshness{NotBefore: day.Add(2 * hour)}, want: revocation.Unknown, why: "needed is one from"},
		{name: "from the future", raws: [][]byte{crl(hour)}, f: revocation.Freshness{Now: day}, want: revocation.Unknown, why: "from the future"},
		{name: "from a clock that is a little ahead", raws: [][]byte{crl(time.Minute)}, f: revocation.Freshness{Now: day, Skew: time.Minute}, want: revocation.Good, kind: revocation.CRL},
		{name: "revoked, from the future", raws: [][]byte{crl(hour, leaf(-hour, 1))}, f: revocation.Freshness{Now: day}, want: revocation.Unknown, why: "from the future"},
		{name: "OCSP good", raws: [][]byte{ocsp(-hour, 2*hour, revocation.Good, 0)}, want: revocation.Good, kind: revocation.OCSP},
		{name: "OCSP revoked", raws: [][]byte{ocsp(-hour, 2*hour, revocation.Revoked, -2*hour)}, want: revocation.Revoked, kind: revocation.OCSP},
		{name: "OCSP does not know", raws: [][]byte{ocsp(-hour, 2*hour, revocation.Unknown, 0)}, want: revocation.Unknown, why: "does not know"},
		{name: "OCSP does not know, CRL does", raws: [][]byte{ocsp(0, 2*hour, revocation.Unknown, 0), crl(-hour)}, want: revocation.Good, kind: revocation.CRL},
		{name: "OCSP without next update, before", raws: [][]byte{ocsp(-hour, -1, revocation.Good, 0)}, want: revocation.Unknown, why: "without next update"},
		{name: "OCSP without next update, after", raws: [][]byte{ocsp(hour, -1, revocation.Good, 0)}, want: revocation.Good, kind: revocation.OCSP},
		{name: "OCSP without next update, policy", raws: [][]byte{ocsp(-hour, -1, revocation.Good, 0)}, f: revocation.Freshness{MaxAge: hour}, want: revocation.Good, kind: revocation.OCSP},
		{name: "OCSP goes before a CRL of the same time", raws: [][]byte{crl(-hour), ocsp(-hour, 2*hour, revocation.Good, 0)}, want: revocation.Good, kind: revocation.OCSP},
		{name: "a newer CRL goes before OCSP", raws: [][]byte{ocsp(-2*hour, 4*hour, revocation.Good, 0), crl(-hour)}, want: revocation.Good, kind: revocation.CRL},
		{name: "after the certificate's end", raws: [][]byte{crl(late)}, want: revocation.Unknown, why: "need not name it any more"},
		{name: "after the certificate's end, which the CRL keeps", raws: [][]byte{keeps}, want: revocation.Good, kind: revocation.CRL},
		{name: "after the certificate's end, which the CRL does not keep", raws: [][]byte{forgets}, want: revocation.Unknown, why: "need not name it any more"},
		{name: "after the certificate's end, still listed", raws: [][]byte{crl(late, leaf(late-hour, 1))}, want: revocation.Good, kind: revocation.CRL, state: revocation.Revoked},
		{name: "the authority revoked", raws: [][]byte{crl(-hour)}, above: midRevoked, want: revocation.Good, kind: revocation.CRL},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := above
			if c.above != nil {
				first = c.above
			}
			o := revocation.NewOffline(append([][]byte{first}, c.raws...)...)
			if len(o.Problems()) > 0 {
				t.Fatal(o.Problems())
			}
			k := revocation.Checker{Source: o}
			st := k.Chain(context.Background(), w.chain(), day, c.f)
			if len(st.Certificates) != 2 {
				t.Fatalf("%d certificates judged, want 2", len(st.Certificates))
			}
			got := st.Certificates[0]
			if got.Status != c.want || (got.Answer != nil) != (c.want != revocation.Unknown) || !strings.Contains(got.Why, c.why) || (got.Why == "") != (c.want != revocation.Unknown) {
				t.Fatalf("%s (%s), want %s (%s)", got.Status, got.Why, c.want, c.why)
			}
			if got.Answer != nil && got.Answer.Kind != c.kind {
				t.Errorf("went by %s, want %s", got.Answer.Kind, c.kind)
			}
			if c.state != 0 && got.Answer.Status != c.state {
				t.Errorf("the answer itself says %s, want %s", got.Answer.Status, c.state)
			}
			if len(got.Passed)+len(st.Evidence()) != len(c.raws)+1 && c.f.NotBefore.IsZero() && c.f.Now.IsZero() && c.f.MaxAge == 0 {
				t.Errorf("%d answers passed over and %d gone by, of %d", len(got.Passed), len(st.Evidence()), len(c.raws)+1)
			}
			worst := c.want
			if c.above != nil {
				worst = revocation.Revoked
			} else if st.Certificates[1].Status != revocation.Good && worst == revocation.Good {
				worst = revocation.Unknown
			}
			if st.Status() != worst {
				t.Errorf("the chain is %s, want %s", st.Status(), worst)
			}
			if _, err := json.Marshal(st); err != nil {
				t.Error(err)
			}
			v := vector{about: "chain " + c.name, expect: c.want, all: worst, by: c.kind, why: c.why, at: day, f: c.f, chain: w.chain(), answers: append([][]byte{first}, c.raws...)}
			v.write(t)
		})
	}
}

// TestResponderChecked: who answers for others is himself asked about, unless his authority says that he need not be.
func TestResponderChecked(t *testing.T) {
	w := newWorld(t)
	plain := func(c *x509.Certificate) {
		c.ExtKeyUsage, c.ExtraExtensions = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, nil
	}
	key, cert := w.issue(w.mid, trialca.Leaf{Name: "OCSP"}, plain)
	exemptKey, exempt := w.issue(w.mid, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP}, nil)
	good := revocation.Record{Status: revocation.Good}
	ocsp := respond(w.answering(w.mid, key, cert, day, week, good), w.leaf, w.mid.Certificate)
	about := respond(w.answering(w.mid, key, cert, day, week, good), cert, w.mid.Certificate) // itself
	byExempt := respond(w.answering(w.mid, exemptKey, exempt, day, week, good), w.leaf, w.mid.Certificate)
	old := trialca.CRLOptions{ThisUpdate: day.Add(-hour)}
	bad := trialca.CRLOptions{ThisUpdate: day.Add(-hour), Entries: []trialca.Revoked{{Serial: cert.SerialNumber, At: day.Add(-2 * hour), Reason: 1}}}
	crlKey, crlCert := w.issue(w.mid, trialca.Leaf{}, func(c *x509.Certificate) { c.Subject, c.KeyUsage = w.mid.Certificate.Subject, x509.KeyUsageCRLSign })
	byCRLKey, err := x509.CreateRevocationList(nil, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: day, NextUpdate: day.Add(hour)}, withCRLSign(crlCert), crlKey)
	w.must(err)
	lost := trialca.CRLOptions{ThisUpdate: day.Add(-week), NextUpdate: day.Add(-hour), Entries: []trialca.Revoked{{Serial: crlCert.SerialNumber, At: day.Add(-week), Reason: 1}}}
	for _, c := range []struct {
		name     string
		raws     [][]byte
		want     revocation.Kind // "" : nothing
		evidence int
	}{
		{"nothing about the responder", [][]byte{ocsp}, "", 0},
		{"only by itself", [][]byte{ocsp, about}, "", 0},
		{"a CRL without the responder", [][]byte{ocsp, w.crl(w.mid, old)}, revocation.OCSP, 2},
		{"a CRL with the responder", [][]byte{ocsp, w.crl(w.mid, bad)}, revocation.CRL, 1},
		{"need not be asked about", [][]byte{byExempt}, revocation.OCSP, 1},
		{"a key for CRLs", [][]byte{byCRLKey}, revocation.CRL, 1},
		{"a key for CRLs that was revoked", [][]byte{byCRLKey, w.crl(w.mid, lost)}, "", 0},
		{"need not be asked about, other revoked", [][]byte{byExempt, ocsp, w.crl(w.mid, bad)}, revocation.OCSP, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := revocation.NewOffline(c.raws...)
			o.Certify(crlCert)
			k := revocation.Checker{Source: o}
			st := k.Chain(context.Background(), w.chain()[:2], day, revocation.Freshness{})
			got := st.Certificates[0]
			v := vector{about: "responder " + c.name, expect: got.Status, all: got.Status, by: c.want, at: day, chain: w.chain()[:2], answers: c.raws, helpers: []*x509.Certificate{crlCert}}
			v.write(t)
			if c.want == "" {
				if got.Status != revocation.Unknown || !strings.Contains(got.Why, "responder") && !strings.Contains(got.Why, "signer was revoked") {
					t.Errorf("%s (%s)", got.Status, got.Why)
				}
				return
			}
			if got.Answer == nil || got.Answer.Kind != c.want || got.Status != revocation.Good || len(st.Evidence()) != c.evidence {
				t.Errorf("%s by %+v, %d pieces of evidence (%s)", got.Status, got.Answer, len(st.Evidence()), got.Why)
			}
		})
	}
}

// failing is a source that cannot be reached.
type failing struct{}

func (failing) Find(context.Context, *x509.Certificate, *x509.Certificate, time.Time) ([]revocation.Answer, error) {
	return nil, errors.New("no route to authority")
}

func TestJoin(t *testing.T) {
	w := newWorld(t)
	o := revocation.NewOffline(w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day}))
	k := revocation.Checker{Source: revocation.Join(failing{}, nil, o)}
	st := k.Chain(context.Background(), w.chain(), day, revocation.Freshness{})
	if st.Certificates[0].Status != revocation.Good || st.Certificates[0].Err == nil {
		t.Errorf("%s, error %v: want good, and to be told of the failure", st.Certificates[0].Status, st.Certificates[0].Err)
	}
	if st.Certificates[1].Status != revocation.Unknown || !strings.Contains(st.Certificates[1].Why, "no route") {
		t.Errorf("%s (%s): want unknown, with the reason", st.Certificates[1].Status, st.Certificates[1].Why)
	}
	if st := (&revocation.Checker{}).Chain(context.Background(), w.chain(), day, revocation.Freshness{}); st.Status() != revocation.Unknown {
		t.Errorf("without a source: %s", st.Status())
	}
	if st := k.Chain(context.Background(), w.chain()[2:], day, revocation.Freshness{}); st.Status() != revocation.Good || len(st.Evidence()) != 0 {
		t.Errorf("the anchor alone: %s", st.Status())
	}
}

// TestOrderDoesNotMatter: whatever the order in which answers come, the same one is gone by.
func TestOrderDoesNotMatter(t *testing.T) {
	w := newWorld(t)
	var raws [][]byte
	for i, at := range []time.Duration{-5 * hour, -3 * hour, -hour, hour} {
		var entries []trialca.Revoked
		if i%2 == 1 {
			entries = []trialca.Revoked{{Serial: w.leaf.SerialNumber, At: day.Add(at), Reason: []int{6, 1}[i/2]}}
		}
		raws = append(raws, w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day.Add(at), Entries: entries}))
		raws = append(raws, respond(w.answering(w.mid, nil, nil, day.Add(at), week, revocation.Record{Status: revocation.Good}), w.leaf, w.mid.Certificate))
	}
	rapid.Check(t, func(rt *rapid.T) {
		at := day.Add(time.Duration(rapid.IntRange(-6*60, 3*60).Draw(rt, "minutes")) * time.Minute)
		some := rapid.SliceOfNDistinct(rapid.IntRange(0, len(raws)-1), 1, len(raws), rapid.ID[int]).Draw(rt, "answers")
		judge := func(order []int) string {
			var in [][]byte
			for _, i := range order {
				in = append(in, raws[i])
			}
			k := revocation.Checker{Source: revocation.NewOffline(in...)}
			st := k.Chain(context.Background(), w.chain()[:2], at, revocation.Freshness{}).Certificates[0]
			if st.Answer == nil {
				return "none"
			}
			return st.Status.String() + string(st.Answer.Raw)
		}
		want := judge(some)
		if got := judge(rapid.Permutation(some).Draw(rt, "order")); got != want {
			rt.Fatal("another order gives another answer")
		}
	})
}
