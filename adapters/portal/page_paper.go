package portal

import (
	"net/http"
	"slices"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// paperBody is the form by which a clerk registers what came on paper or by another channel.
type paperBody struct {
	Form     *actForm
	Channels []string
	Types    []view.Named
	Suggest  []Organisation
	Stale    string
}

// mayPaper says whether the person is a clerk today. The record judges again.
func (p *Portal) mayPaper(v *visit) (*officeLists, error) {
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(lists.roles(v.person), "clerk") {
		return nil, errGone
	}
	return lists, nil
}

func (p *Portal) paperPage(v *visit) error { return p.showPaper(v, nil) }

func (p *Portal) showPaper(v *visit, failed *actFailure) error {
	lists, err := p.mayPaper(v)
	if err != nil {
		return err
	}
	f := p.newActForm(v, "RegisterPaper", "/incoming/new", 0, nil)
	f.Office, f.Upload = lists, true
	f.Values.Set("received_on", day(p.cfg.Node.Now()))
	f.Values.Set("priority", "0")
	f.keep(failed)
	b := paperBody{Form: f, Channels: paperChannels}
	for _, name := range documentTypes {
		b.Types = append(b.Types, view.Named{ID: name, Name: name})
	}
	if b.Suggest, err = p.cfg.Node.Organisations(v.ctx(), "", 500); err != nil {
		return err
	}
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	return p.render(v, status, "paper", "arrivals", v.words.say("act.RegisterPaper"), "", b)
}

// registerPaper registers it; its id in the record is the one-time id of the form, so that it too comes once.
func (p *Portal) registerPaper(v *visit) error {
	if _, err := p.mayPaper(v); err != nil {
		return err
	}
	id := v.r.PostForm.Get("id")
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetIncoming, ID: id}, Name: "RegisterPaper", Done: "/incoming/" + id})
	if err != nil || failed == nil {
		return err
	}
	return p.showPaper(v, failed)
}
