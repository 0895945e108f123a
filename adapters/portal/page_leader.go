package portal

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// The leader's page, for a telephone and a tablet: what waits for a signature, what waits to be assigned, what is late. From the
// navigation to the deed are three touches, and nothing need be typed.

type leaderBody struct {
	Sign, Assign    []leaderCard
	Late            []workLine
	SignN, AssignN  int
	LateN           int
	More            bool // of the cards there are more than shown
	Opinions, Backs []string
	Refused         []string
	Stale           string
}

// leaderCard is one thing to do, with its forms.
type leaderCard struct {
	workLine
	Do, Back *actForm // sign or approve, and send back; or assign
	Units    []unitGroup
	From     string
}

const leaderCards = 20

// leaderForms are the acts of this page.
var leaderForms = map[string]schemas.TargetKind{"Approve": schemas.TargetOutgoing, "SendBack": schemas.TargetOutgoing, "Assign": schemas.TargetIncoming}

// mayLead says whether the page is for this person: who signs, approves or assigns.
func (p *Portal) mayLead(v *visit) (*officeLists, error) {
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(lists.roles(v.person), func(r string) bool { return r == "leader" || r == "head" }) {
		return nil, errGone
	}
	return lists, nil
}

func (p *Portal) leader(v *visit) error { return p.showLeader(v, view.Target{}, nil) }

// actLeader signs, approves, sends back or assigns, and comes back to the page.
func (p *Portal) actLeader(v *visit) error {
	if _, err := p.mayLead(v); err != nil {
		return err
	}
	name := v.r.PostForm.Get("act")
	t := schemas.ActTarget{Kind: schemas.TargetKind(v.r.PathValue("kind")), ID: v.r.PathValue("id")}
	if leaderForms[name] != t.Kind || !isTargetID(t.ID) {
		return fail(http.StatusBadRequest)
	}
	target := view.Target{Kind: string(t.Kind), ID: t.ID}
	if _, err := p.versionOf(v, target); err != nil {
		return err
	}
	failed, err := p.doAct(v, actRequest{Target: t, Name: name, Done: "/leader"})
	if err != nil || failed == nil {
		return err
	}
	version, err := p.versionOf(v, target)
	if err != nil {
		return err
	}
	failed.judgeStale(v, version)
	return p.showLeader(v, target, failed)
}

func (p *Portal) showLeader(v *visit, target view.Target, failed *actFailure) error {
	lists, err := p.mayLead(v)
	if err != nil {
		return err
	}
	counts, err := p.cfg.OfficeViews.WorkCounts(v.ctx(), p.staffOf(v))
	if err != nil {
		return err
	}
	b := leaderBody{SignN: counts["mine/"+view.WorkSign] + counts["mine/"+view.WorkApprove], AssignN: counts["mine/"+view.WorkAssign] + counts["mine/"+view.WorkReturned], LateN: counts[string(view.BoxLate)],
		Opinions: v.words.presets("leader.opinion."), Backs: v.words.presets("leader.back.")}
	shown := failed == nil
	card := func(w view.WorkItem, names ...string) leaderCard {
		c := leaderCard{workLine: p.workLine(v, w, view.BoxMine), From: w.From.Name}
		for i, name := range names {
			stands := map[string]view.PersonRef{name: w.For}
			f := p.newActForm(v, name, "/leader/"+w.Target.Kind+"/"+w.Target.ID, w.Version, stands)
			f.Office = lists
			if name == "Approve" && w.What == view.WorkSign {
				f.As = "Sign"
			}
			if w.Target == target {
				f.keep(failed)
				shown = shown || f.Open
			}
			if i == 0 {
				c.Do = f
			} else {
				c.Back = f
			}
		}
		return c
	}
	for _, what := range []string{view.WorkSign, view.WorkApprove, view.WorkAssign, view.WorkReturned} {
		page, err := p.cfg.OfficeViews.Work(v.ctx(), view.WorkQuery{Staff: p.staffOf(v), Box: view.BoxMine, What: what, Limit: leaderCards})
		if err != nil {
			return err
		}
		b.More = b.More || page.Next != ""
		for _, w := range page.Rows {
			switch {
			case what == view.WorkSign || what == view.WorkApprove:
				b.Sign = append(b.Sign, card(w, "Approve", "SendBack"))
			case w.Target.Kind == "incoming":
				c := card(w, "Assign")
				c.Units = lists.Groups
				b.Assign = append(b.Assign, c)
			}
		}
	}
	late, err := p.cfg.OfficeViews.Work(v.ctx(), view.WorkQuery{Staff: p.staffOf(v), Box: view.BoxLate, Limit: leaderCards})
	if err != nil {
		return err
	}
	for _, w := range late.Rows {
		b.Late = append(b.Late, p.workLine(v, w, view.BoxLate))
	}
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
		if failed.Stale {
			b.Stale = v.words.say("act.stale")
		}
		if !shown { // the card is gone: somebody has done it
			b.Refused = failed.Said
		}
	}
	return p.render(v, status, "leader", "leader", v.words.say("leader.title"), p.doneNotice(v), b)
}

// presets are sentences that can be chosen with one touch, in the order of their numbers.
func (w words) presets(prefix string) []string {
	var out []string
	for _, n := range []string{"1", "2", "3"} {
		out = append(out, strings.TrimSpace(w.say(prefix+n)))
	}
	return out
}
