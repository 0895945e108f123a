package httpapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
)

// until sets the clock to a moment of Vietnam.
func (a *agencyAtWork) until(year int, month time.Month, day, hour, minute, second int) {
	a.t.Helper()
	a.clock.Add(time.Date(year, month, day, hour, minute, second, 0, directory.Vietnam).Sub(a.clock.Now()))
}

// inPlace is an act of a person in the place of another.
func (a *agencyAtWork) inPlace(org, person, of string, kind schemas.TargetKind, id string, act schemas.Act) error {
	a.t.Helper()
	a.clicks++
	_, err := a.office.Do(a.ctx, office.Act{Org: org, Person: person, PackageID: "thay-" + act.Name() + "-" + id + "-" + a.clock.Now().Format("0102150405"),
		Action: schemas.DossierAction{Target: schemas.ActTarget{Kind: kind, ID: id}, For: of, Act: act}})
	return err
}

// Numbers begin again with the year of Vietnam. What was signed in the old year and is dated in it has the next number of the old year,
// also when the new one has begun. Deadlines run over the year's end and the holidays of both years.
func TestNewYear(t *testing.T) {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	a.mustChange(
		schemas.SetDeadlines{Agency: codeRecipient, Rules: []schemas.OfficeDeadline{{What: "register", Days: 0}, {What: "present", Days: 1}, {What: "handle", Days: 5}}},
		schemas.SetCalendar{Agency: codeRecipient, Year: 2026, Working: []schemas.Date{{Year: 2026, Month: 12, Day: 26}}},
		schemas.SetCalendar{Agency: codeRecipient, Year: 2027, Holidays: []schemas.Date{{Year: 2027, Month: 1, Day: 1}}},
	)
	for _, id := range []string{"mot", "hai", "ba", "bon", "nam"} {
		a.signedDraft(codeSender, id, codeSecond)
	}
	a.until(2026, time.December, 31, 23, 59, 58)
	first, second := a.sentOnly("801"), a.sentOnly("802")
	a.carryOn()
	a.until(2026, time.December, 31, 23, 59, 59)
	a.did(codeRecipient, "lan", schemas.TargetIncoming, first, schemas.RegisterIncoming{})
	a.did(codeSender, "lan", schemas.TargetOutgoing, "mot", schemas.Issue{})
	a.did(codeSender, "minh", schemas.TargetDossier, "cu", schemas.OpenDossier{FilePlan: "01-TH", Title: "Năm cũ"})
	a.did(codeRecipient, "huong", schemas.TargetIncoming, first, schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "minh"}})
	a.clock.Add(time.Second)
	a.did(codeRecipient, "lan", schemas.TargetIncoming, second, schemas.RegisterIncoming{})
	a.did(codeSender, "lan", schemas.TargetOutgoing, "hai", schemas.Issue{Date: schemas.Date{Year: 2026, Month: 12, Day: 31}})
	a.did(codeSender, "lan", schemas.TargetOutgoing, "ba", schemas.Issue{})
	a.did(codeSender, "minh", schemas.TargetDossier, "moi", schemas.OpenDossier{FilePlan: "01-TH", Title: "Năm mới"})
	_, err := a.click(codeSender, "lan", schemas.TargetOutgoing, "bon", schemas.Issue{Date: schemas.Date{Year: 2027, Month: 1, Day: 2}})
	refusedWith(t, err, gateway.CodeFutureDate)

	a.clock.Add(24 * time.Hour)
	a.did(codeSender, "lan", schemas.TargetOutgoing, "bon", schemas.Issue{}) // on the 2nd
	_, err = a.click(codeSender, "lan", schemas.TargetOutgoing, "nam", schemas.Issue{Date: schemas.Date{Year: 2027, Month: 1, Day: 1}})
	refusedWith(t, err, gateway.CodeIssueDate) // numbers follow the order of days

	for _, x := range []struct {
		book numbering.Book
		want []string
	}{
		{numbering.Book{Org: codeRecipient, Name: numbering.Register("den"), Year: 2026}, []string{incoming.Stream(codeRecipient, first)}},
		{numbering.Book{Org: codeRecipient, Name: numbering.Register("den"), Year: 2027}, []string{incoming.Stream(codeRecipient, second)}},
		{numbering.Book{Org: codeSender, Name: numbering.Series("cv"), Year: 2026}, []string{outgoing.Stream(codeSender, "mot"), outgoing.Stream(codeSender, "hai")}},
		{numbering.Book{Org: codeSender, Name: numbering.Series("cv"), Year: 2027}, []string{outgoing.Stream(codeSender, "ba"), outgoing.Stream(codeSender, "bon")}},
		{numbering.Book{Org: codeSender, Name: numbering.Dossiers, Year: 2026}, []string{dossier.Stream(codeSender, "cu")}},
		{numbering.Book{Org: codeSender, Name: numbering.Dossiers, Year: 2027}, []string{dossier.Stream(codeSender, "moi")}},
	} {
		if got := a.book(x.book); !slices.Equal(got, x.want) {
			t.Errorf("%v holds %v, expected %v", x.book, got, x.want)
		}
	}
	for key, want := range map[string]string{
		first:  "2027-01-08", // Thursday the 31st, then five working days without Friday the 1st
		second: "2027-01-04", // came on Thursday the 31st: one working day to present it
	} {
		s, err := a.node.Others().Incoming(a.ctx, incoming.Stream(codeRecipient, key))
		if err != nil || s.Due != want {
			t.Errorf("due on %s, expected %s (%v)", s.Due, want, err)
		}
	}
	a.carryOn()
	a.nothingWaits()
	a.judgedAgain(t)
}

