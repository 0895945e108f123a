package projections

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// countLimit is how many rows of a filtered register are counted; with more, Page.Total is -1. Each costs as much as a row of the page,
// and nobody reads on to the thousandth.
const countLimit = 1_000

// countReach is how long a log may be for rows that words find to be counted all the same: what matches seldom would be sought in all of it.
const countReach = 2_000_000

// Register gives one page of an agency's register, newest first: outgoing documents by their acceptance, incoming ones by
// their arrival. The cursor is a place in the log: pages stay stable while new rows come in. Documents taken back before they
// were handed out are not in the recipient's register. view.ErrNotFound if the reader may not see the register,
// view.ErrQuery if a date, state, direction or cursor cannot be read.
func (v *Views) Register(ctx context.Context, rq view.RegisterQuery) (page view.Page[view.RegisterRow], err error) {
	err = v.ask(ctx, func(q *question) error {
		page, err = q.register(ctx, rq)
		return err
	})
	if err != nil {
		return view.Page[view.RegisterRow]{}, err
	}
	return page, nil
}

// listing is a register query as SQL.
type listing struct {
	from  string
	where []string
	args  []any
	order string // column of order and cursor
	match matchParts
	own   [][]byte // tokens of the rows of words that are this register's
	count string   // counter that knows the total, "" if there is a filter
	many  bool     // too many to be counted
}

func (l *listing) and(cond string, args ...any) {
	l.where = append(l.where, cond)
	l.args = append(l.args, args...)
}

