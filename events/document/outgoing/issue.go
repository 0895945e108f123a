package outgoing

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/numbering"
)

// maxNotation is how long a notation may be: edXML has room for so many characters.
const maxNotation = 30

// seriesOf finds a series that may number documents of a kind, or copies.
func seriesOf(o *directory.Office, id, kind string, copies bool) (directory.Series, error) {
	var found directory.Series
	var ok bool
	switch {
	case id != "":
		found, ok = o.SeriesOf(id)
	case copies:
		found, ok = o.SeriesForCopies()
	default:
		found, ok = o.SeriesFor(kind)
	}
	if !ok || found.Closed || found.Copies != copies || !copies && kind != "" && !meant(found.Types, kind) {
		return found, refuse(ReasonSeries, id, kind)
	}
	return found, nil
}

// DecideIssue has a signed document numbered, sealed and sent. What the door refused is issued again under its number.
func DecideIssue(s State, c Issue) ([]events.New, error) {
	if err := s.mayIssue(c.By); err != nil {
		return nil, err
	}
	if err := c.Recipients.check(); err != nil {
		return nil, err
	}
	if s.Phase == PhaseNumbered {
		d := s.Issue
		if c.Series != "" && c.Series != d.Series || c.Date != "" && c.Date != d.Date {
			return nil, refuse(ReasonNumbered, strconv.Itoa(s.Number)+"/"+d.Notation, d.Date)
		}
		d.Person, d.For, d.Files, d.Judged = c.Standing.Person, c.Standing.For, len(c.Files), c.At
		return []events.New{{Name: NameIssueAsked, Data: d, Facts: issueFacts(c)}}, nil
	}
	date, err := s.issueDate(c)
	if err != nil {
		return nil, err
	}
	series, err := s.seriesFor(c)
	if err != nil {
		return nil, err
	}
	kind := c.Abbreviation
	if s.Opened.Copy != nil {
		kind = s.Opened.Copy.Form
	}
	notation := c.Office.Notation(series, kind, s.Opened.Unit, date.Year())
	if n := len([]rune(notation)); n == 0 || n > maxNotation {
		return nil, refuse(ReasonSeries, series.ID, notation)
	}
	if other, ok := s.namesake(c.Office, series, kind, date.Year(), notation); ok {
		return nil, refuse(ReasonSeries, series.ID, notation, other)
	}
	return []events.New{{Name: NameIssueAsked, Data: IssueAsked{
		Person: c.Standing.Person, For: c.Standing.For, Series: series.ID, Org: s.otherBooks(c.Office), Book: numbering.Series(series.ID),
		Year: date.Year(), Date: date.Format(time.DateOnly), Notation: notation, Files: len(c.Files), Judged: c.At,
	}, Facts: issueFacts(c)}}, nil
}

func (s State) seriesFor(c Issue) (directory.Series, error) {
	return seriesOf(c.Office, cmp.Or(c.Series, s.Latest.Series), s.Latest.Type, s.Opened.Copy != nil)
}

// BookFor is where a signed document would be numbered that is given an earlier date: the act needs the date of the last number there
// (Issue.Last). false: it is not needed.
func BookFor(s State, c Issue) (numbering.Book, bool) {
	if s.Phase != PhaseSigned || c.Date == "" || c.Date >= directory.Day(c.At) || c.Office == nil {
		return numbering.Book{}, false
	}
	date, err := s.issueDate(c)
	if err != nil {
		return numbering.Book{}, false
	}
	series, err := s.seriesFor(c)
	return numbering.Book{Org: c.Office.Org, Name: numbering.Series(series.ID), Year: date.Year()}, err == nil
}

// namesake is the series that numbers documents like this one under the same notation, if that is another. Number and notation are unique in
// an agency and year (NĐ 30/2020 Điều 15): each series begins with 01, so only one of those that give a notation may be used for it.
func (s State) namesake(o *directory.Office, series directory.Series, kind string, year int, notation string) (id string, ok bool) {
	other, ok := o.SeriesFor(s.Latest.Type)
	if s.Opened.Copy != nil {
		other, ok = o.SeriesForCopies()
	}
	return other.ID, ok && other.ID != series.ID && o.Notation(other, kind, s.Opened.Unit, year) == notation
}

// otherBooks names the agency in whose books it is numbered, if that is not the one that began it: who succeeds an agency numbers by its
// own series, and two books for one series would give one number twice.
func (s State) otherBooks(o *directory.Office) string {
	if o.Org == s.Org {
		return ""
	}
	return o.Org
}

func issueFacts(c Issue) any {
	if len(c.Files) == 0 {
		return nil
	}
	return IssueAskedFacts{Files: c.Files}
}

// issueDate is the date of the document: today, or a day since it was signed and since the last number was given. A document is not older
// than its signature, and numbers follow the order of days (NĐ 30/2020 Điều 15).
func (s State) issueDate(c Issue) (time.Time, error) {
	today, signed := directory.Day(c.At), directory.Day(s.Signed.Judged)
	day := c.Date
	if day == "" {
		day = today
	}
	date, err := time.Parse(time.DateOnly, day)
	earliest := max(signed, c.Last)
	if err != nil || day < earliest || day > today {
		return date, refuse(ReasonDate, day, earliest, today)
	}
	return date, nil
}

