package projections

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/internal/view"
)

// question is one consistent snapshot: rows, directory and dictionary as of one position.
type question struct {
	conn      *sql.Conn
	directory *directoryView // names
	rights    *directoryView // who may read
	dict      *dict
	texts     []string
	position  uint64
	now       time.Time
	few       int    // see fewPlaces
	reach     uint64 // see countReach
}

// errClosed is given once Close was called.
var errClosed = errors.New("couldn't ask: views are closed")

// ask runs f on a snapshot.
func (v *Views) ask(ctx context.Context, f func(*question) error) error {
	for {
		v.mu.RLock()
		db, closed := v.db, v.closed
		v.mu.RUnlock()
		if closed {
			return errClosed
		}
		// The connection is awaited without the lock: slow questions must not hold up a commit.
		conn, err := db.read.Conn(ctx)
		if err != nil {
			if v.replaced(db) {
				continue
			}
			return fmt.Errorf("couldn't ask views: %w", err)
		}
		again, err := v.askOn(ctx, db, conn, f)
		if e := conn.Close(); e != nil && err == nil {
			err = fmt.Errorf("couldn't release views: %w", e)
		}
		if !again {
			return err
		}
	}
}

func (v *Views) replaced(db *database) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return !v.closed && v.db != db
}

func (v *Views) askOn(ctx context.Context, db *database, conn *sql.Conn, f func(*question) error) (again bool, err error) {
	q := &question{conn: conn, now: v.opt.Now(), few: v.few, reach: v.reach}
	if v.opt.rights != nil {
		q.rights = v.opt.rights.directoryNow()
	}
	v.mu.RLock()
	if v.db != db {
		v.mu.RUnlock()
		return true, nil
	}
	q.directory, q.dict = v.directory, v.w.dict
	if q.rights == nil {
		q.rights = q.directory
	}
	if _, err = conn.ExecContext(ctx, "BEGIN"); err == nil {
		// The first read fixes the snapshot.
		err = conn.QueryRowContext(ctx, "SELECT position FROM meta").Scan(&q.position)
	}
	v.mu.RUnlock()
	defer func() {
		if _, e := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil && err == nil {
			err = fmt.Errorf("couldn't end question: %w", e)
		}
	}()
	if err != nil {
		return false, fmt.Errorf("couldn't ask views: %w", err)
	}
	q.texts = q.dict.all()
	return false, f(q)
}

// directoryNow is the directory as of the latest transaction.
func (v *Views) directoryNow() *directoryView {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.directory
}

func (q *question) text(id uint32) string {
	if int(id) >= len(q.texts) {
		return ""
	}
	return q.texts[id]
}

// reader is who asks, with what follows from the directory.
type reader struct {
	view.Reader
	mine map[uint32]bool // organisations in whose name it may read everything of theirs
	only *scope          // what the reader may see of an agency beside; nil: nothing
}

func (q *question) reader(r view.Reader) reader {
	if r.Now.IsZero() {
		r.Now = q.now
	}
	out := reader{Reader: r, mine: make(map[uint32]bool)}
	q.narrow(&out)
	for _, org := range out.Orgs {
		q.own(out.mine, org, r.Now)
	}
	q.eachRight(r, func(right *directory.Reading) {
		switch {
		case right.Document != "":
		case right.Org == "":
			out.Audit = true
		default:
			q.own(out.mine, right.Org, r.Now)
		}
	})
	return out
}

// own adds an organisation and those it has succeeded.
func (q *question) own(set map[uint32]bool, org string, at time.Time) {
	for _, id := range q.rights.identities(org, at) {
		if n, ok := q.dict.find(id); ok && n != 0 {
			set[n] = true
		}
	}
}

// eachRight gives the recorded rights in force of the holder of the one that the reader names. That one itself may have ended: an
// auditor's account names its first.
func (q *question) eachRight(r view.Reader, f func(*directory.Reading)) {
	if r.Right == "" {
		return
	}
	named, ok := q.rights.state.Right(r.Right)
	if !ok {
		return
	}
	q.rights.state.Rights(named.Reader, r.Now, func(right *directory.Reading) bool {
		f(right)
		return true
	})
}

// granted says whether one of the reader's organisations has a recorded right to documents of org; document "" asks for
// a right to all of them.
func (q *question) granted(r *reader, org, documentKey string) bool {
	for _, o := range r.Orgs {
		if q.rights.state.MayRead(directory.Holder{Kind: directory.HolderOrganisation, ID: o}, org, documentKey, r.Now) {
			return true
		}
	}
	return false
}

// mayList says whether the reader may see the registers of an organisation.
func (q *question) mayList(r *reader, org string) bool {
	if r.Audit {
		return true
	}
	n, ok := q.dict.find(org)
	return ok && n != 0 && r.mine[n] || q.granted(r, org, "")
}

// access is what a reader may see of one document.
type access struct {
	any  bool            // the document at all
	full bool            // every recipient's deliveries and statuses: sender, auditor, or a right to the sender's documents
	mine map[uint32]bool // organisations whose deliveries and statuses it may see
}

