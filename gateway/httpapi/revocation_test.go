package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// accept hands a document of sender in that the key signed.
func (w *world) accept(id, key string) (gateway.Accepted, error) {
	w.t.Helper()
	k := w.key(key)
	signed := w.sign(w.unsigned(w.doc(numbered(id))), k)
	caller := gateway.Caller{Client: gateway.ClientNode, Kind: gateway.KindNode, Name: "test"}
	return w.node.Accept(w.ctx, caller, bytes.NewReader(signed), int64(len(signed)))
}

// numbered makes a document's number of a short name.
func numbered(id string) string { return fmt.Sprintf("%d%s", id[0], id[1:]) }

func (w *world) evidenceOf(position uint64) gateway.Evidence {
	w.t.Helper()
	e, err := w.store.Event(w.ctx, position)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := w.store.Evidence(w.ctx, *e.Statement.Evidence)
	if err != nil {
		w.t.Fatal(err)
	}
	ev, err := gateway.DecodeEvidence(b)
	if err != nil {
		w.t.Fatal(err)
	}
	// Whatever was accepted can be judged again by what was kept.
	if err := ev.JudgeAgain(w.ctx, gateway.JudgedAt(e), func(d events.Digest) ([]byte, error) { return w.store.Evidence(w.ctx, d) }); err != nil {
		w.t.Errorf("judged again: %v", err)
	}
	return ev
}

func (w *world) kept() int {
	w.t.Helper()
	n := 0
	if err := w.store.All(w.ctx, 0, func(e events.Event) error {
		if e.Statement.Name == validation.NameKept {
			n++
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// renew makes the next list a new one.
func (l *revocationLists) renew() { l.mu.Lock(); defer l.mu.Unlock(); l.raw = nil }

// current is the list as it stands.
func (l *revocationLists) current() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.raw == nil {
		return nil, errors.New("there is no list yet")
	}
	return l.raw, nil
}

func (l *revocationLists) questions() int { l.mu.Lock(); defer l.mu.Unlock(); return l.asked }

// leave takes a certificate off the list again: a hold is over.
func (l *revocationLists) leave() { l.mu.Lock(); defer l.mu.Unlock(); l.entries, l.raw = nil, nil }

func code(err error) int {
	if err == nil {
		return 0
	}
	return gateway.AsRefusal(err).Code
}

// What each mode of the policy makes of what authorities say, or don't.
func TestRevocationModes(t *testing.T) {
	const none, available, named, required = policy.RevocationNone, policy.RevocationIfAvailable, policy.RevocationWhenNamed, policy.RevocationRequired
	for _, test := range []struct {
		mode, key string
		silent    bool // nobody answers
		places    bool // the certificate names a place to ask
		want      int
		status    string
		warning   bool
	}{
		{none, "list-revoked", false, false, 0, "", false},
		{available, "sender", false, false, 0, "good", false},
		{available, "list-revoked", false, false, gateway.CodeRevoked, "", false},
		{available, "list-held", false, false, gateway.CodeSuspended, "", false},
		{available, "sender", true, false, 0, "unknown", false},
		{available, "places", true, true, 0, "unknown", true},
		{named, "sender", false, false, 0, "good", false},
		{named, "list-revoked", false, false, gateway.CodeRevoked, "", false},
		{named, "sender", true, false, 0, "unknown", false},
		{named, "places", true, true, gateway.CodeRevocationUnknown, "", false},
		{named, "places", false, true, 0, "good", false},
		{required, "sender", false, false, 0, "good", false},
		{required, "sender", true, false, gateway.CodeRevocationUnknown, "", false},
		{required, "list-held", false, false, gateway.CodeSuspended, "", false},
	} {
		name := test.mode + " " + test.key
		if test.silent {
			name += " silent"
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *worldOptions) { o.policy = func(p *policy.Policy) { p.Revocation = test.mode } })
			if test.places {
				w.namesPlaces("places")
			}
			w.key(test.key)
			if test.silent {
				w.lists.silence(true)
				w.clock.Add(48 * time.Hour)
			}
			acc, err := w.accept("r1", test.key)
			if code(err) != test.want {
				t.Fatalf("got %v, expected %d", err, test.want)
			}
			if n, _ := w.node.RevocationUnknown(); (n > 0) != (test.silent && test.places) {
				t.Errorf("%d chains are told to be unknown", n)
			}
			if err != nil {
				if r := gateway.AsRefusal(err); r.Retryable != (r.Code == gateway.CodeRevocationUnknown) {
					t.Errorf("%d is retryable: %t", r.Code, r.Retryable)
				}
				return
			}
			ev := w.evidenceOf(acc.Position)
			if test.status == "" {
				if ev.Revocation != nil {
					t.Errorf("nobody was asked, evidence says %+v", ev.Revocation)
				}
				return
			}
			got := ev.Revocation[0][0]
			if got.Status != test.status || (got.Answer != nil) != (test.status == "good") || got.Named != (test.status == "unknown" && test.places) {
				t.Errorf("evidence %+v, expected %s", got, test.status)
			}
			warned := false
			for _, x := range acc.Warnings {
				warned = warned || x.Code == "revocation-unknown"
			}
			if warned != test.warning {
				t.Errorf("warnings %+v", acc.Warnings)
			}
		})
	}
}

