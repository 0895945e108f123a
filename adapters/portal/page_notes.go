package portal

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// notesCookie keeps which notes the person has seen in this browser.
const (
	notesCookie = "tram_notes"
	notesMost   = 50
)

// notesSeen is the latest note that the person has seen in this browser.
func (p *Portal) notesSeen(v *visit) uint64 {
	seen, _ := strconv.ParseUint(p.cookie(v.r, notesCookie), 10, 64)
	return max(seen, v.noted)
}

// notesBody is what happened lately on what concerns the person.
type notesBody struct{ Lines []noteLine }

type noteLine struct {
	view.Note
	Path, Sentence string
	About          noteAbout
	Fresh          bool
}

// noteAbout is what a note is about, as far as the person may see it now.
type noteAbout struct{ Number, Subject string }

// notes shows the latest, and keeps that they were seen.
func (p *Portal) notes(v *visit) error {
	list, err := p.cfg.OfficeViews.Notes(v.ctx(), p.staffOf(v), 0, notesMost)
	if err != nil {
		return err
	}
	seen := p.notesSeen(v)
	var b notesBody
	about := map[view.Target]noteAbout{}
	for _, n := range list {
		a, ok := about[n.Target]
		if !ok {
			if a, err = p.noteAbout(v, n.Target); err != nil {
				return err
			}
			about[n.Target] = a
		}
		b.Lines = append(b.Lines, noteLine{Note: n, Path: targetPath(n.Target), Sentence: v.words.note(n), About: a, Fresh: n.Position > seen})
	}
	if len(list) > 0 {
		v.noted = list[0].Position
		p.setCookie(v.w, v.r, notesCookie, strconv.FormatUint(v.noted, 10), 365*24*time.Hour, http.SameSiteLaxMode)
	}
	return p.show(v, "notes", "notes", v.words.say("nav.notes"), b)
}

// noteAbout looks up what a note is about. A note names no words of a document: whoever may not see it any more gets none.
func (p *Portal) noteAbout(v *visit, t view.Target) (a noteAbout, err error) {
	destroyed := ""
	switch t.Kind {
	case "incoming":
		var d view.IncomingDocument
		d, err = p.cfg.OfficeViews.IncomingDocument(v.ctx(), p.staffOf(v), t.ID)
		a, destroyed = noteAbout{d.Row.Number, d.Row.Subject}, d.Row.Destroyed
	case "outgoing":
		var d view.OutgoingDocument
		d, err = p.cfg.OfficeViews.OutgoingDocument(v.ctx(), p.staffOf(v), t.ID)
		a, destroyed = noteAbout{d.Row.Number, d.Row.Subject}, d.Row.Destroyed
	case "dossier":
		var d view.Dossier
		d, err = p.cfg.OfficeViews.Dossier(v.ctx(), p.staffOf(v), t.ID)
		a, destroyed = noteAbout{d.Row.Code, d.Row.Title}, d.Row.Destroyed
	}
	if err != nil && !errors.Is(err, view.ErrNotFound) {
		return noteAbout{}, err
	}
	if err != nil || destroyed != "" {
		return noteAbout{}, nil
	}
	return a, nil
}

// note says what happened, without a word of any document.
func (w words) note(n view.Note) string {
	by := n.By.Name
	if by == "" {
		by = w.say("event.node")
	}
	return w.named("note.", n.Kind, "note.other", "by", by, "code", n.Code)
}
