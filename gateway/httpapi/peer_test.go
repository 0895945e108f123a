package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

// fromVPCP is a document that VPCP's node has accepted for somebody here.
func (w *world) fromVPCP(number string, f ...func(*schemas.Document)) []byte {
	d := w.doc(number, func(d *schemas.Document) {
		d.From = schemas.Organisation{ID: codeVPCP, Name: "Văn phòng Chính phủ"}
		d.DocumentID = codeVPCP + ",2026/11/20," + number + "/VPCP-TH"
		d.Code.Notation = "VPCP-TH"
	})
	for _, g := range f {
		g(d)
	}
	return w.signed(d)
}

func (w *world) peerCaller() gateway.Caller {
	w.t.Helper()
	c, err := w.node.Authenticate(gateway.Credential{Certificate: w.vpcp.cert})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) handOverCore(b []byte, receipt []byte, handed ...string) (gateway.Accepted, error) {
	return w.node.AcceptFromPeer(w.ctx, w.peerCaller(), bytes.NewReader(b), int64(len(b)),
		gateway.Handover{Receipt: receipt, Evidence: []byte("bằng chứng"), Handed: handed})
}

// A hand-over is recorded with the peer's receipt, answered with our own, and repeated without harm.
func TestHandover(t *testing.T) {
	w := newWorld(t)
	pkg := w.fromVPCP("900", func(d *schemas.Document) {
		d.To = append(d.To, schemas.Organisation{ID: "H49", Name: "UBND tỉnh Quảng Ninh"}) // another node's affair
	})
	receipt := w.peerReceipt(pkg, "good")
	theirs, err := ledger.ParseReceipt(receipt)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Add(3 * time.Hour)
	acc, err := w.handOverCore(pkg, receipt, codeRecipient)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.handOverCore(pkg, receipt, codeRecipient)
	if err != nil || !again.Duplicate || again.Position != acc.Position {
		t.Errorf("again: %+v, %v", again, err)
	}
	e, err := w.store.Event(w.ctx, acc.Position)
	if err != nil {
		t.Fatal(err)
	}
	s := e.Statement
	if s.Client != "peer:"+peerOrigin || s.Actor != codeVPCP || s.Cause == nil || *s.Cause != (events.Address{Origin: peerOrigin, Position: theirs.Position}) {
		t.Errorf("statement: client %s, actor %s, cause %v", s.Client, s.Actor, s.Cause)
	}
	if !strings.Contains(string(s.Data), `"received":"`+theirs.Statement.Time.Format("2006-01-02T15:04:05")) {
		t.Errorf("the sealed receive time is not recorded: %s", s.Data)
	}
	ev, err := w.store.Evidence(w.ctx, *s.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	got, err := gateway.DecodeEvidence(ev)
	if err != nil || got.Peer == nil || got.Peer.Receipt != string(receipt) || string(got.Peer.Evidence) != "bằng chứng" || len(got.Chains) != 1 {
		t.Errorf("evidence: %+v, %v", got, err)
	}
	w.step()
	var box httpapi.MailboxPage
	w.call("recipient", http.MethodGet, "/v1/mailbox", nil).into(t, &box)
	if len(box.Entries) != 1 || box.Entries[0].From.Org != codeVPCP {
		t.Errorf("mailbox: %+v", box.Entries)
	}
}

// What counts is the time that the peer has sealed, not when the line to it was up again.
func TestHandoverIsJudgedAsOfThen(t *testing.T) {
	w := newWorld(t)
	revoke := func() {
		t.Helper()
		if _, err := w.change(schemas.RevokeCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeVPCP},
			SHA256: sha256.Sum256(w.agencies[codeVPCP].cert.Raw), From: w.clock.Now(), Reason: "mất khóa"}); err != nil {
			t.Fatal(err)
		}
	}
	early := w.fromVPCP("910")
	receipt := w.peerReceipt(early, "good")
	w.clock.Add(time.Hour)
	revoke()
	w.clock.Add(time.Hour)
	if acc, err := w.handOverCore(early, receipt); err != nil || acc.Assurance != document.AssuranceOwn {
		t.Errorf("accepted there before the revocation: %v", err)
	}
	late := w.fromVPCP("911")
	if _, err := w.handOverCore(late, w.peerReceipt(late, "good")); gateway.AsRefusal(err).Code != gateway.CodeRevoked {
		t.Errorf("accepted there after the revocation: %v", err)
	}
	// A receipt from the future proves nothing.
	future := w.fromVPCP("912")
	w.clock.Add(2 * time.Hour)
	r := w.peerReceipt(future, "good")
	w.clock.Add(-2 * time.Hour)
	if _, err := w.handOverCore(future, r); gateway.AsRefusal(err).Code != gateway.CodePeerReceipt {
		t.Errorf("sealed in the future: %v", err)
	}
}

