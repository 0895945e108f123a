package httpapi_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
)

// Two clerks click at once on each of many signed documents, at three nodes of one log, while dossiers are opened: each document is issued
// by one of them under one number, the numbers have no gap, and the other clerk is told that it was done.
func TestManyIssueAtOnce(t *testing.T) {
	a := newAgencyAtWork(t, codeSender)
	a.mustChange(schemas.SetPerson{Agency: codeSender, Person: "mai", Name: "Mai", Duties: []schemas.OfficeDuty{{Role: "clerk"}}})
	const many = 8
	for i := range many {
		a.signedDraft(codeSender, fmt.Sprint("d", i), codeRecipient)
	}
	offices := []*office.Office{a.office, a.newOffice(a.node), a.newOffice(a.node)}
	var all sync.WaitGroup
	issued, opened := make([][2]error, many), make([]error, many)
	do := func(n int, person, id string, kind schemas.TargetKind, act schemas.Act) error {
		d, err := offices[n%len(offices)].Do(a.ctx, office.Act{Org: codeSender, Person: person, PackageID: person + "-" + id,
			Action: schemas.DossierAction{Target: schemas.ActTarget{Kind: kind, ID: id}, Act: act}})
		return errors.Join(err, d.Pending)
	}
	for i := range many {
		for n, clerk := range []string{"lan", "mai"} {
			all.Go(func() { issued[i][n] = do(i+n, clerk, fmt.Sprint("d", i), schemas.TargetOutgoing, schemas.Issue{}) })
		}
		all.Go(func() {
			opened[i] = do(i, "minh", fmt.Sprint("h", i), schemas.TargetDossier, schemas.OpenDossier{FilePlan: "01-TH", Title: "Hồ sơ"})
		})
	}
	all.Wait()
	if err := errors.Join(opened...); err != nil {
		t.Error(err)
	}
	a.carryOn()
	a.nothingWaits()
	for i, e := range issued {
		if (e[0] == nil) == (e[1] == nil) {
			t.Errorf("d%d: one clerk got %v, the other %v", i, e[0], e[1])
		}
		if s := a.outgoingState(codeSender, fmt.Sprint("d", i)); s.Phase != outgoing.PhaseIssued {
			t.Errorf("d%d is %q", i, s.Phase)
		}
	}
	for _, x := range []struct {
		book   numbering.Book
		stream func(i int) string
	}{
		{numbering.Book{Org: codeSender, Name: numbering.Series("cv"), Year: 2026}, func(i int) string { return outgoing.Stream(codeSender, fmt.Sprint("d", i)) }},
		{numbering.Book{Org: codeSender, Name: numbering.Dossiers, Year: 2026}, func(i int) string { return dossier.Stream(codeSender, fmt.Sprint("h", i)) }},
	} {
		holders := a.book(x.book)
		if len(holders) != many {
			t.Errorf("%d numbers in %v, expected %d", len(holders), x.book, many)
		}
		for i := range many {
			if !slices.Contains(holders, x.stream(i)) {
				t.Errorf("%s has no number of %v", x.stream(i), x.book)
			}
		}
	}
	a.judgedAgain(t)
}