// DecideCancel ends what was not sent. A number that it has is void from then on; the node says so on the number's stream.
func DecideCancel(s State, c Cancel) ([]events.New, error) {
	if err := s.mayCancel(c.By); err != nil {
		return nil, err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return nil, refuse(ReasonIncomplete, "Reason")
	}
	d := Cancelled{Person: c.Standing.Person, For: c.Standing.For, Judged: c.At}
	if s.Number > 0 {
		d.Org, d.Book, d.Year, d.N = s.Issue.Org, s.Issue.Book, s.Issue.Year, s.Number
	}
	return []events.New{{Name: NameCancelled, Data: d, Facts: ReasonFacts{Reason: c.Reason}}}, nil
}

// DecideRecall asks recipients to give an issued document back.
func DecideRecall(s State, c Recall) ([]events.New, error) {
	if err := s.mayRecall(c.By); err != nil {
		return nil, err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return nil, refuse(ReasonIncomplete, "Reason")
	}
	var from []Recipient
	if len(c.Recipients) == 0 {
		for _, r := range s.Latest.Recipients {
			if !s.recalled(r.Org) {
				from = append(from, r)
			}
		}
	}
	for _, r := range c.Recipients {
		i := slices.IndexFunc(s.Latest.Recipients, func(x Recipient) bool { return x.Org == r.Org })
		switch {
		case i < 0:
			return nil, refuse(ReasonNotRecipient, r.Code)
		case s.recalled(r.Org):
			return nil, refuse(ReasonRecalled, r.Code)
		case !slices.Contains(from, s.Latest.Recipients[i]): // the same under two codes is one
			from = append(from, s.Latest.Recipients[i])
		}
	}
	return []events.New{{Name: NameRecallAsked,
		Data:  RecallAsked{Person: c.Standing.Person, For: c.Standing.For, Recipients: from, Judged: c.At},
		Facts: ReasonFacts{Reason: c.Reason},
	}}, nil
}

// DecideCopy makes a copy and lays it before who signs it. Who signs it himself, signs it with this act. A copy that was sent back is
// made again under the same id.
func DecideCopy(s State, c Copy) ([]events.New, error) {
	if s.Phase != PhaseNone {
		if err := s.exists(c.By); err != nil {
			return nil, err
		}
		if s.Opened.Copy == nil || *s.Opened.Copy != c.of() {
			return nil, refuse(ReasonExists, c.ID)
		}
		if s.Phase != PhaseSentBack {
			return nil, s.notNow()
		}
	}
	if err := mayCopy(c.By); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	signer := c.Signer
	if signer == "" {
		signer = c.Standing.Person
		if c.Standing.For != "" {
			signer = c.Standing.For
		}
	}
	step := Step{Person: signer, Signs: true}
	if st, ok := c.Office.Standing(signer, "", c.At); !ok || !step.fits(st) {
		return nil, refuse(ReasonSigner, signer)
	}
	person, inPlaceOf, version := c.Standing.Person, c.Standing.For, s.Latest.Version+1
	var news []events.New
	if s.Phase == PhaseNone {
		of := c.of()
		news = append(news, events.New{Name: NameOpened, Data: Opened{
			Org: c.Org, ID: c.ID, Person: person, For: inPlaceOf, Unit: unitOf(c.Standing), Copy: &of, Judged: c.At,
		}})
	}
	news = append(news,
		events.New{Name: NameRevised,
			Data: Revised{Version: version, Person: person, For: inPlaceOf, Type: c.Of.Type, Signer: signer, Recipients: c.Recipients.List,
				Files: len(c.Files), Judged: c.At},
			Facts: RevisedFacts{ToPlaces: c.ToPlaces, Competence: c.Competence, Files: c.Files, Extract: c.Extract},
		},
		events.New{Name: NameSubmitted, Data: Submitted{
			Person: person, For: inPlaceOf, Version: version, Steps: []Step{step}, Due: c.due(step, 0), Judged: c.At,
		}})
	if step.fits(c.Standing) {
		news = append(news, events.New{Name: NameSigned, Data: Signed{Person: person, For: inPlaceOf, Step: 1, Version: version, Judged: c.At}})
	}
	return news, nil
}

func (c *Copy) of() CopyOf {
	return CopyOf{Form: c.Form, Own: c.Of.Own, Incoming: c.Of.Incoming, Outgoing: c.Of.Outgoing, Document: c.Of.Document}
}

func (c *Copy) check() error {
	switch {
	case !c.Of.Has:
		return refuse(ReasonOriginal)
	case c.Form == FormOfCopy && c.Of.Own, // of a true copy, which somebody else made
		c.Form == FormExtract && strings.TrimSpace(c.Extract) == "",
		c.Form != FormTrue && c.Form != FormOfCopy && c.Form != FormExtract:
		return refuse(ReasonCopyForm, c.Form)
	case len(c.Recipients.List) == 0 && len(c.ToPlaces) == 0 && len(c.Recipients.Unknown) == 0 && len(c.Recipients.Closed) == 0:
		return refuse(ReasonIncomplete, "Recipient")
	}
	return c.Recipients.check()
}

// FormatNumber writes a number: below ten with a zero before it (NĐ 30/2020 Phụ lục I).
func FormatNumber(n int) string { return fmt.Sprintf("%02d", n) }
