package outgoing

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/numbering"
)

// refused wants one act to be refused for the reason.
func refused(t *testing.T, name string, want Reason) func([]events.New, error) {
	return func(news []events.New, err error) {
		t.Helper()
		if reason(err) != want || news != nil {
			t.Errorf("%s: got %v, %v, expected %s", name, news, err, want)
		}
	}
}

func TestDraftsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Draft)
		want   Reason
	}{
		"another kind":               {func(d *Draft) { d.Type, d.Known = "nghị định", false }, ReasonKind},
		"too long":                   {func(d *Draft) { d.Long = "Content" }, ReasonLong},
		"unknown recipient":          {func(d *Draft) { d.Recipients.Unknown = []string{"H99"} }, ReasonUnknown},
		"closed recipient":           {func(d *Draft) { d.Recipients.Closed = []string{"H98"} }, ReasonClosed},
		"signer has left":            {func(d *Draft) { d.Signer = "nam" }, ReasonSigner},
		"no such signer":             {func(d *Draft) { d.Signer = "x" }, ReasonSigner},
		"series of another":          {func(d *Draft) { d.Series = "qd" }, ReasonSeries},
		"series of copies":           {func(d *Draft) { d.Series = "sao" }, ReasonSeries},
		"closed series":              {func(d *Draft) { d.Series = "cu" }, ReasonSeries},
		"due yesterday":              {func(d *Draft) { d.Due = "2026-11-29" }, ReasonDay},
		"reply to what is not there": {func(d *Draft) { d.ReplyTo, d.NoReply = []string{"k"}, []string{"k"} }, ReasonReply},
		"relation to none":           {func(d *Draft) { d.Relation = RelationUpdate }, ReasonRelation},
		"no relation":                {func(d *Draft) { d.RelatedTo, d.Related = "e", Related{Phase: PhaseIssued} }, ReasonRelation},
		"about itself":               {func(d *Draft) { d.Relation, d.RelatedTo, d.Related = RelationUpdate, "d", Related{Phase: PhaseIssued} }, ReasonRelation},
		"about what is not sent": {func(d *Draft) {
			d.Relation, d.RelatedTo, d.Related = RelationUpdate, "e", Related{Phase: PhaseSigned, Type: d.Type}
		}, ReasonRelation},
		"replaced by another kind": {func(d *Draft) {
			d.Relation, d.RelatedTo, d.Related = RelationReplace, "e", Related{Phase: PhaseIssued, Type: "quyết định"}
		}, ReasonRelationKind},
		"corrected by another kind": {func(d *Draft) {
			d.Type, d.Relation, d.RelatedTo, d.Related = "quyết định", RelationCorrection, "e", Related{Phase: PhaseIssued, Type: "quyết định"}
		}, ReasonRelationKind},
	} {
		d := draft()
		c.change(&d)
		refused(t, name, c.want)(DecideSave(State{}, Save{By: by(t, "an", monday), Org: "H02", ID: "d", Draft: d}))
	}
	for name, change := range map[string]func(*Draft){
		"due today":         func(d *Draft) { d.Due = "2026-11-30" },
		"series of its own": func(d *Draft) { d.Series = "cv" },
		"series of all":     func(d *Draft) { d.Series = "chung" },
		"empty":             func(d *Draft) { *d = Draft{} },
		"correction": func(d *Draft) {
			d.Relation, d.RelatedTo, d.Related = RelationCorrection, "e", Related{Phase: PhaseIssued, Type: "quyết định", Document: "k"}
		},
		"update of what was recalled": func(d *Draft) {
			d.Relation, d.RelatedTo, d.Related = RelationUpdate, "e", Related{Phase: PhaseRecalled, Type: d.Type, Document: "k"}
		},
	} {
		d := draft()
		change(&d)
		h := begin(t).save("an", d)
		if h.state.Latest.Related != d.Related.Document || h.state.Latest.Files != len(d.Files) {
			t.Errorf("%s: got %+v", name, h.state.Latest)
		}
	}
}