// namesPlaces makes a key whose certificate names a CRL.
func (w *world) namesPlaces(name string) {
	w.t.Helper()
	key, cert, err := w.ca.IssueWith(trialca.Leaf{Name: "Có nơi hỏi", OrgCode: codeSender, Use: trialca.Sign}, func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{"http://ca.example/list.crl"}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mustChange(schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender},
		Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw})
	w.keys[name] = &agency{code: codeSender, key: key, cert: cert}
}

// One question serves many packages, one stored list all of them; it is asked again in good time, and a revocation is seen then.
func TestRevocationIsRemembered(t *testing.T) {
	w := nodeIn(t, "revocation-required")
	w.key("sender")
	first, err := w.accept("m1", "sender")
	if err != nil {
		t.Fatal(err)
	}
	asked, kept := w.lists.questions(), w.kept()
	for _, id := range []string{"m2", "m3", "m4"} {
		acc, err := w.accept(id, "sender")
		if err != nil {
			t.Fatal(err)
		}
		a, b := w.evidenceOf(first.Position), w.evidenceOf(acc.Position)
		if *a.Revocation[0][0].Answer != *b.Revocation[0][0].Answer {
			t.Error("another list is named")
		}
	}
	if w.lists.questions() != asked || w.kept() != kept {
		t.Errorf("%d questions and %d lists kept, expected %d and %d", w.lists.questions(), w.kept(), asked, kept)
	}
	// An hour later the answer, though good for a day, is asked for again: within it a revocation may go unseen.
	w.lists.enter(w.agencies[codeSender].cert, false)
	w.clock.Add(10 * time.Minute)
	if _, err := w.accept("m5", "sender"); err != nil {
		t.Errorf("within the hour: %v", err)
	}
	w.clock.Add(time.Hour)
	if _, err := w.accept("m6", "sender"); code(err) != gateway.CodeRevoked {
		t.Errorf("after the hour: %v", err)
	}
	// Nothing that was accepted is judged otherwise now.
	w.evidenceOf(first.Position)
}

