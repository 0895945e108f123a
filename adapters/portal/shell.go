package portal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// The shell around every page of staff: navigation by role with counts, the bell, the own menu, and what the page follows.

// staffFrame is what the shell shows of the person.
type staffFrame struct {
	Name, Position string
	Roles          []string
	Bell           bool // there are notes for the person; none for who only administers
	Notes          int
}

// liveFrame is what a page follows while it is open.
type liveFrame struct {
	Mark   string      // of what the page shows; another mark means that something has changed
	Target view.Target // the page is about, zero: a list
	Seen   uint64      // version of Target
}

// staffNav is the navigation of people at work, by their roles today; who acts for another reads what that one reads. A page that this
// program does not have yet is left out.
func staffNav(roles []string, actsForAnother bool, has func(path string) bool) []navItem {
	is := func(any ...string) bool {
		return slices.ContainsFunc(any, func(r string) bool { return slices.Contains(roles, r) })
	}
	reads := is("clerk", "specialist", "head", "leader", "auditor") || actsForAnother
	var nav []navItem
	add := func(on bool, n navItem) {
		if on && has(n.Path) {
			nav = append(nav, n)
		}
	}
	add(true, navItem{Section: "today", Path: "/", Icon: "home", Key: "nav.today", Jump: "v", Counted: true, Count: "mine"})
	add(is("leader"), navItem{Section: "leader", Path: "/leader", Icon: "seal", Key: "nav.leader", Jump: "l"})
	add(reads, navItem{Section: "arrivals", Path: "/incoming", Icon: "incoming", Key: "nav.incoming", Jump: "d"})
	add(reads, navItem{Section: "drafts", Path: "/drafts", Icon: "edit", Key: "nav.drafts", Jump: "t"})
	add(reads, navItem{Section: "sent", Path: "/outgoing", Icon: "outgoing", Key: "nav.outgoing", Jump: "i", Rest: true})
	add(reads || is("archivist"), navItem{Section: "dossiers", Path: "/dossiers", Icon: "folder", Key: "nav.dossiers", Jump: "h", Rest: is("leader") || !is("archivist") && has("/drafts") && has("/leader")})
	add(reads, navItem{Section: "search", Path: "/search", Icon: "search", Key: "nav.search", Rest: true})
	add(is("leader", "head", "clerk", "auditor"), navItem{Section: "statistics", Path: "/statistics", Icon: "chart", Key: "nav.statistics", Jump: "k", Rest: true})
	add(is(roleAdministrator), navItem{Section: "office", Path: "/office", Icon: "people", Key: "nav.office", Rest: reads})
	add(true, navItem{Section: "help", Path: "/help", Icon: "help", Key: "nav.help", Rest: true})
	add(true, navItem{Section: "menu", Path: "/menu", Icon: "menu", Key: "nav.more", Narrow: true})
	return nav
}

// staffShell fills in the frame of a page of staff. A count that cannot be had is left out: the page itself has answered.
func (p *Portal) staffShell(v *visit, f *frame) {
	if v.person == "" || v.account.MustChange {
		return
	}
	s := &staffFrame{Name: v.account.DisplayName}
	f.Staff, f.Search = s, true
	lists, err := p.officeOf(v)
	if err != nil {
		f.Nav, f.Search = staffNav(nil, false, p.hasPage), false
		return
	}
	me := lists.person(v.person)
	if me.Name != "" {
		s.Name, s.Position = me.Name, me.Position
	}
	s.Roles = lists.roles(v.person)
	s.Bell = !lists.onlyAdministers(v.person)
	f.Nav = staffNav(s.Roles, lists.actsForAnother(v.person), p.hasPage)
	f.Search = slices.ContainsFunc(f.Nav, func(n navItem) bool { return n.Section == "search" })
	now, err := p.liveNow(v)
	if err != nil {
		return
	}
	s.Notes = now.Notes
	for i, n := range f.Nav {
		f.Nav[i].N = now.Counts[n.Count]
	}
	f.Live = &liveFrame{Mark: now.mark(), Target: v.follows, Seen: v.followed}
}

// hasPage says whether a GET route of that path exists.
func (p *Portal) hasPage(path string) bool { return p.paths[path] }

// follow tells the page to watch a target: whoever looks at it is told when it changes.
func (v *visit) follow(t view.Target, version uint64) { v.follows, v.followed = t, version }

// liveState is what the shell shows of the work at one moment.
type liveState struct {
	Counts map[string]int
	Notes  int
	Latest uint64 // position of the latest note
}

// mark stands for the state: it changes when a count does, or when there is a new note.
func (l liveState) mark() string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(l.Counts)) {
		fmt.Fprintf(h, "%s=%d\n", k, l.Counts[k])
	}
	fmt.Fprintf(h, "notes %d %d", l.Notes, l.Latest)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (p *Portal) liveNow(v *visit) (liveState, error) {
	var l liveState
	var err error
	s := p.staffOf(v)
	if l.Counts, err = p.cfg.OfficeViews.WorkCounts(v.ctx(), s); err != nil {
		return l, err
	}
	notes, err := p.cfg.OfficeViews.Notes(v.ctx(), s, p.notesSeen(v)+1, notesMost)
	if err != nil {
		return l, err
	}
	l.Notes = len(notes)
	if len(notes) > 0 {
		l.Latest = notes[0].Position
	}
	return l, nil
}