func TestSubmitWantsEverything(t *testing.T) {
	h := begin(t).save("an", Draft{Missing: []string{"time"}})
	_, err := DecideSubmit(h.state, Submit{By: h.by("an")})
	want := []string{"Type", "Subject", "Recipient", "Signer", "Field/time"}
	if r, ok := err.(*Refusal); !ok || r.Reason != ReasonIncomplete || !reflect.DeepEqual(r.Details, want) {
		t.Errorf("got %v, expected %q", err, want)
	}
	places := draft()
	places.Recipients = Recipients{}
	h = begin(t).save("an", places)
	for chain, want := range map[string]Reason{"x": ReasonChain, "cu": ReasonChain, "quyet-dinh": ReasonChain} {
		refused(t, "chain "+chain, want)(DecideSubmit(h.state, Submit{By: h.by("an"), Chain: chain}))
	}
	head := draft()
	head.Signer = "cuc"
	h = begin(t).save("an", head)
	refused(t, "a signer without the role", ReasonSigner)(DecideSubmit(h.state, Submit{By: h.by("an")}))

	h = begin(t).save("an", draft()).submit("an", "")
	c := h.state.Chain
	steps := []Step{{Role: "head", Unit: "nv", Days: 2}, {Role: "leader", Person: "dung", Signs: true}}
	if c.ID != "thuong" || !reflect.DeepEqual(c.Steps, steps) || c.Due != "2026-12-02" {
		t.Errorf("got %+v", c)
	}
	if h.approve("cuc"); h.state.Chain.Due != "2026-12-01" { // by the rule of the agency
		t.Errorf("got %q", h.state.Chain.Due)
	}
	qd := draft()
	qd.Type = "quyết định"
	if h = begin(t).save("an", qd).submit("an", ""); h.state.Chain.ID != "quyet-dinh" {
		t.Errorf("got chain %q", h.state.Chain.ID)
	}
}

