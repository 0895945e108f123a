package httpapi_test

import (
	"strings"
	"time"

	"github.com/tram-exchange/tram/schemas"
)

// doc is a document from sender to recipient, to be changed by f before it is written.
func (w *world) doc(number string, f ...func(*schemas.Document)) *schemas.Document {
	d := &schemas.Document{
		From:         schemas.Organisation{ID: codeSender, Name: "Sở Kế hoạch và Đầu tư"},
		To:           []schemas.Organisation{{ID: codeRecipient, Name: "Sở Tài chính"}},
		DocumentID:   codeSender + ",2026/11/20," + number + "/SKHĐT-TH",
		Code:         schemas.DocumentCode{Number: number, Notation: "SKHĐT-TH"},
		Promulgation: schemas.Promulgation{Place: "Bắc Giang", Date: schemas.Date{Year: 2026, Month: 11, Day: 20}},
		Type:         schemas.DocumentType{Type: "2", Detail: "18", Name: "Công văn"},
		Subject:      "V/v báo cáo tình hình thực hiện kế hoạch " + number,
		Signer:       schemas.Signer{FullName: "Trần Thị Giám Đốc", Position: "Giám đốc"},
	}
	for _, g := range f {
		g(d)
	}
	return d
}

// unsigned writes a document in the national form.
func (w *world) unsigned(d *schemas.Document, files ...schemas.File) []byte {
	w.t.Helper()
	b, _, err := schemas.MarshalDocument(d, files, schemas.WriteOptions{Time: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)})
	if err != nil {
		w.t.Fatalf("couldn't write document: %v", err)
	}
	return b
}

// signed is a document signed by its sender.
func (w *world) signed(d *schemas.Document, files ...schemas.File) []byte {
	return w.sign(w.unsigned(d, files...), w.agencies[d.From.ID])
}

// status is a signed status message about the document with this id.
func (w *world) status(from string, code schemas.StatusCode, owner, documentID string, at time.Time) []byte {
	w.t.Helper()
	number := documentID[strings.LastIndex(documentID, ",")+1:]
	b, _, err := schemas.MarshalStatus(&schemas.Status{
		From: schemas.Organisation{ID: from, Name: from}, Code: code, Description: "thử",
		ResponseFor: schemas.ResponseFor{OrganID: owner, Code: number, DocumentID: documentID, PromulgationDate: schemas.Date{Year: 2026, Month: 11, Day: 20}},
		Timestamp:   at, TimestampRaw: at.In(time.FixedZone("", 7*3600)).Format("2006/01/02 15:04:05"),
	})
	if err != nil {
		w.t.Fatalf("couldn't write status: %v", err)
	}
	return w.sign(b, w.agencies[from])
}
