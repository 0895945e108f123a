package portal

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// Acts: one way for every form by which somebody does something. The page draws a form with a one-time id, which becomes the id of
// the package, and with the version of what the person saw. Whoever sends the same form again gets what was done the first time;
// whoever sends one on what has changed meanwhile gets the new state, with what was typed kept.

// actForm is one form on a page, for the part "act". A page makes it with newActForm or, after a refusal, with keepActForm.
type actForm struct {
	Name    string // of the act, as in schemas
	As      string // what its button calls it in this place, "" by its name
	Path    string // where it is sent, below Config.Base
	Token   string // form token
	ID      string // one-time id
	Seen    uint64
	For     view.PersonRef // in whose place it is done, zero: in the own name
	Open    bool
	Upload  bool
	Aside   bool     // there is a more usual next step beside it
	Refused []string // sentences beside the form
	Codes   []string
	Held    []heldFile // files that came with the refused form and need not be chosen again
	Office  *officeLists
	Data    any // what the fields of this act need beside
	Values  url.Values
}

// Words is the message of the act's button.
func (f *actForm) Words() string { return "act." + cmp.Or(f.As, f.Name) }

// Value is what stands in a field.
func (f *actForm) Value(name string) string { return f.Values.Get(name) }

// Has says whether a field with several values holds one of them.
func (f *actForm) Has(name, value string) bool { return slices.Contains(f.Values[name], value) }

// newActID is a one-time id: a random UUID.
func newActID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var actID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// newActForm is a fresh form.
func (p *Portal) newActForm(v *visit, name, path string, seen uint64, stands map[string]view.PersonRef) *actForm {
	return &actForm{Name: name, Path: path, Token: v.formToken(), ID: newActID(), Seen: seen, For: stands[name], Values: url.Values{}}
}

// actFailure is an act that was not done, with what the page needs to show the form again.
type actFailure struct {
	Name    string
	ID      string // of the form when it is shown again: its own, unless that is used up
	Status  int    // of the answer
	Said    []string
	Codes   []string
	Values  url.Values
	Held    []heldFile
	Stale   bool // somebody was faster
	Unknown bool // nobody knows whether it was done: sending it again is safe
}

// keepActForm puts a failure back into the form it came from.
func (f *actForm) keep(x *actFailure) {
	if x == nil || x.Name != f.Name {
		return
	}
	f.Open, f.ID, f.Refused, f.Codes, f.Held, f.Values = true, x.ID, x.Said, x.Codes, x.Held, x.Values
}

// actRequest is a form that came back.
type actRequest struct {
	Target schemas.ActTarget
	Name   string
	Done   string // path of the page that shows what was done
}

// doAct does what a form asks for. It answers with the way to the page that shows it, or with a failure to be shown beside the form.
func (p *Portal) doAct(v *visit, q actRequest) (*actFailure, error) {
	form := v.r.PostForm
	id := form.Get("id")
	if !actID.MatchString(id) {
		return nil, fail(http.StatusBadRequest)
	}
	failed := &actFailure{Name: q.Name, ID: id, Status: http.StatusUnprocessableEntity, Values: kept(form), Held: v.held}
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	in := &actInput{v: v, form: form, lists: lists, now: p.cfg.Node.Now()}
	read := actReader(q.Name)
	if read == nil {
		return nil, fail(http.StatusBadRequest)
	}
	act := read(in)
	if len(in.problems) > 0 {
		failed.Said = in.problems
		return failed, nil
	}
	a := schemas.DossierAction{Target: q.Target, For: form.Get("for"), Act: act}
	if seen, ok := in.seen(); ok {
		a.Seen = &seen
	}
	return p.press(v, q, failed, func(ctx context.Context) (Acted, error) {
		return p.cfg.Office.Act(ctx, p.actor(v), id, a, p.filesOf(v))
	})
}

// press does what one click asks for, once, and answers as doAct.
func (p *Portal) press(v *visit, q actRequest, failed *actFailure, do func(context.Context) (Acted, error)) (*actFailure, error) {
	id := failed.ID
	click := clickOf(v.r.PostForm, v.arrived)
	done, again, err := p.clicks.once(v.ctx(), v.account.ID+"/"+id, func() (actDone, error) {
		// Who closes the page has still pressed the button: the act goes on.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), actTime)
		defer cancel()
		acted, err := do(ctx)
		return actDone{Name: q.Name, Target: acted.Target, Again: acted.Again, Pending: acted.Pending, At: p.cfg.Node.Now(), Click: click}, err
	})
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		p.cfg.Log.Info("portal act refused", "account", v.account.ID, "act", q.Name, "target", q.Target.ID, "code", refused.Code)
		failed.Said = append(failed.Said, v.words.refused(refused)...)
		failed.Codes = append(failed.Codes, fmt.Sprintf("TRAM-%04d", refused.Code))
		return failed, nil
	case err != nil:
		p.cfg.Log.Error("portal act failed", "account", v.account.ID, "act", q.Name, "target", q.Target.ID, "error", err)
		failed.Status, failed.Unknown = http.StatusServiceUnavailable, true
		failed.Said = append(failed.Said, v.words.say("act.unknown"))
		return failed, nil
	case again && done.Click != click && done.Click != (clickSum{}):
		failed.Status, failed.ID = http.StatusConflict, newActID()
		p.holds.move(p.holdKey(v), v.account.ID+"/"+failed.ID)
		failed.Said = append(failed.Said, v.words.say("act.twice", "time", done.At))
		return failed, nil
	}
	p.dropHeld(v)
	p.cfg.Log.Info("portal act done", "account", v.account.ID, "act", q.Name, "target", q.Target.ID, "again", again || done.Again)
	return nil, p.redirect(v, with(q.Done, "did", id))
}

