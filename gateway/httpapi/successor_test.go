package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/tram-exchange/tram/schemas"
)

// TestSuccessorFindsPredecessorsDocument: an organisation and those it succeeds are one sender, so a DocumentId that the
// predecessor used is taken for the successor too, whatever key its own identity would give.
func TestSuccessorFindsPredecessorsDocument(t *testing.T) {
	w := newWorld(t)
	before := w.doc("31", func(d *schemas.Document) { d.To = []schemas.Organisation{{ID: codeSecond, Name: "Sở Y tế"}} })
	if a := w.post("sender", w.signed(before)); a.status != http.StatusCreated {
		t.Fatalf("predecessor: %d %s", a.status, a.body)
	}
	if _, err := w.change(schemas.CloseOrganisation{Code: codeSender, Successor: codeRecipient, From: schemas.Date{Year: 2026, Month: 11, Day: 22}}); err != nil {
		t.Fatal(err)
	}
	after := w.doc("31", func(d *schemas.Document) {
		d.From = schemas.Organisation{ID: codeRecipient, Name: "Sở Tài chính"}
		d.To = []schemas.Organisation{{ID: codeSecond, Name: "Sở Y tế"}}
	})
	a := w.post("recipient", w.signed(after))
	if a.status != http.StatusConflict || a.problem(t).Code != 5001 {
		t.Errorf("successor: %d %s, expected 409 and 5001", a.status, a.body)
	}
	after.DocumentID = codeRecipient + ",2026/11/20,32/SKHĐT-TH"
	if a := w.post("recipient", w.signed(after)); a.status != http.StatusCreated {
		t.Errorf("an id nobody used: %d %s", a.status, a.body)
	}
}
