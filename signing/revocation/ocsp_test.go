package revocation_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

// respond asks a responder about one certificate.
func respond(r *revocation.Responder, cert, issuer *x509.Certificate) []byte {
	req, err := ocsp.CreateRequest(cert, issuer, &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		panic(err)
	}
	return r.Respond(req)
}

func TestOCSP(t *testing.T) {
	w := newWorld(t)
	stranger, err := trialca.New("CA cấp chứng thư", seeded("stranger"), func() time.Time { return day.AddDate(-1, 0, 0) })
	w.must(err)
	_, other := w.issue(w.mid, trialca.Leaf{Name: "khác"}, nil)
	good, revoked := revocation.Record{Status: revocation.Good}, revocation.Record{Status: revocation.Revoked, At: day.Add(-hour), Reason: revocation.CessationOfOperation}
	delegate := func(ca *trialca.Authority, change func(*x509.Certificate)) (crypto.Signer, *x509.Certificate) {
		return w.issue(ca, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP}, change)
	}
	key, cert := delegate(w.mid, nil)
	otherKey, otherCert := delegate(stranger, nil)
	rootKey, rootCert := delegate(w.root, nil)
	noKey, noCert := delegate(w.mid, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	oldKey, oldCert := delegate(w.mid, func(c *x509.Certificate) { c.NotAfter = day.Add(-hour) })
	encKey, encCert := delegate(w.mid, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	for _, c := range []struct {
		name   string
		der    []byte
		want   revocation.Status
		refuse string
		none   bool
	}{
		{"by the issuer", respond(w.answering(w.mid, nil, nil, day, hour, good), w.leaf, w.mid.Certificate), revocation.Good, "", false},
		{"by a delegate", respond(w.answering(w.mid, key, cert, day, hour, good), w.leaf, w.mid.Certificate), revocation.Good, "", false},
		{"revoked", respond(w.answering(w.mid, key, cert, day, hour, revoked), w.leaf, w.mid.Certificate), revocation.Revoked, "", false},
		{"held", respond(w.answering(w.mid, key, cert, day, hour, revocation.Record{Status: revocation.Suspended, At: day.Add(-hour)}), w.leaf, w.mid.Certificate), revocation.Suspended, "", false},
		{"not known", respond(w.answering(w.mid, key, cert, day, hour, revocation.Record{}), w.leaf, w.mid.Certificate), revocation.Unknown, "", false},
		{"about another certificate", respond(w.answering(w.mid, key, cert, day, hour, good), other, w.mid.Certificate), 0, "", true},
		{"by an authority of the same name", respond(w.answering(stranger, nil, nil, day, hour, good), w.leaf, stranger.Certificate), 0, "", true},
		{"by a delegate of another authority", respond(w.answering(w.mid, otherKey, otherCert, day, hour, good), w.leaf, w.mid.Certificate), 0, "was not certified by", true},
		{"by a delegate of the authority above", respond(w.answering(w.mid, rootKey, rootCert, day, hour, good), w.leaf, w.mid.Certificate), 0, "was not certified by", true},
		{"by a certificate for something else", respond(w.answering(w.mid, noKey, noCert, day, hour, good), w.leaf, w.mid.Certificate), 0, "not certified for signing OCSP", true},
		{"by a delegate that had expired", respond(w.answering(w.mid, oldKey, oldCert, day, hour, good), w.leaf, w.mid.Certificate), 0, "was not valid when it answered", true},
		{"by a key for encipherment", respond(w.answering(w.mid, encKey, encCert, day, hour, good), w.leaf, w.mid.Certificate), 0, "not for signing", true},
		{"by the certificate itself", respond(w.answering(w.mid, w.leafKey, w.leaf, day, hour, good), w.leaf, w.mid.Certificate), 0, "not certified for signing OCSP", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := vector{about: "OCSP " + c.name, expect: c.want, all: c.want, why: c.refuse, at: day, chain: w.chain()[:2], answers: [][]byte{c.der}}
			if c.want != revocation.Unknown {
				v.by = revocation.OCSP
			}
			v.write(t)
			o := revocation.NewOffline(c.der)
			if len(o.Problems()) > 0 {
				t.Fatal(o.Problems())
			}
			got, err := find(t, o, w.leaf, w.mid.Certificate)
			if c.refuse == "" && err != nil || c.refuse != "" && (err == nil || !strings.Contains(err.Error(), c.refuse)) {
				t.Errorf("error %v, want %q", err, c.refuse)
			}
			if c.none {
				if len(got) > 0 {
					t.Errorf("%+v, want no answer", got)
				}
				return
			}
			if len(got) != 1 || got[0].Status != c.want || !got[0].ThisUpdate.Equal(day) || !got[0].NextUpdate.Equal(day.Add(hour)) {
				t.Fatalf("%+v, want one that says %s", got, c.want)
			}
			if a := got[0]; c.want == revocation.Revoked && (!a.At.Equal(revoked.At) || a.Reason != revoked.Reason) {
				t.Errorf("revoked %s for %d", a.At, a.Reason)
			}
		})
	}
}

