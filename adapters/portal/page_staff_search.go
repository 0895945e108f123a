package portal

import (
	"github.com/tram-exchange/tram/internal/view"
)

// staffSearchBody is what one box finds in the work of an agency.
type staffSearchBody struct {
	Query    string
	Sections []staffFound
}

type staffFound struct {
	Title string
	More  string // address of the whole list
	Total string
	Lines []workLine
	On    string // address of the rest, if nothing has matched so far
}

// on leads to the rest of a list whose first page is empty though it is not all.
func (s *staffFound) on(next, path string, pairs ...string) {
	if len(s.Lines) == 0 && next != "" {
		s.On = with(path, pairs...)
	}
}

// staffSearch looks for words or a number among incoming documents, drafts and outgoing documents, and dossiers that the person may see.
func (p *Portal) staffSearch(v *visit, text string) error {
	b := staffSearchBody{Query: text}
	if text == "" {
		return p.show(v, "staffsearch", "search", v.words.say("search.title"), b)
	}
	meaning, _ := understand(text)
	s := p.staffOf(v)
	in := view.IncomingQuery{Staff: s, Limit: searchRows}
	out := view.OutgoingQuery{Staff: s, Limit: searchRows}
	more := "words"
	switch meaning {
	case "search.as.number":
		in.Number, out.Number, more = text, text, "number"
	case "search.as.date":
		date, _ := parseDate(text)
		in.From, in.To, out.From, out.To, more = date, date, date, date, ""
	default:
		in.Words, out.Words = text, text
	}
	found, err := p.cfg.OfficeViews.Incoming(v.ctx(), in)
	if err != nil {
		return err
	}
	section := staffFound{Title: v.words.say("nav.incoming"), Total: p.totalOf(v, found.Total), More: with("/incoming", "list", "all", more, text)}
	if more == "" {
		section.More = with("/incoming", "list", "all", "from", text, "to", text)
	}
	for _, r := range found.Rows {
		section.Lines = append(section.Lines, workLine{Key: "incoming/" + r.ID, Path: "/incoming/" + r.ID, Number: r.Number, TypeName: r.TypeName, Subject: r.Subject, Party: partyName(r.From), With: assigneeName(r.InCharge),
			Priority: r.Priority, Due: r.Due, State: r.State, Done: !r.FinishedAt.IsZero(), Since: r.ArrivedAt, Version: r.Version, Destroyed: r.Destroyed})
	}
	if more == "" {
		section.on(found.Next, "/incoming", "list", "all", "from", text, "to", text, "after", found.Next)
	} else {
		section.on(found.Next, "/incoming", "list", "all", more, text, "after", found.Next)
	}
	b.Sections = append(b.Sections, section)
	if p.hasPage("/outgoing/{id}") {
		sent, err := p.cfg.OfficeViews.Outgoing(v.ctx(), out)
		if err != nil {
			return err
		}
		section := staffFound{Title: v.words.say("search.outgoing"), Total: p.totalOf(v, sent.Total)}
		for _, r := range sent.Rows {
			l := workLine{Key: "outgoing/" + r.ID, Path: "/outgoing/" + r.ID, Number: r.Number, TypeName: r.TypeName, Subject: r.Subject, With: assigneeName(r.With), Priority: r.Priority, Due: r.Due,
				State: r.State, Since: r.IssuedAt, Version: r.Version, Destroyed: r.Destroyed}
			if len(r.To) > 0 {
				l.Party = partyName(r.To[0])
			}
			section.Lines = append(section.Lines, l)
		}
		// The lists show drafts and documents apart, and begin anew.
		if more == "" {
			section.on(sent.Next, "/outgoing", "list", "all", "from", text, "to", text)
		} else {
			section.on(sent.Next, "/outgoing", "list", "all", more, text)
		}
		b.Sections = append(b.Sections, section)
	}
	if p.hasPage("/dossiers/{id}") && in.Words != "" {
		dossiers, err := p.cfg.OfficeViews.Dossiers(v.ctx(), view.DossierQuery{Staff: s, Words: text, Limit: searchRows})
		if err != nil {
			return err
		}
		section := staffFound{Title: v.words.say("nav.dossiers"), Total: p.totalOf(v, dossiers.Total), More: with("/dossiers", "words", text)}
		for _, r := range dossiers.Rows {
			section.Lines = append(section.Lines, workLine{Key: "dossier/" + r.ID, Path: "/dossiers/" + r.ID, Number: r.Code, Subject: r.Title, With: r.InCharge.Name, Due: r.Due, State: r.State, Since: r.OpenedAt, Version: r.Version, Destroyed: r.Destroyed})
		}
		section.on(dossiers.Next, "/dossiers", "list", "all", "words", text, "after", dossiers.Next)
		b.Sections = append(b.Sections, section)
	}
	return p.show(v, "staffsearch", "search", v.words.say("search.title"), b)
}

func (p *Portal) totalOf(v *visit, n int) string {
	if n < 0 {
		return ""
	}
	return v.words.number(int64(n))
}