// What is in use is asked for in the background, so that no hand-in waits; newly enrolled certificates too.
func TestRevocationIsRefreshed(t *testing.T) {
	w := nodeIn(t, "revocation-required")
	if err := w.node.RefreshRevocation(w.ctx); err != nil {
		t.Fatal(err)
	}
	asked := w.lists.questions()
	if asked == 0 {
		t.Fatal("nobody asked about the certificates that are enrolled")
	}
	w.lists.silence(true)
	if _, err := w.accept("b1", "sender"); err != nil {
		t.Errorf("the authority is silent, but was asked before: %v", err)
	}
	w.lists.silence(false)
	w.namesPlaces("new")
	if err := w.node.RefreshRevocation(w.ctx); err != nil {
		t.Fatal(err)
	}
	if now := w.lists.questions(); now != asked+1 {
		t.Errorf("%d questions after one enrolment, expected one more than %d", now, asked)
	}
	// Three quarters of the hour on, what was used is asked for again; after that the silence of the authority is not noticed.
	w.clock.Add(50 * time.Minute)
	w.lists.renew()
	if err := w.node.RefreshRevocation(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.lists.silence(true)
	w.clock.Add(40 * time.Minute)
	if _, err := w.accept("b2", "sender"); err != nil {
		t.Errorf("got %v", err)
	}
}

// While nobody can say, nothing is enrolled, but a lost key is revoked all the same.
func TestRevocationDoesNotWait(t *testing.T) {
	w := nodeIn(t, "revocation-silent")
	cert := w.agencies[codeSender].cert
	holder := schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender}
	revoke := schemas.RevokeCertificate{Holder: holder, SHA256: sha256.Sum256(cert.Raw), From: w.clock.Now(), Reason: "mất khóa"}
	if _, err := w.change(revoke, schemas.AddOrganisation{Code: "H02.88", Name: "Mới"}); code(err) != gateway.CodeRevocationUnknown {
		t.Errorf("a change that adds: %v", err)
	}
	if _, err := w.change(revoke); err != nil {
		t.Errorf("a change that takes away: %v", err)
	}
}

// A hold that is over is over, and one that nobody could tell of is asked about again.
func TestRevocationReleased(t *testing.T) {
	w := nodeIn(t, "revocation-required")
	w.key("list-held")
	if _, err := w.accept("h1", "list-held"); code(err) != gateway.CodeSuspended {
		t.Fatalf("got %v", err)
	}
	w.lists.leave()
	w.clock.Add(time.Second)
	if _, err := w.accept("h1", "list-held"); err != nil {
		t.Errorf("released: %v", err)
	}
	w.lists.silence(true)
	w.clock.Add(25 * time.Hour)
	if _, err := w.accept("h2", "sender"); code(err) != gateway.CodeRevocationUnknown {
		t.Errorf("silent: %v", err)
	}
	w.lists.silence(false)
	w.lists.leave()
	if _, err := w.accept("h2", "sender"); code(err) != gateway.CodeRevocationUnknown {
		t.Errorf("asked again at once: %v", err)
	}
	w.clock.Add(time.Minute)
	if _, err := w.accept("h2", "sender"); err != nil {
		t.Errorf("asked again: %v", err)
	}
}

// The directory's own word on a certificate, for packages judged at each time.
func TestSuspendedAndLifted(t *testing.T) {
	w := newWorld(t)
	holder := schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender}
	cert := w.agencies[codeSender].cert
	revoke := func(from time.Time, suspend bool) {
		w.mustChange(schemas.RevokeCertificate{Holder: holder, SHA256: sha256.Sum256(cert.Raw), From: from, Suspend: suspend, Reason: "thử"})
	}
	step := func(id string, want int) {
		t.Helper()
		if _, err := w.accept(id, "sender"); code(err) != want {
			t.Errorf("%s: got %v, expected %d", id, err, want)
		}
		w.clock.Add(time.Minute)
	}
	step("s1", 0)
	revoke(w.clock.Now(), true)
	step("s2", gateway.CodeSuspended)
	w.mustChange(schemas.EnrolCertificate{Holder: holder, Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw})
	step("s3", 0)
	revoke(w.clock.Now().Add(time.Hour), false) // from a time to come
	step("s4", 0)
	w.clock.Add(time.Hour)
	step("s5", gateway.CodeRevoked)
	if _, err := w.change(schemas.EnrolCertificate{Holder: holder, Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw}); code(err) != gateway.CodeDirectoryRule {
		t.Errorf("revoked for good, enrolled again: %v", err)
	}
}