// actTime bounds one act, its first steps included.
const actTime = 60 * time.Second

// refused says why an act was refused: by rules of the directory where those say it better than the number.
func (w words) refused(r *Refused) []string {
	var out []string
	for _, rule := range r.Broken {
		if key := "rule." + rule.Reason; w.has(key) {
			out = append(out, w.say(key, "what", rule.Detail))
		}
	}
	if len(out) > 0 {
		return out
	}
	if w.language == English {
		return []string{cmp.Or(r.En, r.Vi)}
	}
	return []string{cmp.Or(r.Vi, r.En)}
}

// kept is what a person typed, without what belongs to the form itself.
func kept(form url.Values) url.Values {
	k := url.Values{}
	for name, values := range form {
		if !slices.Contains([]string{"form", "id", "seen", "act", "for"}, name) {
			k[name] = values
		}
	}
	return k
}

// clickSum is what a form said: two sendings of one form have the same.
type clickSum [32]byte

func clickOf(form url.Values, files []heldFile) clickSum {
	h := sha256.New()
	names := make([]string, 0, len(form))
	for name := range form {
		if name != "form" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(h, "%q %q\n", name, form[name])
	}
	for _, f := range files {
		fmt.Fprintf(h, "%q %x\n", f.Name, f.sum)
	}
	return clickSum(h.Sum(nil))
}

// actDone is what one click did.
type actDone struct {
	Name    string
	Target  view.Target
	Again   bool
	Pending *Refused
	At      time.Time
	Click   clickSum
}

// clickTable makes many sendings of one form one act: those that come while it runs wait for it, those that come after get what was
// done. It forgets the oldest; then the record itself knows the id (Acted.Again).
type clickTable struct {
	mu      sync.Mutex
	running map[string]*clickRun
	done    map[string]actDone
	order   []string
}

type clickRun struct {
	end  chan struct{}
	done actDone
	err  error
}

const clicksKept = 4096

func newClickTable() *clickTable {
	return &clickTable{running: map[string]*clickRun{}, done: map[string]actDone{}}
}

// once runs do unless the click ran before or is running; again says that it was not this call that did it.
func (c *clickTable) once(ctx context.Context, key string, do func() (actDone, error)) (done actDone, again bool, err error) {
	c.mu.Lock()
	if d, ok := c.done[key]; ok {
		c.mu.Unlock()
		return d, true, nil
	}
	if run, ok := c.running[key]; ok {
		c.mu.Unlock()
		select {
		case <-run.end:
			return run.done, run.err == nil, run.err
		case <-ctx.Done():
			return actDone{}, false, ctx.Err()
		}
	}
	run := &clickRun{end: make(chan struct{}), err: errors.New("couldn't finish the act: it panicked")}
	c.running[key] = run
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, key)
		if run.err == nil {
			if len(c.order) >= clicksKept {
				delete(c.done, c.order[0])
				c.order = c.order[1:]
			}
			kept := run.done
			if kept.Again {
				kept.Click = clickSum{} // what that click said is not known here any more
			}
			c.done[key], c.order = kept, append(c.order, key)
		}
		close(run.end)
	}()
	run.done, run.err = do()
	return run.done, false, run.err
}

// did is what the click that ?did= names did, for the notice on the page that follows.
func (p *Portal) did(v *visit) (actDone, bool) {
	id := v.r.URL.Query().Get("did")
	if !actID.MatchString(id) || v.account == nil {
		return actDone{}, false
	}
	p.clicks.mu.Lock()
	defer p.clicks.mu.Unlock()
	d, ok := p.clicks.done[v.account.ID+"/"+id]
	return d, ok
}

// doneNotice says what was done.
func (p *Portal) doneNotice(v *visit) string {
	d, ok := p.did(v)
	switch {
	case !ok:
		return ""
	case d.Again:
		return v.words.say("act.again")
	case d.Pending != nil:
		return v.words.say("done."+d.Name) + " " + v.words.say("act.pending")
	}
	return v.words.say("done." + d.Name)
}

// actor is who clicks.
func (p *Portal) actor(v *visit) Actor { return Actor{Org: v.account.Org, Person: v.person} }

// staffOf is as whom questions about an agency's work are asked.
func (p *Portal) staffOf(v *visit) view.Staff {
	return view.Staff{Org: v.account.Org, Person: v.person, Now: p.cfg.Node.Now()}
}

// lookedAt records an opening, before anything is shown: what cannot be recorded is not shown.
func (p *Portal) lookedAt(v *visit, t view.Target, what string) error {
	if err := p.cfg.Office.Opened(v.ctx(), p.actor(v), Opening{Target: t, What: what}); err != nil {
		return fmt.Errorf("couldn't record opening: %w", err)
	}
	p.cfg.Log.Info("portal target opened", "account", v.account.ID, "session", v.session.ID, "what", what, "kind", t.Kind, "target", t.ID)
	return nil
}
