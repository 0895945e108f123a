package outgoing

import (
	"slices"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// Deciders give the events of an act, or a *Refusal. They read the state and the command, nothing else.

// DecideSave begins a draft or adds a version to it.
func DecideSave(s State, c Save) ([]events.New, error) {
	var news []events.New
	if s.Phase == PhaseNone {
		if err := s.mayOpen(c.By); err != nil {
			return nil, err
		}
		news = append(news, events.New{Name: NameOpened, Data: Opened{
			Org: c.Org, ID: c.ID, Person: c.Standing.Person, For: c.Standing.For, Unit: unitOf(c.Standing), Judged: c.At,
		}})
	} else if err := s.maySave(c.By); err != nil {
		return nil, err
	}
	d := c.Draft
	if err := d.check(c.By, c.ID); err != nil {
		return nil, err
	}
	return append(news, events.New{Name: NameRevised,
		Data: Revised{
			Version: s.Latest.Version + 1, Person: c.Standing.Person, For: c.Standing.For, Type: d.Type, Signer: d.Signer, Series: d.Series,
			Recipients: d.Recipients.List, Priority: d.Priority, Due: d.Due, Pages: d.Pages, Copies: d.Copies, ReplyTo: d.ReplyTo,
			Dossier: d.Dossier, Relation: d.Relation, RelatedTo: d.RelatedTo, Related: d.Related.Document, Files: len(d.Files),
			Lacks: d.lacks(), Judged: c.At,
		},
		Facts: RevisedFacts{
			Subject: d.Subject, Content: d.Content, ToPlaces: d.ToPlaces, Competence: d.Competence, Place: d.Place, KeptBy: d.KeptBy,
			Fields: d.Fields, Files: d.Files, Note: c.Note,
		},
	}), nil
}

// check says what is wrong in a draft, complete or not.
func (d *Draft) check(by By, id string) error {
	if d.Type != "" && !d.Known {
		return refuse(ReasonKind, d.Type)
	}
	if d.Long != "" {
		return refuse(ReasonLong, d.Long)
	}
	if err := d.Recipients.check(); err != nil {
		return err
	}
	if d.Signer != "" {
		if p, ok := by.Office.Person(d.Signer); !ok || p.Gone {
			return refuse(ReasonSigner, d.Signer)
		}
	}
	if d.Series != "" {
		if _, err := seriesOf(by.Office, d.Series, d.Type, false); err != nil {
			return err
		}
	}
	if d.Due != "" && d.Due < directory.Day(by.At) {
		return refuse(ReasonDay, d.Due)
	}
	if len(d.NoReply) > 0 {
		return refuse(ReasonReply, d.NoReply...)
	}
	return d.checkRelation(id)
}

func (r Recipients) check() error {
	if len(r.Unknown) > 0 {
		return refuse(ReasonUnknown, r.Unknown...)
	}
	if len(r.Closed) > 0 {
		return refuse(ReasonClosed, r.Closed...)
	}
	return nil
}

// checkRelation: only an issued document is updated, replaced or corrected. Mistakes of content are put right by a document of the
// same kind, mistakes of form by a công văn (NĐ 30/2020 Điều 18.3).
func (d *Draft) checkRelation(id string) error {
	if d.Relation == "" && d.RelatedTo == "" {
		return nil
	}
	if d.RelatedTo == "" || d.RelatedTo == id || d.Related.Phase != PhaseIssued && d.Related.Phase != PhaseRecalled {
		return refuse(ReasonRelation, d.RelatedTo)
	}
	want := d.Related.Type
	switch d.Relation {
	case RelationCorrection:
		want = typeLetter
	case RelationUpdate, RelationReplace:
	default:
		return refuse(ReasonRelation, d.Relation)
	}
	if d.Type != "" && d.Type != want {
		return refuse(ReasonRelationKind, want)
	}
	return nil
}

// lacks names what must be there before it can be submitted. The names are those of the form's elements; "Field/x" is a further field.
func (d *Draft) lacks() []string {
	var out []string
	for _, f := range []struct {
		name  string
		empty bool
	}{
		{"Type", d.Type == ""},
		{"Subject", strings.TrimSpace(d.Subject) == ""},
		{"Recipient", len(d.Recipients.List) == 0 && len(d.ToPlaces) == 0},
		{"Signer", d.Signer == ""},
	} {
		if f.empty {
			out = append(out, f.name)
		}
	}
	for _, name := range d.Missing {
		out = append(out, "Field/"+name)
	}
	return out
}

// DecideAsk asks others for their opinion.
func DecideAsk(s State, c Ask) ([]events.New, error) {
	if err := s.mayAsk(c.By); err != nil {
		return nil, err
	}
	if len(c.Of) == 0 {
		return nil, refuse(ReasonIncomplete, "Of")
	}
	for _, a := range c.Of {
		if !c.worksThere(a) {
			return nil, refuse(ReasonAssignee, a.Unit, a.Person)
		}
	}
	if c.Due != "" && c.Due < directory.Day(c.At) {
		return nil, refuse(ReasonDay, c.Due)
	}
	return []events.New{{Name: NameOpinionAsked,
		Data:  OpinionAsked{Person: c.Standing.Person, For: c.Standing.For, Of: c.Of, Due: c.Due, Judged: c.At},
		Facts: OpinionAskedFacts{Question: c.Question},
	}}, nil
}

// worksThere says whether there is such a unit or person, and the person has to do with the unit.
func (by By) worksThere(a directory.Assignee) bool {
	if a.Unit != "" {
		if u, ok := by.Office.Unit(a.Unit); !ok || u.Closed {
			return false
		}
	}
	if a.Person == "" {
		return a.Unit != ""
	}
	st, ok := by.Office.Standing(a.Person, "", by.At)
	return ok && (a.Unit == "" || st.InUnit(a.Unit))
}

// DecideOpinion adds an opinion.
func DecideOpinion(s State, c Opine) ([]events.New, error) {
	if err := s.mayOpine(c.By); err != nil {
		return nil, err
	}
	if strings.TrimSpace(c.Text) == "" {
		return nil, refuse(ReasonIncomplete, "Text")
	}
	return []events.New{{Name: NameOpinionGiven,
		Data:  OpinionGiven{Person: c.Standing.Person, For: c.Standing.For, Judged: c.At},
		Facts: OpinionGivenFacts{Text: c.Text, Files: c.Files},
	}}, nil
}

// DecideSubmit begins the chain with the latest version.
func DecideSubmit(s State, c Submit) ([]events.New, error) {
	if err := s.maySubmit(c.By); err != nil {
		return nil, err
	}
	if len(s.Latest.Lacks) > 0 {
		return nil, refuse(ReasonIncomplete, s.Latest.Lacks...)
	}
	chain, ok := c.Office.ChainFor(s.Latest.Type)
	if c.Chain != "" {
		chain, ok = c.Office.Chain(c.Chain)
		ok = ok && !chain.Closed && meant(chain.Types, s.Latest.Type)
	}
	if !ok || len(chain.Steps) == 0 {
		return nil, refuse(ReasonChain, c.Chain, s.Latest.Type)
	}
	steps := s.copySteps(chain)
	signer, ok := c.Office.Standing(s.Latest.Signer, "", c.At)
	if !ok || !steps[len(steps)-1].fits(signer) {
		return nil, refuse(ReasonSigner, s.Latest.Signer, chain.ID)
	}
	return []events.New{{Name: NameSubmitted,
		Data: Submitted{Person: c.Standing.Person, For: c.Standing.For, Version: s.Latest.Version, Chain: chain.ID, Steps: steps,
			Due: c.due(steps[0], s.Latest.Priority), Judged: c.At},
		Facts: NoteFacts{Note: c.Note},
	}}, nil
}

// copySteps gives the steps of a chain as they will stand for this document.
func (s State) copySteps(chain directory.Chain) []Step {
	out := make([]Step, len(chain.Steps))
	for i, p := range chain.Steps {
		out[i] = Step{Role: string(p.Role), Unit: p.Unit, Days: p.Days}
		if p.Unit == stepOfAuthor {
			out[i].Unit = s.Opened.Unit
		}
	}
	last := &out[len(out)-1]
	last.Signs, last.Person = true, s.Latest.Signer
	return out
}

// stepOfAuthor is directory.Step.Unit for a step of the author's own unit.
const stepOfAuthor = "author"

// due is the day by which a step should be done: by the chain, else by the agency's rule.
func (by By) due(p Step, priority int) string {
	if p.Days > 0 {
		return by.Office.Calendar.Add(directory.Day(by.At), p.Days)
	}
	return by.Office.Due("approve", priority, by.At)
}

func meant(types []string, kind string) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, kind) })
}