// TestOCSPBytes changes every byte of a response in turn: never may another answer come out of it.
func TestOCSPBytes(t *testing.T) {
	w := newWorld(t)
	key, cert := w.issue(w.mid, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP}, nil)
	der := respond(w.answering(w.mid, key, cert, day, hour, revocation.Record{Status: revocation.Revoked, At: day}), w.leaf, w.mid.Certificate)
	for i := range der {
		for _, x := range []byte{1, 0x80} {
			b := append([]byte(nil), der...)
			b[i] ^= x
			got, _ := find(t, revocation.NewOffline(b), w.leaf, w.mid.Certificate)
			// Only the parts that nobody signs may change: they say nothing.
			if len(got) > 0 && (got[0].Status != revocation.Revoked || !got[0].At.Equal(day) || !got[0].ThisUpdate.Equal(day) || !got[0].NextUpdate.Equal(day.Add(hour)) || !got[0].Signer.Equal(cert)) {
				t.Fatalf("byte %d changed by %#x: answered %+v", i, x, got[0])
			}
		}
	}
}

// TestOCSPAgainstOther has golang.org/x/crypto/ocsp read what we write, and the other way round.
func TestOCSPAgainstOther(t *testing.T) {
	w := newWorld(t)
	for _, k := range []trialca.KeyType{trialca.P256, trialca.P384, trialca.RSA2048} {
		key, cert := w.issue(w.mid, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP, Key: k, Lifetime: 100 * 365 * 24 * hour}, nil) // theirs dates its answers by the clock of the machine
		for _, rec := range []revocation.Record{{Status: revocation.Good}, {}, {Status: revocation.Revoked, At: day.Add(-hour), Reason: 4}, {Status: revocation.Suspended, At: day.Add(-hour), Reason: 6}} {
			r, err := ocsp.ParseResponseForCert(respond(w.answering(w.mid, key, cert, day, hour, rec), w.leaf, w.mid.Certificate), w.leaf, w.mid.Certificate)
			if err != nil {
				t.Fatalf("%s: theirs reads ours: %v", rec.Status, err)
			}
			want := map[revocation.Status]int{revocation.Good: ocsp.Good, revocation.Unknown: ocsp.Unknown, revocation.Revoked: ocsp.Revoked, revocation.Suspended: ocsp.Revoked}[rec.Status]
			if r.Status != want || !r.ThisUpdate.Equal(day) || !r.NextUpdate.Equal(day.Add(hour)) || want == ocsp.Revoked && (!r.RevokedAt.Equal(rec.At) || r.RevocationReason != rec.Reason) {
				t.Errorf("%s: theirs reads %+v", rec.Status, r)
			}
			tmpl := ocsp.Response{Status: want, SerialNumber: w.leaf.SerialNumber, ThisUpdate: day, NextUpdate: day.Add(hour), RevokedAt: rec.At, RevocationReason: rec.Reason, Certificate: cert, IssuerHash: crypto.SHA1}
			der, err := ocsp.CreateResponse(w.mid.Certificate, cert, tmpl, key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := find(t, revocation.NewOffline(der), w.leaf, w.mid.Certificate)
			if err != nil || len(got) != 1 || got[0].Status != rec.Status || !got[0].At.Equal(rec.At) || !got[0].NextUpdate.Equal(day.Add(hour)) {
				t.Errorf("%s: ours reads %+v, %v", rec.Status, got, err)
			}
		}
	}
}

func TestOCSPBasic(t *testing.T) {
	w := newWorld(t)
	der := respond(w.answering(w.mid, nil, nil, day, hour, revocation.Record{Status: revocation.Good}), w.leaf, w.mid.Certificate)
	// The BasicOCSPResponse is the content of the last OCTET STRING of the wrapper: what is left behind its headers.
	basic := der[len(der)-int(basicLen(t, der)):]
	o := revocation.NewOffline(basic)
	got, err := find(t, o, w.leaf, w.mid.Certificate)
	if err != nil || len(got) != 1 || got[0].Status != revocation.Good {
		t.Fatalf("%+v, %v, %v", got, err, o.Problems())
	}
	if string(got[0].Raw) != string(der) {
		t.Error("a bare response is not kept as a whole one")
	}
}