// From a peer, the directory's word as of the sealed time counts, also for a suspension that was lifted since.
func TestHandoverDuringSuspension(t *testing.T) {
	w := newWorld(t)
	holder := schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeVPCP}
	cert := w.agencies[codeVPCP].cert
	before := w.fromVPCP("950")
	sealedBefore := w.peerReceipt(before, "good")
	w.clock.Add(time.Hour)
	w.mustChange(schemas.RevokeCertificate{Holder: holder, SHA256: sha256.Sum256(cert.Raw), From: w.clock.Now(), Suspend: true})
	w.clock.Add(time.Minute)
	during := w.fromVPCP("951")
	sealedDuring := w.peerReceipt(during, "good")
	w.clock.Add(time.Hour)
	w.mustChange(schemas.EnrolCertificate{Holder: holder, Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw})
	w.clock.Add(time.Hour)
	if _, err := w.handOverCore(before, sealedBefore); err != nil {
		t.Errorf("sealed before: %v", err)
	}
	if _, err := w.handOverCore(during, sealedDuring); code(err) != gateway.CodeSuspended {
		t.Errorf("sealed during: %v", err)
	}
}

// A peer's answers come along: where this node cannot ask, it judges by them, as of the sealed time, and keeps them.
func TestHandoverBringsAnswers(t *testing.T) {
	w := nodeIn(t, "revocation-required")
	list, err := w.lists.current()
	if err != nil {
		t.Fatal(err)
	}
	pkg := w.fromVPCP("960")
	receipt := w.peerReceipt(pkg, "good")
	w.lists.silence(true)
	w.clock.Add(72 * time.Hour)
	if _, err := w.handOverCore(pkg, receipt); code(err) != gateway.CodeRevocationUnknown {
		t.Fatalf("nobody can say: %v", err)
	}
	// As the other node sends it: its stored evidence, and the answer that it refers to.
	sum := events.Sum(list)
	stored := gateway.Evidence{Format: gateway.EvidenceFormat, Policy: signing.PolicyVersion, Chains: [][][]byte{{w.agencies[codeVPCP].cert.Raw, w.ca.Certificate.Raw}},
		Revocation: [][]gateway.RevocationEvidence{{{Status: "good", Kind: "crl", Answer: &sum}}}}
	b, err := events.MarshalObject(stored)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := gateway.PackEvidence(w.ctx, oneAnswer{sum: list}, b)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Add(time.Minute)
	caller := gateway.Caller{Client: "peer:" + peerOrigin, Kind: gateway.KindPeer, Peer: peerOrigin}
	acc, err := w.node.AcceptFromPeer(w.ctx, caller, bytes.NewReader(pkg), int64(len(pkg)),
		gateway.Handover{Receipt: receipt, Evidence: packed, Handed: []string{codeRecipient}})
	if err != nil {
		t.Fatalf("with the peer's answers: %v", err)
	}
	ev := w.evidenceOf(acc.Position)
	if ev.Peer == nil || !bytes.Equal(ev.Peer.Evidence, b) {
		t.Error("the peer's evidence is not kept as it was stored there")
	}
	if a := ev.Revocation[0][0].Answer; a == nil || *a != sum {
		t.Errorf("judged by %v, expected %s", a, sum)
	}
}

type oneAnswer map[events.Digest][]byte

func (o oneAnswer) Evidence(_ context.Context, d events.Digest) ([]byte, error) {
	if b, ok := o[d]; ok {
		return b, nil
	}
	return nil, events.ErrNotFound
}

