package httpapi_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
)

var ledgerLogKey = ledger.LogKey

// TestRoad follows one document from its sender to its recipient and back, over HTTP only.
func TestRoad(t *testing.T) {
	w := newWorld(t)
	pkg := w.signed(w.doc("101"), schemas.FileBytes("ke-hoach.pdf", "application/pdf", []byte("%PDF-1.7 thử")))

	first := w.post("sender", pkg)
	if first.status != http.StatusCreated {
		t.Fatalf("hand-in: status %d: %s", first.status, first.body)
	}
	var acc httpapi.AcceptedAnswer
	first.into(t, &acc)
	if acc.Assurance != "own" || acc.Duplicate || acc.Kind != string(schemas.KindDocument) || acc.Document == "" {
		t.Errorf("unexpected answer %+v", acc)
	}
	receipt, head, err := ledger.CheckReceipt([]byte(acc.Receipt), ledger.CertificateKey(w.chain[0]))
	if err != nil {
		t.Fatalf("the receipt does not verify: %v", err)
	}
	if receipt.Position != acc.Position || head.Size <= acc.Position || receipt.Statement.Package.SHA256.String() != acc.SHA256 {
		t.Errorf("receipt is about position %d and package %s", receipt.Position, receipt.Statement.Package.SHA256)
	}
	if len(receipt.Chain) != 2 || !receipt.Chain[0].Equal(w.chain[0]) {
		t.Error("the receipt does not carry the node's chain")
	}
	if _, _, err := ledger.CheckReceipt([]byte(acc.Receipt), ledger.CertificateKey([]*x509.Certificate{w.other.Certificate}[0])); err == nil {
		t.Error("the receipt verifies under a stranger's key")
	}

	// The same bytes again: same statement and position.
	again := w.post("sender", pkg)
	var acc2 httpapi.AcceptedAnswer
	again.into(t, &acc2)
	if again.status != http.StatusOK || !acc2.Duplicate || acc2.Position != acc.Position || acc2.SHA256 != acc.SHA256 {
		t.Errorf("second hand-in: status %d, %+v", again.status, acc2)
	}

	w.step()
	var box httpapi.MailboxPage
	w.call("recipient", http.MethodGet, "/v1/mailbox", nil).into(t, &box)
	if len(box.Entries) != 1 || box.Entries[0].Package != acc.SHA256 || box.Entries[0].Number != "101/SKHĐT-TH" {
		t.Fatalf("mailbox: %+v", box)
	}
	w.call("second", http.MethodGet, "/v1/mailbox", nil).into(t, &box)
	if len(box.Entries) != 0 {
		t.Errorf("somebody else's mailbox has %+v", box.Entries)
	}
	var taken httpapi.TakenAnswer
	w.call("recipient", http.MethodPost, "/v1/mailbox/take", nil).into(t, &taken)
	if len(taken.Entries) != 1 || taken.Entries[0].State != "taken" || taken.Entries[0].LeaseUntil == nil {
		t.Fatalf("take: %+v", taken)
	}
	id := taken.Entries[0].ID
	w.call("recipient", http.MethodPost, "/v1/mailbox/take", nil).into(t, &taken)
	if len(taken.Entries) != 0 {
		t.Errorf("taken twice under a running lease: %+v", taken.Entries)
	}
	got := w.call("recipient", http.MethodGet, "/v1/packages/"+acc.SHA256, nil)
	if got.status != http.StatusOK || !bytes.Equal(got.body, pkg) {
		t.Errorf("download: status %d, %d bytes, expected the %d handed in", got.status, len(got.body), len(pkg))
	}
	part := w.call("recipient", http.MethodGet, "/v1/packages/"+acc.SHA256, nil, "Range", "bytes=10-19")
	if part.status != http.StatusPartialContent || !bytes.Equal(part.body, pkg[10:20]) {
		t.Errorf("range: status %d: %q", part.status, part.body)
	}
	var ack, ack2 httpapi.AcknowledgedAnswer
	w.call("recipient", http.MethodPost, "/v1/mailbox/"+id+"/ack", nil).into(t, &ack)
	w.call("recipient", http.MethodPost, "/v1/mailbox/"+id+"/ack", nil).into(t, &ack2)
	if ack.Position == 0 || ack.Position != ack2.Position {
		t.Errorf("acknowledged at %d, then at %d", ack.Position, ack2.Position)
	}
	if _, _, err := ledger.CheckReceipt([]byte(ack.Receipt), ledger.CertificateKey(w.chain[0])); err != nil {
		t.Errorf("receipt of the acknowledgement: %v", err)
	}

	// The status comes back.
	d := w.doc("101")
	st := w.post("recipient", w.status(codeRecipient, schemas.StatusAccepted, codeSender, d.DocumentID, w.clock.Now()))
	if st.status != http.StatusCreated {
		t.Fatalf("status: %d: %s", st.status, st.body)
	}
	w.step()
	w.call("sender", http.MethodGet, "/v1/mailbox?kind=status", nil).into(t, &box)
	if len(box.Entries) != 1 || box.Entries[0].Kind != "status" {
		t.Errorf("sender's mailbox: %+v", box.Entries)
	}
	var doc httpapi.DocumentAnswer
	w.call("sender", http.MethodGet, "/v1/documents/"+acc.Document, nil).into(t, &doc)
	if doc.Number != "101/SKHĐT-TH" || len(doc.Recipients) != 1 || doc.Recipients[0].LastStatus != "03" || len(doc.Statuses) != 1 || len(doc.Files) != 1 {
		t.Errorf("document: %+v", doc)
	}
	var page httpapi.DocumentPage
	w.call("sender", http.MethodGet, "/v1/documents?direction=outgoing&words=ke+hoach+101", nil).into(t, &page)
	if len(page.Documents) != 1 || page.Documents[0].Document != acc.Document {
		t.Errorf("register: %+v", page)
	}
	if log := w.logged.String(); strings.Contains(log, "báo cáo tình hình") || strings.Contains(log, "Giám Đốc") {
		t.Error("the log has document content")
	}
}

