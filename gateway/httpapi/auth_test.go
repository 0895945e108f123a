package httpapi_test

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

// Who is who, by certificate: enrolled for TLS, registered as a client, of a peer, of a peer's authority, revoked, expired,
// of a closed organisation.
func TestCertificates(t *testing.T) {
	w := newWorld(t)
	org := schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender}
	client := trialca.Leaf{Name: "Phần mềm QLVB", Use: trialca.Client}
	_, enrolled := w.issue(w.ca, client)
	_, registered := w.issue(w.other, client) // no authority is asked for clients
	_, revoked := w.issue(w.ca, client)
	_, closed := w.issue(w.ca, client)
	brief := client
	brief.Lifetime = 2 * time.Hour
	_, expiring := w.issue(w.ca, brief)
	_, ofAuthority := w.issue(w.other, trialca.Leaf{Name: "tram.bacninh.example", Use: trialca.Node, Hosts: []string{"tram.bacninh.example"}})
	_, otherHost := w.issue(w.other, trialca.Leaf{Name: "x", Use: trialca.Node, Hosts: []string{"x.example"}})
	sum := func(c *x509.Certificate) *[32]byte { d := sha256.Sum256(c.Raw); return &d }
	ops := []schemas.Operation{
		schemas.EnrolCertificate{Holder: org, Purposes: []schemas.Purpose{schemas.PurposeTLS}, DER: enrolled.Raw},
		schemas.EnrolCertificate{Holder: org, Purposes: []schemas.Purpose{schemas.PurposeTLS}, DER: revoked.Raw},
		schemas.EnrolCertificate{Holder: org, Purposes: []schemas.Purpose{schemas.PurposeTLS}, DER: expiring.Raw},
		schemas.RegisterClient{ID: "by-certificate", Holder: org, CertificateSHA256: sum(registered)},
		schemas.RegisterClient{ID: "of-the-closed-one", Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeClosed}, CertificateSHA256: sum(closed)},
		schemas.RevokeCertificate{Holder: org, SHA256: *sum(revoked), From: w.clock.Now(), Reason: "thay máy"},
		schemas.AddPeer{Peer: schemas.Peer{Origin: "tram.bacninh.example/log", URLs: []string{"https://tram.bacninh.example"},
			Authorities: [][]byte{w.other.Certificate.Raw}, Verifiers: []string{verifierKey("tram.bacninh.example/log", logPublic(t))}, Prefixes: []string{"H05"}}},
	}
	if _, err := w.change(ops...); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		kind gateway.Kind
		orgs []string
		peer string
	}{
		{"enrolled for TLS", enrolled, gateway.KindAgency, []string{codeSender}, ""},
		{"registered", registered, gateway.KindAgency, []string{codeSender}, ""},
		{"about to expire", expiring, gateway.KindAgency, []string{codeSender}, ""},
		{"peer", w.vpcp.cert, gateway.KindPeer, nil, peerOrigin},
		{"peer by authority", ofAuthority, gateway.KindPeer, nil, "tram.bacninh.example/log"},
		{"another host of that authority", otherHost, "", nil, ""},
		{"revoked", revoked, "", nil, ""},
		{"of a closed organisation", closed, "", nil, ""},
		{"signing only", w.agencies[codeSender].cert, "", nil, ""},
	} {
		got, err := w.node.Authenticate(gateway.Credential{Certificate: c.cert})
		if c.kind == "" {
			if gateway.AsRefusal(err).Code != gateway.CodeCertificateUnknown || got.Client != "" {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
			continue
		}
		if err != nil || got.Kind != c.kind || !slices.Equal(got.Orgs, c.orgs) || got.Peer != c.peer {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if got, err := w.node.Authenticate(gateway.Credential{Certificate: enrolled, Token: w.actors["sender"].token}); err != nil || got.Kind != gateway.KindAgency {
		t.Errorf("certificate and token of one owner: %v", err)
	}
	if _, err := w.node.Authenticate(gateway.Credential{Certificate: enrolled, Token: w.actors["other"].token}); gateway.AsRefusal(err).Code != gateway.CodeCredentials {
		t.Errorf("certificate and token of two owners: %v", err)
	}
	w.clock.Add(3 * time.Hour)
	if _, err := w.node.Authenticate(gateway.Credential{Certificate: expiring}); gateway.AsRefusal(err).Code != gateway.CodeCertificateUnknown {
		t.Errorf("expired: %v", err)
	}
}

// A successor acts for those it succeeds; a right ends with its period; nothing that is no agency takes from a mailbox.
func TestWhoActsForWhom(t *testing.T) {
	w := newWorld(t)
	c, err := w.node.Authenticate(gateway.Credential{Token: w.actors["recipient"].token})
	if err != nil || !slices.Equal(c.Orgs, []string{codeRecipient, codeClosed}) {
		t.Errorf("the successor stands for %v: %v", c.Orgs, err)
	}
	pkg := w.signed(w.doc("990"))
	a := w.post("sender", pkg)
	w.step()
	path := a.header.Get("Location")
	for _, who := range []string{"reader", "auditor"} {
		if got := w.call(who, "GET", path, nil); got.status != 200 {
			t.Errorf("%s: status %d", who, got.status)
		}
	}
	w.clock.Add(366 * 24 * time.Hour)
	for _, who := range []string{"reader", "auditor"} {
		if got := w.call(who, "GET", path, nil); got.status != 404 {
			t.Errorf("%s, after the right has ended: status %d", who, got.status)
		}
	}
	if got := w.call("sender", "GET", path, nil); got.status != 200 {
		t.Errorf("sender: status %d", got.status)
	}
	for name, actor := range w.actors {
		if actor.token != "" && strings.Contains(w.logged.String(), actor.token) {
			t.Errorf("the log has the token of %s", name)
		}
	}
}

// A zero caller, and callers of no use here, may do nothing.
func TestZeroCaller(t *testing.T) {
	w := newWorld(t)
	w.forged = true // no directory knows these callers
	pkg := w.signed(w.doc("991"))
	for _, c := range []gateway.Caller{{}, {Client: "x"}, {Kind: gateway.KindAgency}, {Client: "x", Kind: gateway.KindAgency},
		{Client: "x", Kind: gateway.KindAuditor}, {Client: "x", Kind: gateway.KindOperator, Orgs: []string{codeSender}}} {
		if acc, err := w.node.Accept(w.ctx, c, strings.NewReader(string(pkg)), -1); err == nil {
			t.Errorf("%+v handed in: %+v", c, acc)
		}
		if _, err := w.node.Take(w.ctx, c, gateway.TakeRequest{Org: codeRecipient}); err == nil {
			t.Errorf("%+v took", c)
		}
		if _, err := w.node.AcceptFromPeer(w.ctx, c, strings.NewReader(string(pkg)), -1, gateway.Handover{}); gateway.AsRefusal(err).Code != gateway.CodeForbidden {
			t.Errorf("%+v at the peers' door: %v", c, err)
		}
	}
}