func basicLen(t *testing.T, der []byte) int {
	t.Helper()
	for i := 0; i+4 < len(der); i++ {
		if der[i] == 4 && der[i+1] == 0x82 && int(der[i+2])<<8|int(der[i+3]) == len(der)-i-4 {
			return len(der) - i - 4
		}
	}
	t.Fatal("no response in it")
	return 0
}

func TestResponderRefuses(t *testing.T) {
	w := newWorld(t)
	r, err := revocation.NewResponder(revocation.ResponderOptions{Issuer: w.mid.Certificate, Key: w.mid.Key(), Certificate: w.mid.Certificate, Now: func() time.Time { return day },
		Lookup: func(*big.Int) (revocation.Record, error) { return revocation.Record{}, errors.New("no") }})
	w.must(err)
	for name, c := range map[string]struct {
		req  []byte
		want ocsp.ResponseStatus
	}{
		"garbage":          {[]byte("garbage"), ocsp.Malformed},
		"nothing":          {nil, ocsp.Malformed},
		"another's":        {request(t, w.mid.Certificate, w.root.Certificate), ocsp.Unauthorized},
		"when it can't":    {request(t, w.leaf, w.mid.Certificate), ocsp.TryLater},
		"cut off":          {request(t, w.leaf, w.mid.Certificate)[:20], ocsp.Malformed},
		"with more behind": {append(request(t, w.leaf, w.mid.Certificate), 0), ocsp.Malformed},
	} {
		_, err := ocsp.ParseResponse(r.Respond(c.req), nil)
		var re ocsp.ResponseError
		if !errors.As(err, &re) || re.Status != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if _, err := find(t, revocation.NewOffline(r.Respond(c.req)), w.leaf, w.mid.Certificate); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := revocation.NewResponder(revocation.ResponderOptions{Issuer: w.mid.Certificate, Key: w.leafKey, Certificate: w.mid.Certificate, Now: time.Now, Lookup: func(*big.Int) (revocation.Record, error) { return revocation.Record{}, nil }}); err == nil {
		t.Error("a responder was made with a key that is not its certificate's")
	}
}

func request(t testing.TB, cert, issuer *x509.Certificate) []byte {
	t.Helper()
	der, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func FuzzCRL(f *testing.F) {
	w := newWorld(f)
	f.Add(w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day}))
	f.Add(w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day, Entries: []trialca.Revoked{{Serial: big.NewInt(5), At: day, Reason: 1, InvalidSince: day}, {Serial: big.NewInt(3), At: day, Reason: 6}}}))
	f.Add(w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day, KeepsExpired: day, Extra: nil}))
	f.Fuzz(func(t *testing.T, der []byte) {
		o := revocation.NewOffline(der)
		got, _ := find(t, o, w.leaf, w.mid.Certificate)
		l, err := revocation.ParseCRL(der)
		if err != nil {
			if len(got) > 0 {
				t.Fatal("an answer from what is no CRL")
			}
			return
		}
		// What the standard library reads as well must have the same entries.
		theirs, err := x509.ParseRevocationList(der)
		if err != nil {
			return
		}
		if len(got) > 0 && theirs.CheckSignatureFrom(w.mid.Certificate) != nil {
			t.Fatal("an answer from a CRL that is not signed")
		}
		if l.Len() != len(theirs.RevokedCertificateEntries) {
			t.Fatalf("%d entries, want %d", l.Len(), len(theirs.RevokedCertificateEntries))
		}
	})
}

func FuzzOCSP(f *testing.F) {
	w := newWorld(f)
	key, cert := w.issue(w.mid, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP}, nil)
	for _, rec := range []revocation.Record{{Status: revocation.Good}, {}, {Status: revocation.Revoked, At: day, Reason: 1}} {
		f.Add(respond(w.answering(w.mid, nil, nil, day, hour, rec), w.leaf, w.mid.Certificate))
		f.Add(respond(w.answering(w.mid, key, cert, day, -1, rec), w.leaf, w.mid.Certificate))
	}
	f.Add(request(f, w.leaf, w.mid.Certificate))
	responder := w.answering(w.mid, key, cert, day, hour, revocation.Record{Status: revocation.Good})
	f.Fuzz(func(t *testing.T, der []byte) {
		got, _ := find(t, revocation.NewOffline(der), w.leaf, w.mid.Certificate)
		if len(got) > 0 {
			if !got[0].Signer.Equal(cert) && !got[0].Signer.Equal(w.mid.Certificate) {
				t.Fatalf("signed by %s", got[0].Signer.Subject)
			}
		}
		if _, err := ocsp.ParseResponse(responder.Respond(der), nil); err != nil {
			var re ocsp.ResponseError
			if !errors.As(err, &re) {
				t.Fatalf("the responder gives what cannot be read: %v", err)
			}
		}
	})
}
