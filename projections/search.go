package projections

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Search finds documents across agencies: of all that the reader may read as an auditor, by a recorded right or as an organisation
// of its own, newest acceptance first. The cursor is a place in the log. Page.Total is -1 unless the first page is all there is.
// A document stands in it once, but for one that came to two organisations of the same reader at different times, which
// may stand on two pages. view.ErrNotFound if the reader may list nothing at all, view.ErrQuery if a date or cursor cannot be read.
func (v *Views) Search(ctx context.Context, sq view.SearchQuery) (page view.Page[view.RegisterRow], err error) {
	err = v.ask(ctx, func(q *question) error {
		page, err = q.search(ctx, sq)
		return err
	})
	if err != nil {
		return view.Page[view.RegisterRow]{}, err
	}
	return page, nil
}

// errEnough ends a scan whose page is full.
var errEnough = errors.New("page is full")

func (q *question) search(ctx context.Context, sq view.SearchQuery) (view.Page[view.RegisterRow], error) {
	page := view.Page[view.RegisterRow]{AsOf: q.position}
	r := q.reader(sq.Reader)
	if !r.Audit && len(r.mine) == 0 && r.only == nil {
		return page, view.ErrNotFound
	}
	before, err := parseCursor(sq.Cursor, math.MaxInt64)
	if err != nil {
		return page, err
	}
	limit := clamp(sq.Limit, 50)
	spare := searchSpare
	if r.only != nil {
		spare = narrowRead
	}
	l, err := q.searching(&sq, &r)
	if err != nil {
		return page, err
	}
	type hit struct {
		place uint64
		d     *docState
		sees  access
	}
	var hits []hit
	seen := map[uint64]bool{}
	text := fmt.Sprintf("SELECT %s, d.id, d.key, d.org, d.state, d.business, d.date, d.number, d.type, d.body FROM %s WHERE %s AND %s < ? ORDER BY %s DESC",
		l.order, l.from, strings.Join(l.where, " AND "), l.order, l.order)
	err = eachRow(ctx, q.conn, text, append(l.args, before), func(rows *sql.Rows) error {
		h := hit{d: &docState{}}
		var k, body []byte
		if err := rows.Scan(&h.place, &h.d.id, &k, &h.d.org, &h.d.state, &h.d.business, &h.d.date, &h.d.number, &h.d.typ, &body); err != nil {
			return err
		}
		copy(h.d.key[:], k)
		if err := h.d.readBody(body); err != nil {
			return err
		}
		// The row of a later recipient is for those who ask for that one. Everybody else finds the document itself.
		later := h.place != h.d.received && h.place != h.d.id
		if h.d.org == 0 || seen[h.d.id] || later && r.Audit && sq.Recipient == "" {
			return nil
		}
		seen[h.d.id] = true
		hits = append(hits, h)
		if len(hits) > limit+spare {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return page, fmt.Errorf("couldn't search: %w", err)
	}
	more := errors.Is(err, errEnough)
	last := before
	for _, h := range hits { // rights are judged on the rows once more: tokens only find
		if len(page.Rows) == limit {
			more = true
			break
		}
		last = h.place
		if h.sees, err = q.access(ctx, &r, h.d); err != nil {
			return page, err
		}
		if !h.sees.any {
			continue
		}
		row, err := q.found(ctx, &r, h.d, h.sees)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, row)
	}
	if page.Total = len(page.Rows); more || sq.Cursor != "" {
		page.Total = -1
	}
	if more {
		page.Next = strconv.FormatUint(last, 10)
	}
	return page, nil
}

// searchSpare is how many more rows than a page holds are read at once, for those that turn out not to be the reader's.
const searchSpare = 50

// found is the line of one document: as its sender sees it, or as the organisation whose copy the reader may see.
func (q *question) found(ctx context.Context, r *reader, d *docState, sees access) (view.RegisterRow, error) {
	p, err := q.paper(ctx, d)
	if err != nil {
		return view.RegisterRow{}, err
	}
	var own *deliveryState
	if !sees.full {
		for _, org := range d.readers {
			if !sees.mine[org] {
				continue
			}
			if own, err = q.deliveryTo(ctx, d, org); err != nil {
				return view.RegisterRow{}, err
			}
			if own != nil {
				break
			}
		}
	}
	row, err := q.row(ctx, r, d, own, p)
	if err == nil && !sees.full {
		row.SentAt = fromMicros(d.at)
		if own == nil { // not offered yet, and how others handle it is not the reader's to see
			row.State, row.LastStatus, row.Signed = view.StateWaiting, "", ""
		}
	}
	return row, err
}

// searching turns a search into SQL.
func (q *question) searching(sq *view.SearchQuery, r *reader) (*listing, error) {
	l := &listing{}
	for _, d := range []string{sq.From, sq.To} {
		if _, err := time.Parse(time.DateOnly, d); d != "" && err != nil {
			return nil, fmt.Errorf("couldn't read date %q: %w", d, view.ErrQuery)
		}
	}
	number, typ := foldNumber(sq.Number), Fold(sq.TypeName)
	l.match.addWords(sq.Words)
	l.match.addNumber(number)
	if typ != "" {
		l.match.add(appendType(nil, typ))
	}
	l.match.addDates(sq.From, sq.To)
	if sq.Sender != "" {
		sender := [][]byte{appendOrg(nil, signSender, sq.Sender)}
		if sq.Recipient != "" || !r.Audit {
			sender = append(sender, appendOrg(nil, signLate, sq.Sender))
		}
		l.match.addAny(sender)
	}
	if sq.Recipient != "" {
		l.match.add(appendOrg(nil, signRecipient, sq.Recipient))
	}
	if !r.Audit {
		var whose [][]byte
		for n := range r.mine {
			whose = append(whose, appendOrg(nil, signSender, q.text(n)), appendOrg(nil, signRecipient, q.text(n)))
		}
		if r.only != nil {
			for _, n := range r.only.orgs {
				whose = append(whose, appendOrg(nil, signSender, q.text(n)), appendOrg(nil, signRecipient, q.text(n)))
			}
		}
		slices.SortFunc(whose, slices.Compare)
		l.match.addAny(whose)
	}
	if l.from, l.order = "doc d", "d.id"; len(l.match) > 0 {
		l.from, l.order = "words LEFT JOIN late l ON l.id = words.rowid CROSS JOIN doc d ON d.id = coalesce(l.doc, words.rowid)", "words.rowid"
		l.and("words MATCH ?", l.match.String())
	} else {
		l.and("d.org <> 0")
	}
	if number != "" {
		l.and("instr(d.number, ?) > 0", number)
	}
	if typ != "" {
		l.and("d.type = ?", typ)
	}
	if sq.From != "" {
		l.and("d.date >= ?", sq.From)
	}
	if sq.To != "" {
		l.and("d.date <> '' AND d.date <= ?", sq.To)
	}
	return l, nil
}

const (
	// fewSQL leaves out rows of words that are not the agency's own: where a document has several, the one that names the agency counts.
	fewSQL = `SELECT c.value FROM json_each(?) c LEFT JOIN late l ON l.id = c.value
		WHERE NOT EXISTS (SELECT 1 FROM late o WHERE o.doc = coalesce(l.doc, c.value)) OR EXISTS (SELECT 1 FROM words WHERE rowid = c.value AND words MATCH ?)
		ORDER BY c.value DESC`
	// fewPlaces is up to how many rows are looked up one by one.
	fewPlaces = 200
)

// fewMatches are the rows of words that match, newest first; not few if there are more than are worth a look at each. The token of an agency
// stands in every row of a node that serves one: what else matches is sought without it, and each row asked whose it is.
func (q *question) fewMatches(ctx context.Context, match matchParts, own [][]byte) (places []uint64, few bool, err error) {
	places, err = q.places(ctx, wordsSQL, match.String(), int64(math.MaxInt64), q.few+1)
	switch {
	case err != nil || len(places) > q.few:
		return nil, false, err
	case len(places) == 0:
		return nil, true, nil
	}
	list, err := json.Marshal(places)
	if err != nil {
		return nil, false, err
	}
	var mine matchParts
	mine.addAny(own)
	places, err = q.places(ctx, fewSQL, string(list), mine.String())
	return places, true, err
}
