package httpapi_test

import (
	"slices"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/schemas"
)

// wire reads the status messages about a document off the edXML that was handed in, oldest first.
func (a *agencyAtWork) wire(key string) (out []*schemas.Status) {
	a.t.Helper()
	err := a.store.Stream(a.ctx, document.StreamPrefix+key, 0, func(e events.Event) error {
		if e.Statement.Name != document.NameStatusReported {
			return nil
		}
		pkg, err := a.store.OpenPackage(a.ctx, e.Statement.Package.SHA256)
		if err != nil {
			return err
		}
		defer pkg.Close()
		p, err := schemas.Parse(a.ctx, schemas.Received{Source: pkg, SHA256: e.Statement.Package.SHA256}, schemas.Options{})
		if err == nil {
			out = append(out, p.Status)
		}
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// What the sender reads of his document is edXML as every system reads it: who says it, of which document, when, and in whose words.
func TestStatusesOnTheWire(t *testing.T) {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	in := func(person, key string, act schemas.Act) {
		a.did(codeRecipient, person, schemas.TargetIncoming, key, act)
	}
	key := a.sentOnly("701")
	a.carryOn()
	in("lan", key, schemas.RegisterIncoming{})
	in("lan", key, schemas.Present{To: "huong"})
	in("huong", key, schemas.Assign{InCharge: schemas.Assignee{Unit: "tc"}})
	in("binh", key, schemas.TransferBack{Reason: "Không thuộc phòng"})
	in("huong", key, schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "minh"}})
	in("minh", key, schemas.StartHandling{})
	in("minh", key, schemas.FinishHandling{Result: "Lưu hồ sơ"})
	in("huong", key, schemas.Reopen{Reason: "Còn việc"})
	in("minh", key, schemas.FinishHandling{Result: "Đã xong hẳn"})
	a.carryOn()
	want := []struct{ code, words, staff string }{
		{"01", "Đã đến", ""}, {"03", "Đã tiếp nhận", ""}, {"04", "Đã phân công xử lý", "Nguyễn Thị Hương"}, {"05", "Đang xử lý", "Lê Đức Minh"},
		{"06", "Đã hoàn thành", "Lê Đức Minh"},
	}
	got := a.wire(key)
	if len(got) != len(want) {
		t.Fatalf("%d messages, expected %d", len(got), len(want))
	}
	of := a.doc("701")
	for i, s := range got {
		if string(s.Code) != want[i].code || s.Description != want[i].words || s.Staff.Name != want[i].staff {
			t.Errorf("got %s %q by %q, expected %+v", s.Code, s.Description, s.Staff.Name, want[i])
		}
		if s.From.ID != codeRecipient || s.ResponseFor.OrganID != codeSender || s.ResponseFor.DocumentID != of.DocumentID ||
			s.ResponseFor.Code != of.Code.String() || s.ResponseFor.PromulgationDate != of.Promulgation.Date || s.Timestamp.IsZero() {
			t.Errorf("%s is of %q about %+v at %q", s.Code, s.From.ID, s.ResponseFor, s.TimestampRaw)
		}
	}

	// A document that is given back says why, as the clerk wrote it.
	why := "Gửi không đúng thẩm quyền:\n\tđề nghị gửi  Sở Y tế <Phòng KHTC> & bệnh viện"
	refused := a.sentOnly("702")
	a.carryOn()
	in("lan", refused, schemas.RefuseIncoming{Reason: why})
	if got := a.wire(refused); len(got) != 2 || got[1].Code != schemas.StatusRejected || got[1].Description != why {
		t.Errorf("given back with %+v", got)
	}

	// So do the answers to a sender who asks a document back, and his asking.
	for _, x := range []struct {
		number string
		act    schemas.Act
		code   schemas.StatusCode
		words  string
	}{
		{"1", schemas.AgreeRecall{Reason: "Chưa sử dụng"}, schemas.StatusTakeBackAgreed, "Chưa sử dụng"},
		{"2", schemas.AgreeRecall{}, schemas.StatusTakeBackAgreed, "Đồng ý cập nhật hoặc lấy lại"},
		{"3", schemas.DeclineRecall{Reason: "Đã ban hành quyết định"}, schemas.StatusTakeBackDenied, "Đã ban hành quyết định"},
	} {
		id := "thu-hoi-" + x.number
		a.signedDraft(codeSender, id, codeRecipient)
		a.did(codeSender, "lan", schemas.TargetOutgoing, id, schemas.Issue{})
		a.carryOn()
		key := a.outgoingState(codeSender, id).Document
		in("lan", key, schemas.RegisterIncoming{})
		a.did(codeSender, "lan", schemas.TargetOutgoing, id, schemas.RecallIssued{Reason: "Nhầm phụ lục"})
		a.carryOn()
		in("lan", key, x.act)
		var codes []string
		for _, s := range a.wire(key) {
			codes = append(codes, string(s.Code)+" "+s.Description)
		}
		if want := []string{"01 Đã đến", "03 Đã tiếp nhận", "13 Nhầm phụ lục", string(x.code) + " " + x.words}; !slices.Equal(codes, want) {
			t.Errorf("got %q, expected %q", codes, want)
		}
		if s := a.outgoingState(codeSender, id); s.Phase != outgoing.PhaseRecalled {
			t.Errorf("%s is %q", id, s.Phase)
		}
	}
	a.carryOn()
	a.nothingWaits()
	a.judgedAgain(t)
}