// How long a page's question waits for something to happen, and how often it looks when nobody tells.
const (
	liveWait  = 15 * time.Second
	livePause = 2 * time.Second
)

type liveAnswer struct {
	Mark    string         `json:"mark"`
	Counts  map[string]int `json:"counts"`
	Notes   int            `json:"notes"`
	Changed bool           `json:"changed"` // the target of the page
	Ended   bool           `json:"ended,omitempty"`
}

// live answers when what the person sees has changed since the mark, or after some seconds. It does not keep a session alive: only what
// the person does counts.
func (p *Portal) live(v *visit) error {
	q := v.r.URL.Query()
	mark, target := q.Get("mark"), view.Target{Kind: q.Get("kind"), ID: q.Get("id")}
	seen, err := strconv.ParseUint(q.Get("seen"), 10, 64)
	watches := err == nil && target.ID != ""
	ctx, cancel := context.WithTimeout(v.ctx(), p.liveWait)
	defer cancel()
	size := uint64(0)
	for {
		now, err := p.liveNow(v)
		if err != nil {
			return err
		}
		a := liveAnswer{Mark: now.mark(), Counts: now.Counts, Notes: now.Notes}
		if watches {
			version, err := p.versionOf(v, target)
			if err != nil && !errors.Is(err, view.ErrNotFound) {
				return err
			}
			a.Changed = err != nil || version != seen
		}
		if a.Mark != mark || a.Changed || ctx.Err() != nil {
			return p.json(v, a)
		}
		size = p.pause(ctx, size)
		if _, _, err := p.cfg.Accounts.peek(v.ctx(), v.token); err != nil { // signed out meanwhile, in another tab or by somebody else
			return p.json(v, liveAnswer{Ended: true})
		}
	}
}

// pause waits until the views have read more, but at least livePause and at most to the end of ctx.
func (p *Portal) pause(ctx context.Context, size uint64) uint64 {
	timer := time.NewTimer(p.livePause)
	defer timer.Stop()
	if p.cfg.Changed != nil && size > 0 {
		if p.cfg.Changed(ctx, size) != nil {
			return size
		}
	}
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	h, err := p.cfg.Views.Health(ctx)
	if err != nil {
		return 0
	}
	return h.Position
}

// versionOf is the version of a target as far as the person may see it.
func (p *Portal) versionOf(v *visit, t view.Target) (uint64, error) {
	switch t.Kind {
	case "incoming":
		d, err := p.cfg.OfficeViews.IncomingDocument(v.ctx(), p.staffOf(v), t.ID)
		return d.Version, err
	case "outgoing":
		d, err := p.cfg.OfficeViews.OutgoingDocument(v.ctx(), p.staffOf(v), t.ID)
		return d.Version, err
	case "dossier":
		d, err := p.cfg.OfficeViews.Dossier(v.ctx(), p.staffOf(v), t.ID)
		return d.Version, err
	}
	return 0, view.ErrNotFound
}

func (p *Portal) json(v *visit, answer any) error {
	b, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("couldn't write answer: %w", err)
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(http.StatusOK)
	v.w.Write(b)
	return nil
}

// endedBody gives back what a person typed into a form that came after the session had ended: nothing was done, nothing is lost.
type endedBody struct {
	Typed []typedField
	Back  string
}

type typedField struct{ Label, Text string }

// typedFields are the words of a form as a page shows them: only what the catalogue has a label for, and only what was written by hand.
func typedFields(w words, form map[string][]string) []typedField {
	var out []typedField
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if !w.has("field."+name) || !slices.Contains(writtenFields, name) {
			continue
		}
		for _, s := range form[name] {
			if s = cleanText(s); s != "" {
				out = append(out, typedField{w.say("field." + name), s})
			}
		}
	}
	return out
}

// writtenFields are those in which people write sentences.
var writtenFields = []string{"reason", "note", "opinion", "text", "result", "subject", "from_name", "question", "content", "title", "description",
	"task_text", "task_result", "decision"}

// sessionEnded answers a form that came without a session. It never returns nil: the form must go no further.
func (p *Portal) sessionEnded(v *visit, rt route) error {
	if rt.takes != longForm {
		return p.redirect(v, "/signin?ended=1")
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, longMax)
	if err := v.r.ParseForm(); err != nil {
		return p.redirect(v, "/signin?ended=1")
	}
	b := endedBody{Typed: typedFields(v.words, v.r.PostForm)}
	if back, ok := safePath(v.r.PostForm.Get("back")); ok {
		b.Back = back
	}
	if len(b.Typed) == 0 {
		return p.redirect(v, "/signin?ended=1")
	}
	if err := p.render(v, http.StatusUnauthorized, "ended", "", v.words.say("ended.title"), "", b); err != nil {
		return err
	}
	return errAnswered
}

// menu lists every page, for the telephone.
func (p *Portal) menu(v *visit) error { return p.show(v, "menu", "menu", v.words.say("nav.more"), nil) }

// targetPath is the page of a target.
func targetPath(t view.Target) string {
	switch t.Kind {
	case "incoming":
		return "/incoming/" + t.ID
	case "outgoing":
		return "/outgoing/" + t.ID
	case "dossier":
		return "/dossiers/" + t.ID
	}
	return "/"
}