// access judges one document. Recipients see the document and what concerns themselves, not how others handle it. A
// recipient from whom the document was taken back before it was handed out never had it.
func (q *question) access(ctx context.Context, r *reader, d *docState) (access, error) {
	a := access{mine: r.mine}
	if d.org == 0 {
		return a, nil // only known by what later documents say of it
	}
	if r.Audit || r.mine[d.org] {
		return access{any: true, full: true}, nil
	}
	k := hex.EncodeToString(d.key[:])
	extra := make(map[uint32]bool)
	q.eachRight(r.Reader, func(right *directory.Reading) {
		if right.Document == k {
			q.own(extra, right.Org, r.Now)
		}
	})
	if q.granted(r, q.text(d.org), k) || extra[d.org] {
		return access{any: true, full: true}, nil
	}
	for _, org := range d.readers {
		if q.granted(r, q.text(org), k) {
			extra[org] = true
		}
	}
	if len(extra) > 0 {
		for org := range r.mine {
			extra[org] = true
		}
		a.mine = extra
	}
	for _, org := range d.readers {
		if !a.mine[org] {
			continue
		}
		v, err := q.deliveryTo(ctx, d, org)
		if err != nil {
			return access{}, err
		}
		if v == nil && d.marks&markRecalled == 0 || v != nil && v.state != stateWithdrawn {
			a.any = true
			return a, nil
		}
	}
	if r.only != nil {
		return q.concerned(ctx, r, d)
	}
	return a, nil
}

// deliveryTo is the delivery of the document to the recipient, nil if it was not offered.
func (q *question) deliveryTo(ctx context.Context, d *docState, org uint32) (*deliveryState, error) {
	v := &deliveryState{}
	err := scanDelivery(q.conn.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM delivery INDEXED BY delivery_doc WHERE doc = ? AND org = ? AND kind = 0", d.id, org), v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't load delivery: %w", err)
	}
	return v, nil
}

// document by hex key; view.ErrNotFound if there is none.
func (q *question) document(ctx context.Context, hexKey string) (*docState, error) {
	k, err := parseKey(hexKey)
	if err != nil {
		return nil, view.ErrNotFound
	}
	return q.documentByKey(ctx, k)
}

func (q *question) documentByKey(ctx context.Context, k key) (*docState, error) {
	var found *docState
	err := eachRow(ctx, q.conn, "SELECT "+docColumns+" FROM doc WHERE k = ?", []any{prefix(&k)}, func(rows *sql.Rows) error {
		d := &docState{}
		if err := scanDoc(rows, d); err != nil {
			return err
		}
		if d.key == k {
			found = d
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load document: %w", err)
	}
	if found == nil {
		return nil, view.ErrNotFound
	}
	return found, nil
}

func (q *question) documentByID(ctx context.Context, id uint64) (*docState, error) {
	d := &docState{}
	if err := scanDoc(q.conn.QueryRowContext(ctx, "SELECT "+docColumns+" FROM doc WHERE id = ?", id), d); err != nil {
		return nil, fmt.Errorf("couldn't load document %d: %w", id, err)
	}
	return d, nil
}

// paper is what the event that received a document said.
type paper struct {
	data  document.Received
	facts document.Facts // zero when destroyed
}

func (q *question) paper(ctx context.Context, d *docState) (*paper, error) {
	p := &paper{}
	if d.received == 0 && d.org == 0 {
		return p, nil
	}
	var data, facts []byte
	if err := q.conn.QueryRowContext(ctx, "SELECT data, facts FROM paper WHERE id = ?", d.received).Scan(&data, &facts); err != nil {
		return nil, fmt.Errorf("couldn't load paper %d: %w", d.received, err)
	}
	if err := json.Unmarshal(data, &p.data); err != nil {
		return nil, fmt.Errorf("couldn't read paper %d: %w", d.received, err)
	}
	if facts != nil {
		if err := json.Unmarshal(facts, &p.facts); err != nil {
			return nil, fmt.Errorf("couldn't read facts of paper %d: %w", d.received, err)
		}
	}
	return p, nil
}

// sender as written, with the directory's name of the time where the document has none (or its words are gone).
func (q *question) sender(d *docState, p *paper) view.Party {
	party := view.Party{Org: q.text(d.org), Code: p.data.SenderCode, Name: p.facts.SenderName}
	if party.Name == "" {
		party.Name = q.directory.name(party.Org, fromMicros(d.at))
	}
	return party
}

// recipients in the order written, and after them those added later.
func (q *question) recipients(d *docState, p *paper) []view.Party {
	names := make(map[string]string, len(p.facts.Recipients))
	for i := range p.facts.Recipients {
		names[p.facts.Recipients[i].Code] = p.facts.Recipients[i].Name
	}
	out := make([]view.Party, 0, len(d.readers))
	seen := make(map[uint32]bool, len(d.readers))
	for i := range p.data.Recipients {
		r := &p.data.Recipients[i]
		party := view.Party{Org: r.Org}
		if len(r.Codes) > 0 {
			party.Code = r.Codes[0]
			party.Name = names[r.Codes[0]]
		}
		if party.Name == "" {
			party.Name = q.directory.name(r.Org, fromMicros(d.at))
		}
		if n, ok := q.dict.find(r.Org); ok {
			seen[n] = true
		}
		out = append(out, party)
	}
	for _, n := range d.readers {
		if !seen[n] {
			out = append(out, q.party(n, d.at))
		}
	}
	return out
}

// party is an organisation as only the directory knows it.
func (q *question) party(org uint32, at int64) view.Party {
	return view.Party{Org: q.text(org), Name: q.directory.name(q.text(org), fromMicros(at))}
}