func (q *question) register(ctx context.Context, rq view.RegisterQuery) (view.Page[view.RegisterRow], error) {
	page := view.Page[view.RegisterRow]{AsOf: q.position}
	r := q.reader(rq.Reader)
	narrowed := false
	if !q.mayList(&r, rq.Org) {
		if narrowed = r.narrowed(q.number(rq.Org)); !narrowed {
			return page, view.ErrNotFound
		}
	}
	before, err := parseCursor(rq.Cursor, math.MaxInt64)
	if err != nil {
		return page, err
	}
	limit := clamp(rq.Limit, 50)
	l, err := q.listing(&rq)
	if err != nil || l == nil {
		return page, err
	}
	if err := q.matching(ctx, l); err != nil {
		return page, err
	}
	columns := "d.id, d.key, d.org, d.state, d.business, d.date, d.number, d.type, d.body"
	incoming := rq.Direction == view.Incoming
	if incoming {
		columns += ", v.id, v.key, v.doc, v.org, v.sender, v.kind, v.state, v.marks, v.peer, v.body"
	}
	text := fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s AND %s < ? ORDER BY %s DESC LIMIT ?",
		l.order, columns, l.from, strings.Join(l.where, " AND "), l.order, l.order)
	type found struct {
		place uint64
		d     docState
		v     *deliveryState
	}
	var rows []found
	read := limit
	if narrowed {
		read = narrowRead
	}
	err = eachRow(ctx, q.conn, text, append(l.args, before, read+1), func(r *sql.Rows) error {
		f := found{}
		var dk, db, vk, vb []byte
		dest := []any{&f.place, &f.d.id, &dk, &f.d.org, &f.d.state, &f.d.business, &f.d.date, &f.d.number, &f.d.typ, &db}
		if incoming {
			f.v = &deliveryState{}
			dest = append(dest, &f.v.id, &vk, &f.v.doc, &f.v.org, &f.v.sender, &f.v.kind, &f.v.state, &f.v.marks, &f.v.peer, &vb)
		}
		if err := r.Scan(dest...); err != nil {
			return err
		}
		copy(f.d.key[:], dk)
		if err := f.d.readBody(db); err != nil {
			return err
		}
		if incoming {
			copy(f.v.key[:], vk)
			if err := f.v.readBody(vb); err != nil {
				return err
			}
		}
		rows = append(rows, f)
		return nil
	})
	if err != nil {
		return page, fmt.Errorf("couldn't read register: %w", err)
	}
	if len(rows) > read {
		rows = rows[:read]
		page.Next = strconv.FormatUint(rows[read-1].place, 10)
	}
	if narrowed {
		kept := rows[:0]
		for i := range rows {
			if len(kept) == limit {
				page.Next = strconv.FormatUint(kept[limit-1].place, 10)
				break
			}
			a, err := q.access(ctx, &r, &rows[i].d)
			if err != nil {
				return page, err
			}
			if a.any {
				kept = append(kept, rows[i])
			}
		}
		rows = kept
	}
	page.Total = len(rows) // all there is, if this is the first page and the last
	if narrowed && (page.Next != "" || rq.Cursor != "") {
		page.Total = -1
	} else if page.Next != "" || rq.Cursor != "" {
		if page.Total, err = q.total(ctx, l); err != nil {
			return page, err
		}
	}
	page.Rows = make([]view.RegisterRow, 0, len(rows))
	for i := range rows {
		p, err := q.paper(ctx, &rows[i].d)
		if err != nil {
			return page, err
		}
		row, err := q.row(ctx, &r, &rows[i].d, rows[i].v, p)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

func clamp(limit, standard int) int {
	if limit <= 0 {
		return standard
	}
	return min(limit, 500)
}

func parseCursor(s string, none uint64) (uint64, error) {
	if s == "" {
		return none, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("couldn't read cursor %q: %w", s, view.ErrQuery)
	}
	return n, nil
}

// listing turns a query into SQL; nil if nothing can match.
func (q *question) listing(rq *view.RegisterQuery) (*listing, error) {
	l := &listing{}
	org, ok := q.dict.find(rq.Org)
	if !ok {
		return nil, nil
	}
	correspondent := uint32(0)
	if rq.Correspondent != "" {
		if correspondent, ok = q.dict.find(rq.Correspondent); !ok {
			return nil, nil
		}
	}
	for _, d := range []string{rq.From, rq.To} {
		if _, err := time.Parse(time.DateOnly, d); d != "" && err != nil {
			return nil, fmt.Errorf("couldn't read date %q: %w", d, view.ErrQuery)
		}
	}
	number, typ := foldNumber(rq.Number), Fold(rq.TypeName)
	l.match.addWords(rq.Words)
	l.match.addNumber(number)
	if typ != "" {
		l.match.add(appendType(nil, typ))
	}
	l.match.addDates(rq.From, rq.To)
	if rq.Correspondent != "" {
		if rq.Direction == view.Outgoing {
			l.match.add(appendOrg(nil, signRecipient, rq.Correspondent))
		} else {
			l.match.addAny([][]byte{appendOrg(nil, signSender, rq.Correspondent), appendOrg(nil, signLate, rq.Correspondent)})
		}
	}
	searched := len(l.match) > 0

	switch rq.Direction {
	case view.Outgoing:
		l.from, l.order = "doc d", "d.id"
		if searched {
			l.from, l.order = "words LEFT JOIN late l ON l.id = words.rowid CROSS JOIN doc d ON d.id = coalesce(l.doc, words.rowid)", "words.rowid"
			own := [][]byte{appendOrg(nil, signSender, rq.Org)}
			if rq.Correspondent != "" { // a later recipient stands in a row of its own
				own = append(own, appendOrg(nil, signLate, rq.Org))
			}
			l.own = own
		}
		l.and("d.org = ?", org)
		l.count = countOutgoing + rq.Org
	case view.Incoming:
		l.from, l.order = "delivery v INDEXED BY delivery_org CROSS JOIN doc d ON d.id = v.doc", "v.id"
		if searched {
			l.from = "words LEFT JOIN late l ON l.id = words.rowid CROSS JOIN doc d ON d.id = coalesce(l.doc, words.rowid) CROSS JOIN delivery v INDEXED BY delivery_doc ON v.doc = d.id"
			l.order = "words.rowid"
			l.own = [][]byte{appendOrg(nil, signRecipient, rq.Org)}
			if correspondent != 0 {
				l.and("d.org = ?", correspondent)
			}
		}
		l.and("v.org = ? AND v.kind = 0 AND v.state <> 8", org)
		l.count = countIncoming + rq.Org
	default:
		return nil, fmt.Errorf("couldn't read direction %q: %w", rq.Direction, view.ErrQuery)
	}
	if searched {
		l.count = ""
		l.many = (rq.Words != "" || number != "") && rq.From == "" && rq.To == "" && q.position > q.reach
	}
	if number != "" {
		l.and("instr(d.number, ?) > 0", number)
	}
	if typ != "" {
		l.and("d.type = ?", typ)
	}
	if rq.From != "" {
		l.and("d.date >= ?", rq.From)
		l.count = ""
	}
	if rq.To != "" {
		l.and("d.date <> '' AND d.date <= ?", rq.To)
		l.count = ""
	}
	if rq.State != "" {
		l.count = ""
		if err := l.state(rq.Direction, rq.State); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// matching settles how the rows that words find are read: those that match, if they are few, else those of them that are this register's.
func (q *question) matching(ctx context.Context, l *listing) error {
	if len(l.match) == 0 {
		return nil
	}
	places, few, err := q.fewMatches(ctx, l.match, l.own)
	if err != nil {
		return err
	}
	if !few {
		match := slices.Clone(l.match)
		match.addAny(l.own)
		l.and("words MATCH ?", match.String())
		return nil
	}
	list, err := json.Marshal(append([]uint64{}, places...)) // [] if there are none
	if err != nil {
		return err
	}
	l.from = strings.NewReplacer("words LEFT", "json_each(?) c LEFT", "words.rowid", "c.value").Replace(l.from)
	l.args = append([]any{string(list)}, l.args...)
	l.order, l.many = "c.value", false
	return nil
}

// state adds the filter by state. A recalled document is only that, on both sides.
func (l *listing) state(dir view.Direction, name string) error {
	column, index := "d.state", "doc d INDEXED BY doc_state"
	if dir == view.Incoming {
		column, index = "v.state", "delivery v INDEXED BY delivery_state"
		if name == view.StateRecalled {
			l.from = strings.Replace(l.from, "delivery v INDEXED BY delivery_org", "delivery v INDEXED BY delivery_recalled", 1)
			l.and("v.marks & 1 = 1")
			return nil
		}
		l.and("v.marks & 1 = 0")
	}
	var list []string
	for s, n := range stateNames {
		if n == name && n != "" && !(dir == view.Outgoing && s == int(stateRetrying)) { // a document that is tried again is queued
			list = append(list, strconv.Itoa(s))
		}
	}
	switch len(list) {
	case 0:
		return fmt.Errorf("couldn't read state %q: %w", name, view.ErrQuery)
	case 1:
		l.and(column + " = " + list[0])
	default:
		l.and(column + " IN (" + strings.Join(list, ",") + ")")
	}
	if name != view.StateAcknowledged { // most are: those are found soon without
		l.and(column + " <> 6")
		l.from = strings.Replace(l.from, "delivery v INDEXED BY delivery_org", index, 1)
		if l.from == "doc d" {
			l.from = index
		}
	}
	return nil
}

// total counts the rows of a listing, -1 if there are more than countLimit and no counter knows, or if it would take too long to know.
func (q *question) total(ctx context.Context, l *listing) (int, error) {
	if l.many {
		return -1, nil
	}
	var n int
	if l.count != "" {
		err := eachRow(ctx, q.conn, "SELECT n FROM counter WHERE name = ?", []any{l.count}, func(r *sql.Rows) error { return r.Scan(&n) })
		if err != nil {
			return 0, fmt.Errorf("couldn't read counter: %w", err)
		}
		return n, nil
	}
	text := "SELECT count(*) FROM (SELECT 1 FROM " + l.from + " WHERE " + strings.Join(l.where, " AND ") + " LIMIT ?)"
	if err := q.conn.QueryRowContext(ctx, text, append(l.args[:len(l.args):len(l.args)], countLimit+1)...).Scan(&n); err != nil {
		return 0, fmt.Errorf("couldn't count register: %w", err)
	}
	if n > countLimit {
		n = -1
	}
	return n, nil
}

// row is one line of a register: of the incoming one if there is a delivery.
func (q *question) row(ctx context.Context, r *reader, d *docState, v *deliveryState, p *paper) (view.RegisterRow, error) {
	f := &p.facts
	row := view.RegisterRow{
		Document:    hex.EncodeToString(d.key[:]),
		Number:      codeOf(f),
		Date:        f.PromulgationDate,
		TypeName:    f.TypeName,
		Subject:     f.Subject,
		From:        q.sender(d, p),
		To:          q.recipients(d, p),
		Copies:      f.PromulgationAmount,
		Priority:    int(d.priority),
		Business:    int(d.business),
		Assurance:   q.text(d.assurance),
		Attachments: len(f.Attachments),
	}
	if f.Signer != nil {
		row.Signer = f.Signer.Name
	}
	row.Destroyed = q.destroyedBy(d)
	var err error
	if row.Note, err = q.note(ctx, r, d, v); err != nil {
		return row, err
	}
	if v == nil {
		row.SentAt = fromMicros(d.at)
		row.State = stateNames[d.state]
		row.LastStatus = q.text(d.lastStatus)
		row.Signed = signedBy(d)
		return row, nil
	}
	row.ArrivedAt = fromMicros(v.offered)
	row.State = stateNames[v.state]
	if v.marks&markRecalled != 0 {
		row.State = view.StateRecalled
	}
	row.LastStatus = q.text(v.status)
	row.Signed = q.text(v.acked)
	row.Priority = int(v.priority)
	return row, nil
}

// signedBy is ký nhận of an outgoing document: how many of its recipients have it, "2/3"; "" before anyone has.
func signedBy(d *docState) string {
	has := d.counts[stateAcknowledged] + d.counts[stateForwarded]
	if has == 0 {
		return ""
	}
	all := uint32(0)
	for _, n := range d.counts {
		all += n
	}
	return fmt.Sprintf("%d/%d", has, all)
}

// note is ghi chú: what later documents did to this one.
func (q *question) note(ctx context.Context, r *reader, d *docState, v *deliveryState) (string, error) {
	switch {
	case d.destroyed && d.decision != 0:
		return "đã hủy theo quyết định " + q.text(d.decision), nil
	case d.decision != 0:
		return "có quyết định hủy " + q.text(d.decision), nil
	}
	marks := d.marks
	if v != nil {
		marks = v.marks | d.marks&markRecalled
	}
	switch {
	case marks&markRecalled != 0:
		return "đã thu hồi", nil
	case marks&markReplaced != 0:
		by, err := q.relatedNumber(ctx, r, d.replacedBy)
		if err != nil || by == "" {
			return "đã được thay thế", err
		}
		return "thay thế bởi " + by, nil
	case marks&markUpdated != 0:
		return "đã được cập nhật", nil
	}
	return "", nil
}

// relatedNumber is number and notation of another document, "" if the reader may not see that one.
func (q *question) relatedNumber(ctx context.Context, r *reader, k key) (string, error) {
	if k == (key{}) {
		return "", nil
	}
	d, err := q.documentByKey(ctx, k)
	if err == view.ErrNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	a, err := q.access(ctx, r, d)
	if err != nil || !a.any {
		return "", err
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return "", err
	}
	return codeOf(&p.facts), nil
}