// persons' and organisations' authorities are apart: each signature is judged for what its certificate is enrolled for.
func TestAuthoritiesApart(t *testing.T) {
	w := nodeIn(t, "trust-list")
	issue := func(ca *trialca.Authority, p schemas.Purpose) *agency {
		key, cert := w.issue(ca, trialca.Leaf{Name: "Nguyễn Văn A", Use: trialca.Sign})
		a := &agency{code: codeSender, key: key, cert: cert}
		_, err := w.change(schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender}, Purposes: []schemas.Purpose{p}, DER: cert.Raw})
		if fits := (ca == w.people) == (p == schemas.PurposePerson); fits != (err == nil) || !fits && code(err) != gateway.CodeAuthorityPurpose {
			t.Errorf("enrolled for %s: %v", p, err)
		}
		return a
	}
	person := issue(w.people, schemas.PurposePerson)
	issue(w.people, schemas.PurposeSign)
	issue(w.ca, schemas.PurposePerson)
	issue(w.ca, schemas.PurposeSign)
	stranger := &agency{}
	stranger.key, stranger.cert = w.issue(w.people, trialca.Leaf{Name: "Người ký cùng", Use: trialca.Sign})
	w.mustChange(w.trust(w.other, "node"))
	program := &agency{}
	program.key, program.cert = w.issue(w.other, trialca.Leaf{Name: "Phần mềm", Use: trialca.Sign})
	for _, test := range []struct {
		id    string
		whose *agency
		want  int
	}{{"p1", person, 0}, {"p2", stranger, 0}, {"p3", program, gateway.CodeAuthorityPurpose}} {
		withID := bytes.Replace(w.unsigned(w.doc(numbered(test.id))), []byte("MessageHeader>"), []byte(`MessageHeader Id="message">`), 1)
		b, err := signing.Sign(withID, test.whose.key, []*x509.Certificate{test.whose.cert}, signing.SignOptions{IDs: []string{"message"}})
		if err != nil {
			t.Fatal(err)
		}
		signed := w.sign(b, w.agencies[codeSender])
		_, err = w.node.Accept(w.ctx, gateway.Caller{Client: gateway.ClientNode, Kind: gateway.KindNode}, bytes.NewReader(signed), -1)
		if code(err) != test.want {
			t.Errorf("%s: %v, expected %d", test.id, err, test.want)
		}
	}
	var list httpapi.TrustListAnswer
	w.call("", http.MethodGet, "/v1/trust-list", nil).into(t, &list)
	if !list.Recorded || len(list.Authorities) != 3 || !list.Authorities[0].Trusted || list.Authorities[1].Purposes[0] != "person" {
		t.Errorf("trust list %+v", list)
	}
	if a := w.call("", http.MethodGet, "/v1/trust-list?at=yesterday", nil); a.problem(t).Code != gateway.CodeParameter {
		t.Errorf("status %d", a.status)
	}
}

// A change of the list takes effect at once, on what comes next only.
func TestTrustListTakesEffectAtOnce(t *testing.T) {
	w := newWorld(t)
	var list httpapi.TrustListAnswer
	w.call("", http.MethodGet, "/v1/trust-list", nil).into(t, &list)
	if list.Recorded || len(list.Authorities) != 1 {
		t.Fatalf("before: %+v", list)
	}
	if _, err := w.change(w.trust(w.people)); code(err) != gateway.CodeDirectoryRule {
		t.Fatalf("a list without the administrator's authority: %v", err)
	}
	w.mustChange(w.trust(w.ca), w.trust(w.people))
	w.key("person")
	acc, err := w.accept("t1", "person")
	if err != nil {
		t.Fatal(err)
	}
	w.mustChange(schemas.DistrustAuthority{SHA256: sha256.Sum256(w.people.Certificate.Raw), From: w.clock.Now()})
	w.clock.Add(time.Second)
	if _, err := w.accept("t2", "person"); code(err) != gateway.CodeUntrusted {
		t.Errorf("after: %v", err)
	}
	w.evidenceOf(acc.Position)
	// The node that starts again on this record goes by the record, whatever it was configured with.
	c := w.config
	c.Metrics, c.SpoolDir = nil, w.dir+"/spool3"
	if c.Trust, err = signing.NewTrust([]*x509.Certificate{w.people.Certificate}, true); err != nil {
		t.Fatal(err)
	}
	n, err := gateway.New(c)
	if err == nil {
		err = n.Start(w.ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.node = n
	if _, err := w.accept("t3", "person"); code(err) != gateway.CodeUntrusted {
		t.Errorf("started again: %v", err)
	}
	if _, err := w.accept("t4", "sender"); err != nil {
		t.Errorf("started again: %v", err)
	}
}