// What the agency changes later does not change a chain that runs.
func TestChainStandsAsCopied(t *testing.T) {
	h := in(t, PhaseSubmitted)
	other := *office
	other.Chains = []directory.Chain{{ID: "thuong", Steps: []directory.Step{{Role: directory.RoleLeader}}}}
	b := h.by("dung")
	b.Office = &other
	refused(t, "the leader, before the head", ReasonRight)(DecideApprove(h.state, Approve{By: b}))
	h.approve("cuc").approve("lan/dung")
	if got := h.state.Signed; got.Person != "lan" || got.For != "dung" || got.Step != 2 || got.Version != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestOnlyTheSignerSigns(t *testing.T) {
	h := in(t, PhaseSubmitted).approve("cuc")
	refused(t, "another leader", ReasonNotSigner)(DecideApprove(h.state, Approve{By: h.by("oanh")}))
	refused(t, "the delegate in the own name", ReasonNotFound)(DecideApprove(h.state, Approve{By: h.by("lan")}))
	h.at = monday.AddDate(2, 0, 0)
	if _, ok := office.Standing("lan", "dung", h.at); ok {
		t.Error("a delegation stands after its end")
	}
	h.approve("dung")
	refused(t, "twice", ReasonOrder)(DecideApprove(h.state, Approve{By: h.by("dung")}))
}

func TestNobodyApprovesTheOwnDraft(t *testing.T) {
	h := begin(t).save("cuc", draft()).submit("cuc", "thuong")
	refused(t, "the head's own", ReasonOwnDraft)(DecideApprove(h.state, Approve{By: h.by("cuc")}))
	refused(t, "in the place of who wrote it", ReasonOwnDraft)(DecideApprove(h.state, Approve{By: h.by("minh/cuc")}))
	h = begin(t).save("minh/cuc", draft()).submit("an", "thuong")
	refused(t, "written in the head's place", ReasonOwnDraft)(DecideApprove(h.state, Approve{By: h.by("cuc")}))
	h = begin(t).save("an", draft()).save("cuc", draft()).submit("an", "thuong")
	refused(t, "the head wrote the last version", ReasonOwnDraft)(DecideApprove(h.state, Approve{By: h.by("cuc")}))
	// A leader signs his own draft: after others have agreed, or where the agency asks nobody else.
	own := draft()
	for _, chain := range []string{"mot", "ba"} {
		h = begin(t).save("dung", own)
		if chain == "mot" {
			h.submit("dung", chain).approve("dung")
			continue
		}
		if _, err := DecideSubmit(h.state, Submit{By: h.by("dung"), Chain: chain}); err != nil {
			t.Error(err)
		}
	}
}

func TestSentBackBeginsAgain(t *testing.T) {
	h := in(t, PhaseSubmitted).approve("cuc")
	h.must(DecideSendBack(h.state, SendBack{By: h.by("dung"), Reason: "sửa"}))
	refused(t, "without a reason", ReasonIncomplete)(DecideSendBack(in(t, PhaseSubmitted).state, SendBack{By: h.by("cuc"), Reason: " \n"}))
	if h.save("binh", draft()); h.state.Phase != PhaseSentBack || h.state.Latest.Version != 2 {
		t.Errorf("got %+v", h.state)
	}
	if h.submit("binh", "thuong"); h.state.Chain.Done != 0 || h.state.Chain.Version != 2 {
		t.Errorf("got %+v", h.state.Chain)
	}
	refused(t, "while it is approved", ReasonInChain)(DecideSave(h.state, Save{By: h.by("an"), Draft: draft()}))
}

func TestOpinions(t *testing.T) {
	h := in(t, PhaseDraft)
	for name, c := range map[string]struct {
		ask  Ask
		want Reason
	}{
		"nobody":            {Ask{}, ReasonIncomplete},
		"an empty one":      {Ask{Of: []directory.Assignee{{}}}, ReasonAssignee},
		"no such unit":      {Ask{Of: []directory.Assignee{{Unit: "x"}}}, ReasonAssignee},
		"who has left":      {Ask{Of: []directory.Assignee{{Person: "nam"}}}, ReasonAssignee},
		"not in that unit":  {Ask{Of: []directory.Assignee{{Unit: "kt", Person: "an"}}}, ReasonAssignee},
		"by yesterday":      {Ask{Of: []directory.Assignee{{Unit: "kt"}}, Due: "2026-11-29"}, ReasonDay},
		"a unit and person": {Ask{Of: []directory.Assignee{{Unit: "kt", Person: "giang"}, {Person: "oanh"}}, Due: "2026-11-30"}, ""},
	} {
		c.ask.By = h.by("an")
		if _, err := DecideAsk(h.state, c.ask); reason(err) != c.want || err != nil && c.want == "" {
			t.Errorf("%s: got %v, expected %q", name, err, c.want)
		}
	}
	h.ask("an", directory.Assignee{Unit: "kt", Person: "giang"})
	h.must(DecideOpinion(h.state, Opine{By: h.by("giang"), Text: "Đồng ý"}))
	refused(t, "another of the unit, who was not asked", ReasonNotFound)(DecideOpinion(h.state, Opine{By: h.by("minh"), Text: "x"}))
	refused(t, "no words", ReasonIncomplete)(DecideOpinion(h.state, Opine{By: h.by("giang")}))
}

func TestIssue(t *testing.T) {
	h := in(t, PhaseSigned) // on Monday 2026-11-30
	h.at = monday.AddDate(0, 0, 2)
	for name, c := range map[string]struct {
		issue Issue
		want  Reason
	}{
		"before the signature": {Issue{Date: "2026-11-29"}, ReasonDate},
		"tomorrow":             {Issue{Date: "2026-12-03"}, ReasonDate},
		"no day":               {Issue{Date: "2026-12-0"}, ReasonDate},
		"before the last":      {Issue{Date: "2026-11-30", Last: "2026-12-01"}, ReasonDate},
		"no such series":       {Issue{Series: "x"}, ReasonSeries},
		"for another kind":     {Issue{Series: "qd"}, ReasonSeries},
		"of copies":            {Issue{Series: "sao"}, ReasonSeries},
		"of the same notation": {Issue{Series: "cong-van-2"}, ReasonSeries},
		"recipient closed":     {Issue{Recipients: Recipients{Closed: []string{"H02.11"}}}, ReasonClosed},
		"recipient unknown":    {Issue{Recipients: Recipients{Unknown: []string{"H02.11"}}}, ReasonUnknown},
	} {
		c.issue.By = h.by("em")
		refused(t, name, c.want)(DecideIssue(h.state, c.issue))
	}
	for date, want := range map[string]IssueAsked{
		"":           {Series: "cv", Book: "di-cv", Year: 2026, Date: "2026-12-02", Notation: "UBND-NV"},
		"2026-11-30": {Series: "cv", Book: "di-cv", Year: 2026, Date: "2026-11-30", Notation: "UBND-NV"},
	} {
		book, ok := BookFor(h.state, Issue{By: h.by("em"), Date: date})
		if ok != (date != "") || ok && book != (numbering.Book{Org: "H02", Name: "di-cv", Year: 2026}) {
			t.Errorf("the last number is looked up in %v, %t", book, ok)
		}
		news, err := DecideIssue(h.state, Issue{By: h.by("em"), Date: date, Last: date})
		if err != nil {
			t.Fatal(err)
		}
		want.Person, want.Judged = "em", h.at
		if got := news[0].Data.(IssueAsked); got != want {
			t.Errorf("got %+v, expected %+v", got, want)
		}
	}
	// A series for all kinds that gives another notation is as good as the one for the kind.
	if news, err := DecideIssue(h.state, Issue{By: h.by("em"), Series: "chung"}); err != nil || news[0].Data.(IssueAsked).Notation != "UBND" {
		t.Errorf("got %+v, %v", news, err)
	}
	// The year of a number is that of the date, in +07:00.
	h.at = time.Date(2026, 12, 31, 17, 30, 0, 0, time.UTC)
	news, err := DecideIssue(h.state, Issue{By: h.by("em")})
	if err != nil || news[0].Data.(IssueAsked).Date != "2027-01-01" || news[0].Data.(IssueAsked).Year != 2027 {
		t.Errorf("got %+v, %v", news, err)
	}
}

func TestNumberOnce(t *testing.T) {
	h := in(t, PhaseNumbering)
	refused(t, "asked again", ReasonNumbering)(DecideIssue(h.state, Issue{By: h.by("em")}))
	refused(t, "cancelled meanwhile", ReasonNumbering)(DecideCancel(h.state, Cancel{By: h.by("em"), Reason: "thôi"}))
	h.must(DecideChosen(h.state, 4))
	if news, err := DecideChosen(h.state, 4); news != nil || err != nil {
		t.Errorf("chosen again: %v, %v", news, err)
	}
	if _, err := DecideChosen(h.state, 3); err == nil {
		t.Error("a lower number was chosen")
	}
	for name, s := range map[string]numbering.State{"free": {}, "another's": {Holder: "outgoing/H02/e"}, "void": {Holder: "outgoing/H02/d", Voided: true}} {
		if _, err := DecideNumbered(h.state, s); err == nil {
			t.Errorf("numbered by a number that is %s", name)
		}
	}
	h.number(7)
	if got := h.state; got.Number != 7 || got.Book() != (numbering.Book{Org: "H02", Name: "di-cv", Year: 2026}) || got.Next() != TodoSeal {
		t.Errorf("got %+v", got)
	}
	facts := h.last(t, func() ([]events.New, error) {
		s := h.state
		s.Phase, s.Number = PhaseNumbering, 0
		return DecideNumbered(s, numbering.State{Holder: "outgoing/H02/d"})
	})
	if facts != (NumberedFacts{Number: "07", Notation: "UBND-NV"}) {
		t.Errorf("got %+v", facts)
	}
	if news, err := DecideNumbered(h.state, numbering.State{}); news != nil || err != nil {
		t.Errorf("numbered again: %v, %v", news, err)
	}
	refused(t, "issued again", ReasonNumbered)(DecideIssue(h.state, Issue{By: h.by("em")}))
}

func (h *history) last(t *testing.T, decide func() ([]events.New, error)) any {
	t.Helper()
	news, err := decide()
	if err != nil || len(news) == 0 {
		t.Fatal(news, err)
	}
	return news[len(news)-1].Facts
}

// What the door refused keeps its number: it is issued again or cancelled.
func TestDoorRefuses(t *testing.T) {
	h := in(t, PhaseSealed)
	refused(t, "cancelled too late", ReasonSealed)(DecideCancel(h.state, Cancel{By: h.by("em"), Reason: "thôi"}))
	h.must(DecideSendRefused(h.state, 4008))
	if h.state.Next() != TodoNothing || h.state.Phase != PhaseNumbered || h.state.Document != "" {
		t.Errorf("got %+v", h.state)
	}
	if _, err := DecideSealed(h.state, "key"); err == nil {
		t.Error("sealed again without being asked")
	}
	refused(t, "with another date", ReasonNumbered)(DecideIssue(h.state, Issue{By: h.by("em"), Date: "2026-11-29"}))
	refused(t, "in another series", ReasonNumbered)(DecideIssue(h.state, Issue{By: h.by("em"), Series: "chung"}))
	before := h.state.Issue
	again := in(t, PhaseSealed)
	again.must(DecideSendRefused(again.state, 4008)).issue("em")
	if again.state.Number != 5 || again.state.Issue != before || again.state.Next() != TodoSeal {
		t.Errorf("got %+v", again.state)
	}
	h.cancel("em")
	if h.state.Next() != TodoVoid {
		t.Errorf("got %q", h.state.Next())
	}
	c := Cancelled{}
	decode(t, h.events[len(h.events)-1], &c)
	if c.N != 5 || c.Book != "di-cv" || c.Year != 2026 {
		t.Errorf("got %+v", c)
	}
}

func TestSentWithoutTheExchange(t *testing.T) {
	d := draft()
	d.Recipients = Recipients{}
	h := begin(t).save("an", d).submit("an", "mot").approve("dung").issue("em").number(1)
	if _, err := DecideSealed(h.state, "key"); err == nil {
		t.Error("sealed for nobody")
	}
	if h.must(DecideSent(h.state, nil)); h.state.Phase != PhaseIssued {
		t.Errorf("got %q", h.state.Phase)
	}
	refused(t, "recalled", ReasonNotSent)(DecideRecall(h.state, Recall{By: h.by("em"), Reason: "nhầm"}))
	sum := events.Sum(nil)
	if _, err := DecideSent(in(t, PhaseNumbered).state, &sum); err == nil {
		t.Error("sent what was not sealed")
	}
	if _, err := DecideSent(in(t, PhaseNumbered).state, nil); err == nil {
		t.Error("not sent to those in the exchange")
	}
}

func TestRecall(t *testing.T) {
	h := in(t, PhaseIssued)
	ask := func(list ...Recipient) ([]events.New, error) {
		return DecideRecall(h.state, Recall{By: h.by("em"), Recipients: list, Reason: "nhầm"})
	}
	refused(t, "from who did not get it", ReasonNotRecipient)(ask(Recipient{"H03", "H03"}))
	h.must(ask(Recipient{"H02.11", "H02.11"}, Recipient{"000.00.11.H02", "H02.11"}))
	if h.state.Phase != PhaseIssued || len(h.state.Recalled) != 1 {
		t.Errorf("got %+v", h.state.Recalled)
	}
	refused(t, "twice", ReasonRecalled)(ask(Recipient{"H02.11", "H02.11"}))
	h.must(ask())
	if want := []Recipient{{"H02.11", "H02.11"}, {"000.00.12.H02", "H02.12"}}; h.state.Phase != PhaseRecalled || !slices.Equal(h.state.Recalled, want) {
		t.Errorf("got %q, %+v", h.state.Phase, h.state.Recalled)
	}
	refused(t, "of all, twice", ReasonRecalled)(ask())
}

func TestCopies(t *testing.T) {
	received := Original{Incoming: "k", Document: "k", Has: true}
	own := Original{Own: true, Outgoing: "e", Document: "k", Has: true, Type: "quyết định"}
	to := Recipients{List: []Recipient{{"H02.11", "H02.11"}}}
	copied := func(h *history, who string, c Copy) ([]events.New, error) {
		c.By, c.Org, c.ID = h.by(who), "H02", "d"
		return DecideCopy(h.state, c)
	}
	for name, c := range map[string]struct {
		who  string
		copy Copy
		want Reason
	}{
		"by a specialist":          {"an", Copy{Form: FormTrue, Of: own, Recipients: to, Signer: "dung"}, ReasonRight},
		"of what it does not have": {"em", Copy{Form: FormTrue, Of: Original{Incoming: "k"}, Recipients: to, Signer: "dung"}, ReasonOriginal},
		"sao lục of an own one":    {"em", Copy{Form: FormOfCopy, Of: own, Recipients: to, Signer: "dung"}, ReasonCopyForm},
		"extract of nothing":       {"em", Copy{Form: FormExtract, Of: own, Recipients: to, Signer: "dung"}, ReasonCopyForm},
		"another form":             {"em", Copy{Form: "PHOTO", Of: own, Recipients: to, Signer: "dung"}, ReasonCopyForm},
		"for nobody":               {"em", Copy{Form: FormTrue, Of: own, Signer: "dung"}, ReasonIncomplete},
		"for a closed agency":      {"em", Copy{Form: FormTrue, Of: own, Recipients: Recipients{Closed: []string{"H9"}}, Signer: "dung"}, ReasonClosed},
		"signed by a clerk":        {"em", Copy{Form: FormTrue, Of: own, Recipients: to}, ReasonSigner},
		"signed by a specialist":   {"em", Copy{Form: FormTrue, Of: own, Recipients: to, Signer: "an"}, ReasonSigner},
	} {
		refused(t, name, c.want)(copied(begin(t), c.who, c.copy))
	}

	h := begin(t)
	h.must(copied(h, "em", Copy{Form: FormOfCopy, Of: received, Recipients: to, Signer: "lan"}))
	if len(h.events) != 3 || h.state.Phase != PhaseSubmitted {
		t.Fatalf("got %d events, %q", len(h.events), h.state.Phase)
	}
	refused(t, "a leader who is not to sign it", ReasonNotSigner)(DecideApprove(h.state, Approve{By: h.by("oanh")}))
	refused(t, "changed", ReasonInChain)(DecideSave(h.state, Save{By: h.by("em"), Draft: draft()}))
	refused(t, "made again", ReasonInChain)(copied(h, "em", Copy{Form: FormOfCopy, Of: received, Recipients: to, Signer: "lan"}))
	h.must(DecideSendBack(h.state, SendBack{By: h.by("lan"), Reason: "mờ"}))
	refused(t, "changed as a draft", ReasonCopy)(DecideSave(h.state, Save{By: h.by("em"), Draft: draft()}))
	refused(t, "of another", ReasonExists)(copied(h, "em", Copy{Form: FormOfCopy, Of: Original{Incoming: "l", Has: true}, Recipients: to, Signer: "lan"}))
	h.must(copied(h, "em", Copy{Form: FormOfCopy, Of: received, Recipients: to, Signer: "lan"})).approve("lan").issue("em")
	if got := h.state.Issue; got.Notation != "SL-UBND" || got.Book != "di-sao" || h.state.Latest.Version != 2 {
		t.Errorf("got %+v", got)
	}
	// Who may sign it himself signs it with the act.
	h = begin(t)
	if h.must(copied(h, "dung", Copy{Form: FormExtract, Of: own, Extract: "Điều 2", Recipients: to})); h.state.Phase != PhaseSigned {
		t.Errorf("got %q", h.state.Phase)
	}
	h = begin(t)
	if h.must(copied(h, "lan/dung", Copy{Form: FormTrue, Of: own, Recipients: to})); h.state.Signed.For != "dung" || h.state.Latest.Signer != "dung" {
		t.Errorf("got %+v", h.state.Signed)
	}
}
