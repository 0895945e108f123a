package portal

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// findBody is the auditor's search across agencies.
type findBody struct {
	Query     string // one box: a date, a number in part, or words
	Meaning   string
	From, To  string // as typed
	Sender    string
	Recipient string
	TypeName  string
	TypeNames []string
	Suggest   []Organisation
	Problems  []string
	Active    int // filters beside the box
	Notice    string

	Past        pastControl
	Page        view.Page[view.RegisterRow]
	First, Last int
	Total       string // "" when not counted
	Next, Start string
}

const findPage = 30

// find looks through the documents of every agency that the auditor's right covers.
func (p *Portal) find(v *visit) error {
	if v.right == nil || !v.right.Wide() {
		return p.redirect(v, "/") // there the page says what the right is, or that there is none
	}
	b, sq, err := p.readFind(v)
	if err != nil {
		return err
	}
	title := v.words.say("find.title")
	past := p.readPast(v, "/search")
	views, done, err := p.viewsAt(v, &past)
	if err != nil {
		return p.pastTrouble(v, past, "find", title, err)
	}
	defer done()
	b.Past = past
	b.Page, err = views.Search(v.ctx(), sq)
	if errors.Is(err, view.ErrQuery) && sq.Cursor != "" { // a cursor that was made up: begin again and say so
		sq.Cursor, b.Notice = "", v.words.say("register.bad.cursor")
		b.Page, err = views.Search(v.ctx(), sq)
	}
	if err != nil {
		return err
	}
	before := 0
	if sq.Cursor != "" {
		if before, _ = strconv.Atoi(v.r.URL.Query().Get("n")); before < 0 || before > 1<<30 {
			before = 0
		}
		b.Start = b.address()
	}
	b.First, b.Last = before+1, before+len(b.Page.Rows)
	if b.Page.Total >= 0 {
		b.Total = v.words.number(int64(b.Page.Total))
	}
	if b.Page.Next != "" {
		b.Next = b.address("after", b.Page.Next, "n", strconv.Itoa(b.Last))
	}
	return p.show(v, "find", "find", title, b)
}

func (b *findBody) address(more ...string) string {
	return with("/search", append([]string{"q", b.Query, "from", b.From, "to", b.To, "sender", b.Sender, "recipient", b.Recipient, "type", b.TypeName, "at", b.Past.At}, more...)...)
}

// readFind reads the form. What cannot be understood is said on the page and not used.
func (p *Portal) readFind(v *visit) (findBody, view.SearchQuery, error) {
	q := v.r.URL.Query()
	get := func(name string) string {
		s := strings.TrimSpace(strings.ToValidUTF8(q.Get(name), ""))
		if r := []rune(s); len(r) > 300 {
			s = string(r[:300])
		}
		return s
	}
	b := findBody{Query: get("q"), From: get("from"), To: get("to"), Sender: get("sender"), Recipient: get("recipient"), TypeName: get("type"), TypeNames: documentTypes}
	sq := view.SearchQuery{Reader: p.reader(v), TypeName: b.TypeName, Cursor: q.Get("after"), Limit: findPage}
	for _, d := range []struct {
		typed  *string
		picked string
		to     *string
	}{{&b.From, get("from_date"), &sq.From}, {&b.To, get("to_date"), &sq.To}} {
		if *d.typed == "" {
			*d.typed = d.picked
		}
		date, ok := parseDate(*d.typed)
		if !ok {
			b.Problems = append(b.Problems, v.words.say("register.bad.date", "value", *d.typed))
			continue
		}
		*d.to, *d.typed = date, dateWords(date)
	}
	if sq.From != "" && sq.To != "" && sq.From > sq.To {
		b.Problems = append(b.Problems, v.words.say("register.bad.order"))
		sq.From, sq.To = "", ""
	}
	if b.Query != "" {
		var pairs []string
		switch b.Meaning, pairs = understand(b.Query); b.Meaning {
		case "search.as.date":
			sq.From, sq.To = pairs[1], pairs[3]
		case "search.as.number":
			sq.Number = b.Query
		default:
			sq.Words = b.Query
		}
	}
	for _, o := range []struct {
		typed string
		to    *string
	}{{b.Sender, &sq.Sender}, {b.Recipient, &sq.Recipient}} {
		if o.typed == "" {
			continue
		}
		found, trouble, err := p.correspondent(v, o.typed)
		if err != nil {
			return b, sq, err
		}
		if trouble != "" {
			b.Problems = append(b.Problems, trouble)
		}
		*o.to = found.Org
	}
	var err error
	b.Suggest, err = p.cfg.Node.Organisations(v.ctx(), "", 500)
	for _, s := range []string{b.From, b.To, b.Sender, b.Recipient, b.TypeName} {
		if s != "" {
			b.Active++
		}
	}
	if !slices.Contains(documentTypes, b.TypeName) {
		b.TypeNames = append(slices.Clone(documentTypes), b.TypeName)
	}
	return b, sq, err
}