// The sender reads back at once what it has a receipt for; the views need not have caught up before it asks.
func TestReadYourWrites(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		pkg := w.signed(w.doc(fmt.Sprint(150 + i)))
		var acc httpapi.AcceptedAnswer
		w.post("sender", pkg).into(t, &acc)
		if a := w.call("sender", http.MethodGet, "/v1/documents/"+acc.Document, nil); a.status != http.StatusOK {
			t.Fatalf("document %d: status %d", i, a.status)
		}
		if a := w.call("sender", http.MethodGet, "/v1/packages/"+acc.SHA256, nil); a.status != http.StatusOK || !bytes.Equal(a.body, pkg) {
			t.Fatalf("package %d: status %d", i, a.status)
		}
	}
}

// HTTP/2 is what curl and browsers speak when they can: deadlines, limits and refusals hold there too.
func TestHTTP2(t *testing.T) {
	w := newWorld(t, func(o *worldOptions) { o.http2, o.limits.MaxPackage, o.api.BodyIdle = true, 1<<20, 50*time.Millisecond })
	pkg := w.signed(w.doc("180"))
	var acc httpapi.AcceptedAnswer
	w.post("sender", pkg).into(t, &acc)
	if a := w.call("sender", http.MethodGet, "/v1/packages/"+acc.SHA256, nil, "Range", "bytes=5-9"); a.status != http.StatusPartialContent || !bytes.Equal(a.body, pkg[5:10]) {
		t.Errorf("range: status %d", a.status)
	}
	if p := w.post("sender", make([]byte, 2<<20)).problem(t); p.Code != gateway.CodeTooLarge {
		t.Errorf("too large: %d", p.Code)
	}
	if p := w.post("sender", []byte("<x/>")).problem(t); p.Code != gateway.CodeNamespace {
		t.Errorf("unknown: %d", p.Code)
	}
	stalled, stop := io.Pipe()
	defer stop.Close()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.server.URL+"/v1/packages", stalled)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.actors["sender"].token)
	resp, err := w.client(w.actors["sender"]).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 2 {
		t.Errorf("protocol %s", resp.Proto)
	}
	if p := readAnswer(t, resp).problem(t); p.Code != gateway.CodeTooSlow {
		t.Errorf("a body that never comes: %d", p.Code)
	}
}

// A recall of a document that never came in here is accepted, for it may be under way; its sender is warned.
func TestRecallOfUnknownDocumentWarns(t *testing.T) {
	w := newWorld(t)
	target := w.doc("970")
	recall := func(number, document string) (acc httpapi.AcceptedAnswer) {
		t.Helper()
		a := w.post("sender", w.signed(w.doc(number, func(d *schemas.Document) {
			d.Business = schemas.Business{Type: schemas.BusinessRecall, DocumentID: document}
		})))
		if a.status != http.StatusCreated {
			t.Fatalf("recall of %s: %d %s", document, a.status, a.body)
		}
		a.into(t, &acc)
		return acc
	}
	unknown := func(acc httpapi.AcceptedAnswer) (details []string) {
		for _, warning := range acc.Warnings {
			if warning.Code == "document-unknown-here" {
				details = append(details, warning.Detail)
			}
		}
		return details
	}
	if got := unknown(recall("971", target.DocumentID)); len(got) != 1 || got[0] != target.DocumentID {
		t.Errorf("before it came in: warnings %q, expected one of %s", got, target.DocumentID)
	}
	w.step() // now the recall stands in the document's stream, but the document does not
	if got := unknown(recall("972", target.DocumentID)); len(got) != 1 {
		t.Errorf("recalled, but never come in: warnings %q", got)
	}
	kept := w.doc("973")
	if a := w.post("sender", w.signed(kept)); a.status != http.StatusCreated {
		t.Fatalf("document: %d %s", a.status, a.body)
	}
	if got := unknown(recall("974", kept.DocumentID)); len(got) != 0 {
		t.Errorf("known: warnings %q", got)
	}
}

// The list of schemas is also found without the slash.
func TestSchemasWithoutSlash(t *testing.T) {
	w := newWorld(t)
	if a := w.call("", http.MethodGet, "/schemas", nil); a.status != http.StatusOK || !bytes.Contains(a.body, []byte("edxml-accept.xsd")) {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}