// One unknown recipient of those handed over refuses the package and is named; those of other nodes are no concern.
func TestHandoverUnknownRecipient(t *testing.T) {
	w := newWorld(t)
	pkg := w.fromVPCP("920", func(d *schemas.Document) {
		d.To = append(d.To, schemas.Organisation{ID: "H02.98", Name: "Sở không có"})
	})
	_, err := w.handOverCore(pkg, w.peerReceipt(pkg, "good"), codeRecipient, "H02.98")
	if r := gateway.AsRefusal(err); r.Code != gateway.CodeRecipientsUnknown || len(r.Details) != 1 || r.Details[0] != "H02.98" {
		t.Errorf("refused with %+v", r)
	}
	// A peer cannot use the door of agencies.
	if p := w.post("peer", pkg).problem(t); p.Code != gateway.CodeForbidden {
		t.Errorf("at the agencies' door: %d %s", p.Code, p.ID)
	}
	// And nobody but a peer can use the door of peers.
	if p := w.call("sender", http.MethodPost, "/peer/v1/packages", pkg).problem(t); p.Status != http.StatusUnauthorized && p.Status != http.StatusForbidden {
		t.Errorf("an agency at the peers' door: %d", p.Status)
	}
}

// A submission is recorded with its outer package; its recipients get that, and the file inside as it was.
func TestSubmission(t *testing.T) {
	w := newWorld(t)
	file := w.unsigned(w.doc("930"))
	outer := w.sign(w.vouch(file, "agency from="+codeSender+" sender="+codeSender), w.agencies["voucher:"+codeSender])
	a := w.post("sender", outer)
	var acc httpapi.AcceptedAnswer
	a.into(t, &acc)
	if acc.Assurance != document.AssuranceAgency || acc.Kind != string(schemas.KindSubmission) || acc.Document != document.Key(codeSender, w.doc("930").DocumentID) {
		t.Errorf("answer %+v", acc)
	}
	// The same file vouched for again is the same document.
	w.clock.Add(time.Minute)
	twice := w.sign(w.vouch(file, "agency from="+codeSender+" sender="+codeSender+" id=nop-ho-lai"), w.agencies["voucher:"+codeSender])
	var again httpapi.AcceptedAnswer
	w.post("sender", twice).into(t, &again)
	if bytes.Equal(outer, twice) || !again.Duplicate || again.Position != acc.Position || again.SHA256 != acc.SHA256 {
		t.Errorf("vouched for again: %+v", again)
	}
	// And signed by the sender itself it still is.
	w.post("sender", w.sign(file, w.agencies[codeSender])).into(t, &again)
	if !again.Duplicate || again.Position != acc.Position {
		t.Errorf("signed afterwards: %+v", again)
	}
	w.step()
	got := w.call("recipient", http.MethodGet, "/v1/packages/"+acc.SHA256, nil)
	inner := w.call("recipient", http.MethodGet, "/v1/packages/"+acc.SHA256+"/content", nil)
	if !bytes.Equal(got.body, outer) || !bytes.Equal(inner.body, file) {
		t.Errorf("package %d bytes, content %d bytes of %d: %d", len(got.body), len(inner.body), len(file), inner.status)
	}
	if inner.header.Get("Content-Disposition") == "" || inner.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("content is offered as %s", inner.header.Get("Content-Type"))
	}
	if a := w.call("other", http.MethodGet, "/v1/packages/"+acc.SHA256+"/content", nil); a.status != http.StatusNotFound {
		t.Errorf("a stranger gets the content: %d", a.status)
	}
}

// The evidence of one signer's packages is stored once.
func TestEvidenceIsShared(t *testing.T) {
	w := newWorld(t)
	var digests []events.Digest
	for _, n := range []string{"940", "941"} {
		var acc httpapi.AcceptedAnswer
		w.post("sender", w.signed(w.doc(n))).into(t, &acc)
		e, err := w.store.Event(w.ctx, acc.Position)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, *e.Statement.Evidence)
		b, err := w.store.Evidence(w.ctx, *e.Statement.Evidence)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := gateway.DecodeEvidence(b)
		if err != nil || len(ev.Chains) != 1 || len(ev.Chains[0]) != 2 {
			t.Fatalf("evidence %+v: %v", ev, err)
		}
		leaf, err := x509.ParseCertificate(ev.Chains[0][0])
		if err != nil || !leaf.Equal(w.agencies[codeSender].cert) {
			t.Error("the chain does not begin with the signer's certificate")
		}
	}
	if digests[0] != digests[1] {
		t.Error("two packages of one signer have evidence of their own")
	}
}

// What the key says that a node keeps for an agency is marked as that.
func TestCustody(t *testing.T) {
	w := newWorld(t)
	key, cert := w.issue(w.ca, trialca.Leaf{Name: "Khóa giữ hộ", OrgCode: codeSender, Use: trialca.Sign})
	if _, err := w.change(schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender},
		Purposes: []schemas.Purpose{schemas.PurposeCustody}, DER: cert.Raw}); err != nil {
		t.Fatal(err)
	}
	var acc httpapi.AcceptedAnswer
	w.post("sender", w.sign(w.unsigned(w.doc("950")), &agency{key: key, cert: cert})).into(t, &acc)
	if acc.Assurance != document.AssuranceCustody {
		t.Errorf("assurance %s", acc.Assurance)
	}
}

// A peer that falls silent in the middle of a hand-over is cut off like anybody else.
func TestSlowPeer(t *testing.T) {
	w := newWorld(t, func(o *worldOptions) { o.api.BodyIdle = 50 * time.Millisecond })
	body, stop := io.Pipe()
	defer stop.Close()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.server.URL+"/peer/v1/packages", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	resp, err := w.client(w.actors["peer"]).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if p := readAnswer(t, resp).problem(t); p.Code != gateway.CodeCutShort && p.Code != gateway.CodeTooSlow || p.Request == "" {
		t.Errorf("refused with %d, request %q", p.Code, p.Request)
	}
}
