package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/schemas"
)

// planDossier fills the command for an act on a work dossier; nil if there is no such act.
func (a *act) planDossier() decideAct {
	do := a.dossierAct()
	if do == nil {
		return nil
	}
	c := dossier.Command{By: dossier.By{At: a.at(), Standing: a.standing, Office: a.office}, Act: do}
	return func(ctx context.Context, streams Streams, own Own) ([]events.New, error) {
		c := c
		var err error
		switch do := c.Act.(type) {
		case dossier.Add:
			do.Document, err = a.found(ctx, streams, do.Document)
			c.Act = do
		case dossier.Decision:
			do.Document, err = a.found(ctx, streams, do.Document)
			c.Act = do
		}
		if err != nil {
			return nil, err
		}
		news, err := dossier.Decide(own.Dossier, c)
		return news, a.refuseDossier(err)
	}
}

// dossierAct translates the form.
func (a *act) dossierAct() dossier.Act {
	files := dossierFiles(a.form.Files)
	switch f := a.form.Act.(type) {
	case schemas.OpenDossier:
		return dossier.Open{FilePlan: f.FilePlan, Title: f.Title, Retention: f.Retention, InCharge: f.InCharge, Due: isoDate(f.Due)}
	case schemas.ClassifyDossier:
		return dossier.Classify{FilePlan: f.FilePlan, Title: f.Title, Retention: f.Retention, Reason: f.Reason}
	case schemas.AddItem:
		return dossier.Add{Document: wanted(f.Item), Facts: dossier.ItemFacts{Note: f.Note, Files: files}}
	case schemas.RemoveItem:
		return dossier.Remove{Item: f.Item, Reason: f.Reason}
	case schemas.GiveOpinion:
		return dossier.Opine{Text: f.Text, Files: files}
	case schemas.GiveTask:
		return dossier.GiveTask{Task: f.Task, To: directory.Assignee(f.To), Text: f.Text, Due: isoDate(f.Due), Files: files}
	case schemas.FinishTask:
		return dossier.FinishTask{Task: f.Task, Result: f.Result, Files: files}
	case schemas.RecordDecision:
		return dossier.Decision{Text: f.Text, Document: wanted(f.Document), Files: files}
	case schemas.HandOver:
		return dossier.HandOver{To: f.To, Reason: f.Reason}
	case schemas.CloseDossier:
		return dossier.Close{Note: f.Note}
	case schemas.Reopen:
		return dossier.Reopen{Reason: f.Reason}
	}
	return nil
}

func dossierFiles(files []schemas.ActFile) []dossier.FileFacts {
	var out []dossier.FileFacts
	for i := range files {
		f := &files[i]
		out = append(out, dossier.FileFacts{Name: f.Name, ContentType: f.ContentType, Description: f.Description, Size: f.Size})
	}
	return out
}

// wanted is a document as the form names it; nil if it names none.
func wanted(t schemas.ActTarget) *dossier.Found {
	if t == (schemas.ActTarget{}) {
		return nil
	}
	return &dossier.Found{Target: dossier.Target{Kind: string(t.Kind), ID: t.ID}}
}

// found looks for a document of the agency that the person may see.
func (a *act) found(ctx context.Context, streams Streams, want *dossier.Found) (*dossier.Found, error) {
	if want == nil {
		return nil, nil
	}
	f := *want
	switch f.Kind {
	case dossier.KindIncoming:
		s, ok, err := a.seenIncoming(ctx, streams, f.ID)
		f.Document, f.Exists = s.Document, ok
		return &f, err
	case dossier.KindOutgoing:
		s, ok, err := a.seenOutgoing(ctx, streams, f.ID)
		f.Document, f.Exists = s.Sent.Document, ok
		return &f, err
	}
	return &f, nil
}

// dossierCodes numbers the reasons of the decider.
var dossierCodes = map[dossier.Reason]int{
	dossier.ReasonUnknown:    CodeDossierUnknown,
	dossier.ReasonRight:      CodeDossierRight,
	dossier.ReasonIncomplete: CodeRequired,
	dossier.ReasonOpened:     CodeDossierOpened,
	dossier.ReasonClosed:     CodeDossierClosed,
	dossier.ReasonNotClosed:  CodeDossierNotClosed,
	dossier.ReasonNumbering:  CodeDossierNumbering,
	dossier.ReasonOpenTasks:  CodeDossierOpenTasks,
	dossier.ReasonFilePlan:   CodeDossierFilePlan,
	dossier.ReasonRetention:  CodeDossierRetention,
	dossier.ReasonUnit:       CodeAssigneeUnit,
	dossier.ReasonPerson:     CodeAssigneePerson,
	dossier.ReasonApart:      CodeAssigneeApart,
	dossier.ReasonOutside:    CodeDossierOutside,
	dossier.ReasonSame:       CodeDossierSame,
	dossier.ReasonDate:       CodeDate,
	dossier.ReasonPast:       CodeDeadlinePast,
	dossier.ReasonDocument:   CodeDossierDocument,
	dossier.ReasonInside:     CodeDossierInside,
	dossier.ReasonItem:       CodeDossierItem,
	dossier.ReasonTask:       CodeDossierTask,
	dossier.ReasonTaskTaken:  CodeDossierTaskTaken,
	dossier.ReasonTaskDone:   CodeDossierTaskDone,
	dossier.ReasonFull:       CodeDossierFull,
}

func (a *act) refuseDossier(err error) error {
	var r *dossier.Refusal
	if !errors.As(err, &r) {
		return err
	}
	code, ok := dossierCodes[r.Reason]
	if !ok {
		return fmt.Errorf("couldn't number the refusal %q of a dossier", r.Reason)
	}
	return a.refuse(code, r.Detail, err)
}