// DecideApprove agrees at the step where it stands; at the last one it is the signature.
func DecideApprove(s State, c Approve) ([]events.New, error) {
	if err := s.mayApprove(c.By); err != nil {
		return nil, err
	}
	n := s.Chain.Done + 1
	if step, _ := s.Step(); step.Signs {
		return []events.New{{Name: NameSigned,
			Data: Signed{Person: c.Standing.Person, For: c.Standing.For, Step: n, Version: s.Chain.Version, Files: len(c.Files),
				Judged: c.At},
			Facts: ApprovedFacts{Note: c.Note, Files: c.Files},
		}}, nil
	}
	return []events.New{{Name: NameApproved,
		Data: Approved{Person: c.Standing.Person, For: c.Standing.For, Step: n, Due: c.due(s.Chain.Steps[n], s.Latest.Priority),
			Judged: c.At},
		Facts: ApprovedFacts{Note: c.Note, Files: c.Files},
	}}, nil
}

// DecideSendBack returns it to its author.
func DecideSendBack(s State, c SendBack) ([]events.New, error) {
	if err := s.maySendBack(c.By); err != nil {
		return nil, err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return nil, refuse(ReasonIncomplete, "Reason")
	}
	return []events.New{{Name: NameSentBack,
		Data:  SentBack{Person: c.Standing.Person, For: c.Standing.For, Step: s.Chain.Done + 1, Judged: c.At},
		Facts: SentBackFacts{Reason: c.Reason, Files: c.Files},
	}}, nil
}
