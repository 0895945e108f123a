package portal

import (
	"html/template"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Words, colours and icons of the daily work; docs/portal.md lists them.

// dueWords says how a deadline stands.
func (w words) dueWords(d view.Deadline) string {
	day := dateWords(d.Day)
	switch {
	case d.Late && d.Left < 0:
		return w.say("due.late", "n", -d.Left)
	case d.Late: // since a day that does not count
		return w.say("due.late.day", "day", day)
	case d.Left == 0:
		return w.say("due.today", "day", day)
	}
	return w.say("due.left", "n", d.Left, "day", day)
}

// dueTone colours it: late, soon, or nothing.
func dueTone(d view.Deadline) string {
	switch {
	case d.Late:
		return "late"
	case d.Left <= 1:
		return "soon"
	}
	return ""
}

// workTone colours a state of an incoming or outgoing document or a dossier.
func workTone(state string) string {
	switch state {
	case view.IncomingFinished, view.OutgoingIssued, view.DossierClosed:
		return "done"
	case view.IncomingHandling, view.IncomingAssigned, view.OutgoingSubmitted, view.OutgoingSigned, view.OutgoingNumbering, view.OutgoingNumbered, view.DossierOpen:
		return "half"
	case view.IncomingRefused, view.IncomingWithdrawn, view.OutgoingCancelled, view.OutgoingRecalled:
		return "back"
	case view.OutgoingSentBack:
		return "bad"
	}
	return "open"
}

func (w words) workState(state string) string { return w.named("work.state.", state, "state.unknown") }

// actTone says how an act's button looks: main for the usual next step, danger for what takes something back, else quiet.
func actTone(name string) string {
	switch name {
	case "AgreeRecall", "RegisterIncoming", "Assign", "Present", "StartHandling", "FinishHandling", "Submit", "Approve", "Issue", "SaveDraft", "OpenDossier", "AddItem":
		return "primary"
	case "RefuseIncoming", "TransferBack", "SendBack", "Cancel", "RecallIssued", "RemoveItem":
		return "danger"
	}
	return "quiet"
}

// oneNext leaves one act the look of the usual next step: the first of those that have it, in the order of the page.
func oneNext(acts []*actForm) {
	found := false
	for _, f := range acts {
		if f.Aside || actTone(f.Name) != "primary" {
			continue
		}
		f.Aside, found = found, true
	}
}

// actIcon is the icon of an act.
func actIcon(name string) string {
	if i, ok := map[string]string{"RegisterIncoming": "book", "RegisterPaper": "book", "RefuseIncoming": "back", "AgreeRecall": "back", "DeclineRecall": "bad", "Present": "up", "Assign": "people", "TransferBack": "back", "StartHandling": "play",
		"GiveOpinion": "say", "ChangeDeadline": "clock", "LinkReply": "link", "FinishHandling": "ok", "Reopen": "history", "SaveDraft": "edit", "AskOpinion": "say", "Submit": "up", "Approve": "seal",
		"Sign": "seal", "OpenDossier": "folder", "AddItem": "plus", "RemoveItem": "back", "GiveTask": "people", "FinishTask": "ok", "RecordDecision": "seal", "HandOver": "people", "ClassifyDossier": "folder", "CloseDossier": "ok",
		"SendBack": "back", "Issue": "outgoing", "Cancel": "bad", "RecallIssued": "back", "MakeCopy": "copy"}[name]; ok {
		return i
	}
	return "more"
}

// officeFunctions are the functions of the templates for the daily work.
func officeFunctions(w words, now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"dueWords":       w.dueWords,
		"dueTone":        dueTone,
		"workTone":       workTone,
		"workState":      w.workState,
		"actTone":        actTone,
		"actIcon":        actIcon,
		"kindName":       upperFirst,
		"fieldLabel":     w.fieldLabel,
		"headRecipients": func() int { return headRecipients },
		"competences":    func() []string { return competences },
		"presets":        func(l *officeLists) []duePreset { return l.duePresets(now()) },
		"today":          func() string { return now().In(vietnamTime).Format(time.DateOnly) },
		"priorities":     func() []string { return []string{"0", "1", "2", "3", "4"} },
		"shortDay":       func(t time.Time) string { return w.weekday(t) + " " + t.In(vietnamTime).Format("02/01") },
		"isoDay": func(typed string) string {
			iso, ok := parseDate(strings.TrimSpace(typed))
			if !ok {
				return ""
			}
			return iso
		},
		"typedDay": dateWords,
	}
}

func (w words) weekday(t time.Time) string {
	return w.say("weekday." + strings.ToLower(t.In(vietnamTime).Weekday().String()[:3]))
}