// Rights are those of the moment of the act: a delegation ends, a person leaves, the office is changed after the page was shown.
func TestPeopleComeAndGo(t *testing.T) {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	keys := []string{a.sentOnly("811"), a.sentOnly("812"), a.sentOnly("813")}
	a.carryOn()
	for _, key := range keys {
		a.did(codeRecipient, "lan", schemas.TargetIncoming, key, schemas.RegisterIncoming{})
	}
	in := schemas.TargetIncoming
	assign := schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "minh"}}
	start := a.clock.Now().Add(time.Hour)
	a.mustChange(schemas.Delegate{Agency: codeRecipient, Delegation: "di-vang", From: "huong", To: "binh", Start: start, End: start.Add(time.Hour)})

	refusedWith(t, a.inPlace(codeRecipient, "binh", "huong", in, keys[0], assign), gateway.CodeNotInPlace)
	a.clock.Add(time.Hour) // the very first moment
	if err := a.inPlace(codeRecipient, "binh", "huong", in, keys[0], assign); err != nil {
		t.Errorf("in the first moment: %v", err)
	}
	a.clock.Add(time.Hour - time.Second)
	if err := a.inPlace(codeRecipient, "binh", "huong", in, keys[1], assign); err != nil {
		t.Errorf("in the last second: %v", err)
	}
	a.clock.Add(time.Second)
	refusedWith(t, a.inPlace(codeRecipient, "binh", "huong", in, keys[2], assign), gateway.CodeNotInPlace)

	// minh has two in charge and leaves: what he had, goes on with the head of his unit, or is assigned again.
	a.did(codeRecipient, "minh", in, keys[0], schemas.StartHandling{})
	a.mustChange(schemas.RemovePerson{Agency: codeRecipient, Person: "minh"})
	_, err := a.click(codeRecipient, "minh", in, keys[0], schemas.FinishHandling{})
	refusedWith(t, err, gateway.CodePersonUnknown)
	_, err = a.click(codeRecipient, "huong", in, keys[1], schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "minh"}, Opinion: "Tiếp tục"})
	refusedWith(t, err, gateway.CodeAssigneePerson)
	a.did(codeRecipient, "binh", in, keys[0], schemas.FinishHandling{Result: "Trưởng phòng làm thay"})
	a.did(codeRecipient, "huong", in, keys[1], schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "binh"}})

	// The page showed a chain, a series and a signer that are not there any more when the act comes.
	out := schemas.TargetOutgoing
	a.signedDraft(codeSender, "ky-roi", codeSecond)
	a.did(codeSender, "minh", out, "dang-trinh", schemas.SaveDraft{Draft: schemas.Draft{Type: "Công văn", Subject: "x", Recipients: []string{codeSecond}, Signer: "huong"}})
	a.did(codeSender, "minh", out, "chua-trinh", schemas.SaveDraft{Draft: schemas.Draft{Type: "Công văn", Subject: "x", Recipients: []string{codeSecond}, Signer: "huong"}})
	a.did(codeSender, "minh", out, "dang-trinh", schemas.Submit{})
	a.did(codeSender, "binh", out, "dang-trinh", schemas.Approve{})
	a.mustChange(
		schemas.SetSeries{Agency: codeSender, Series: "cv", Name: "Công văn", Notation: "S-TC", Closed: true},
		schemas.SetPerson{Agency: codeSender, Person: "huong", Name: "Nguyễn Thị Hương", Duties: []schemas.OfficeDuty{{Role: "head", Unit: "tc"}}},
	)
	for _, x := range []struct {
		person, id string
		act        schemas.Act
		code       int
	}{
		{"lan", "ky-roi", schemas.Issue{}, gateway.CodeSeries},
		{"huong", "dang-trinh", schemas.Approve{}, gateway.CodeDraftRight},
		{"minh", "chua-trinh", schemas.Submit{}, gateway.CodeDraftSigner},
	} {
		_, err := a.click(codeSender, x.person, out, x.id, x.act)
		refusedWith(t, err, x.code)
	}
	if got := a.book(numbering.Book{Org: codeSender, Name: numbering.Series("cv"), Year: 2026}); got != nil {
		t.Errorf("a number was taken for what was refused: %v", got)
	}
	a.carryOn()
	a.nothingWaits()
	a.judgedAgain(t)
}
