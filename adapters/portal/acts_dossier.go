package portal

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// dossierActs reads the forms of what can be done with a work dossier (NĐ 30/2020 Điều 28–30).
var dossierActs = map[string]func(*actInput) schemas.Act{
	"OpenDossier": func(in *actInput) schemas.Act {
		return schemas.OpenDossier{FilePlan: in.filePlan(true), Title: in.text("title", 2000, true), Retention: in.named("retention", in.lists.Retentions),
			InCharge: in.person("dossier_charge", false), Due: in.due(false)}
	},
	"ClassifyDossier": func(in *actInput) schemas.Act {
		return schemas.ClassifyDossier{FilePlan: in.filePlan(true), Title: in.text("title", 2000, false), Retention: in.named("retention", in.lists.Retentions), Reason: in.text("reason", textMost, true)}
	},
	"AddItem": func(in *actInput) schemas.Act {
		a := schemas.AddItem{Item: in.target("item"), Note: in.text("note", textMost, false)}
		if a.Item == (schemas.ActTarget{}) && len(in.v.held) == 0 {
			in.trouble("form.choose", "field", in.label("item_files"))
		}
		return a
	},
	"RemoveItem": func(in *actInput) schemas.Act {
		n, err := strconv.ParseUint(in.form.Get("item_no"), 10, 32)
		if err != nil || n == 0 {
			in.trouble("form.choose", "field", in.label("item_no"))
		}
		return schemas.RemoveItem{Item: n, Reason: in.text("reason", textMost, true)}
	},
	"GiveTask": func(in *actInput) schemas.Act {
		return schemas.GiveTask{Task: in.form.Get("id"), To: in.assignee("task_to", true), Text: in.text("task_text", textMost, true), Due: in.due(false)}
	},
	"FinishTask": func(in *actInput) schemas.Act {
		a := schemas.FinishTask{Task: in.id("task"), Result: in.text("task_result", textMost, false)}
		if a.Task == "" {
			in.trouble("form.choose", "field", in.label("task"))
		}
		return a
	},
	"RecordDecision": func(in *actInput) schemas.Act {
		return schemas.RecordDecision{Text: in.text("decision", textMost, true), Document: in.target("document")}
	},
	"HandOver": func(in *actInput) schemas.Act {
		return schemas.HandOver{To: in.person("hand_to", true), Reason: in.text("reason", textMost, false)}
	},
	"CloseDossier": func(in *actInput) schemas.Act { return schemas.CloseDossier{Note: in.text("note", textMost, false)} },
}

// filePlan reads an entry of the file plan by its code.
func (in *actInput) filePlan(required bool) string {
	code := in.form.Get("file_plan")
	switch {
	case code == "" && required:
		in.trouble("form.choose", "field", in.label("file_plan"))
	case code != "" && !slices.ContainsFunc(in.lists.FilePlan, func(e view.FilePlanEntry) bool { return e.Code == code }):
		in.trouble("form.bad", "field", in.label("file_plan"))
	}
	return code
}

// target reads "incoming:<id>" or "outgoing:<id>"; empty is none.
func (in *actInput) target(name string) schemas.ActTarget {
	value := in.form.Get(name)
	if value == "" {
		return schemas.ActTarget{}
	}
	t, ok := parseTarget(value)
	if !ok {
		in.trouble("form.bad", "field", in.label(name))
	}
	return t
}

func parseTarget(value string) (schemas.ActTarget, bool) {
	kind, id, _ := strings.Cut(value, ":")
	t := schemas.ActTarget{Kind: schemas.TargetKind(kind), ID: id}
	if !isTargetID(id) || t.Kind != schemas.TargetIncoming && t.Kind != schemas.TargetOutgoing {
		return schemas.ActTarget{}, false
	}
	return t, true
}

// filePlanNames is the file plan as forms offer it.
func (l *officeLists) filePlanNames() []view.Named {
	var out []view.Named
	for _, e := range l.FilePlan {
		out = append(out, view.Named{ID: e.Code, Name: e.Code + " – " + e.Title})
	}
	return out
}

// workers are the persons that a dossier can be given to.
func (l *officeLists) workers() []view.PersonRef {
	var out []view.PersonRef
	for _, p := range l.Persons {
		if !p.Gone && slices.ContainsFunc(p.Duties, func(d view.OfficeDuty) bool {
			return slices.Contains([]string{"specialist", "head", "clerk", "leader"}, d.Role)
		}) {
			out = append(out, p.PersonRef)
		}
	}
	return out
}

// files says whether the person works with dossiers.
func (l *officeLists) files(person string) bool { return l.drafts(person) }
