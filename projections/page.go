package projections

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/internal/view"
)

// Document gives everything the page of one document shows (key: hex part of its stream). The sender, an auditor and who has
// a right to the sender's documents see all of it; a recipient sees the document, whom else it was sent to, and the history and
// statuses that concern itself. Everybody else gets view.ErrNotFound.
func (v *Views) Document(ctx context.Context, r view.Reader, key string) (doc view.Document, err error) {
	err = v.ask(ctx, func(q *question) error {
		doc, err = q.page(ctx, r, key)
		return err
	})
	if err != nil {
		return view.Document{}, err
	}
	return doc, nil
}

func (q *question) page(ctx context.Context, vr view.Reader, hexKey string) (view.Document, error) {
	var doc view.Document
	d, err := q.document(ctx, hexKey)
	if err != nil {
		return doc, err
	}
	r := q.reader(vr)
	a, err := q.access(ctx, &r, d)
	if err != nil {
		return doc, err
	}
	if !a.any {
		return doc, view.ErrNotFound
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return doc, err
	}
	deliveries, err := q.deliveries(ctx, d)
	if err != nil {
		return doc, err
	}
	var own *deliveryState // shown from the recipient's side
	if !a.full {
		for _, v := range deliveries {
			if a.mine[v.org] && v.state != stateWithdrawn {
				own = v
				break
			}
		}
	}
	if doc.Row, err = q.row(ctx, &r, d, own, p); err != nil {
		return doc, err
	}
	if !a.full && own == nil { // named as a recipient, not offered yet: nothing of the sender's side
		doc.Row.State, doc.Row.LastStatus, doc.Row.Signed, doc.Row.SentAt = "", "", "", fromMicros(0)
	}
	f := &p.facts
	doc.Stream = document.StreamPrefix + hexKey
	doc.DocumentID = f.DocumentID
	doc.DueDate, doc.Place, doc.Content = f.DueDate, f.Place, f.Content
	doc.SteeringType, doc.ToPlaces = f.SteeringType, f.ToPlaces
	doc.Package = view.PackageInfo{
		SHA256: hex.EncodeToString(d.pkg[:]), Size: d.size, Position: d.received, At: fromMicros(d.at), Assurance: q.text(d.assurance),
	}
	if d.evidence != (key{}) {
		doc.Package.Evidence = hex.EncodeToString(d.evidence[:])
	}
	for i, at := range f.Attachments {
		doc.Attachments = append(doc.Attachments, view.Attachment{
			Index: i, Name: at.Name, ContentType: at.ContentType, Description: at.Description, Size: at.Size,
		})
	}
	if doc.Statuses, err = q.statuses(ctx, d, a); err != nil {
		return doc, err
	}
	doc.Recipients = q.recipientStates(d, p, deliveries, a)
	entries, err := q.history(ctx, d)
	if err != nil {
		return doc, err
	}
	doc.History = q.visible(entries, a)
	doc.Related, err = q.related(ctx, &r, p, entries, a)
	return doc, err
}

// deliveries of the document itself, in order of their offers.
func (q *question) deliveries(ctx context.Context, d *docState) ([]*deliveryState, error) {
	var out []*deliveryState
	err := eachRow(ctx, q.conn, "SELECT "+deliveryColumns+" FROM delivery INDEXED BY delivery_doc WHERE doc = ? AND kind = 0 ORDER BY id", []any{d.id}, func(rows *sql.Rows) error {
		v := &deliveryState{}
		out = append(out, v)
		return scanDelivery(rows, v)
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load deliveries: %w", err)
	}
	return out, nil
}

func (q *question) recipientStates(d *docState, p *paper, deliveries []*deliveryState, a access) []view.RecipientState {
	byOrg := make(map[string]*deliveryState, len(deliveries))
	for _, v := range deliveries {
		byOrg[q.text(v.org)] = v
	}
	parties := q.recipients(d, p)
	out := make([]view.RecipientState, 0, len(parties))
	for _, party := range parties {
		s := view.RecipientState{Party: party}
		v := byOrg[party.Org]
		if v != nil && (a.full || a.mine[v.org]) {
			s.Delivery = hex.EncodeToString(v.key[:])
			s.State = stateNames[v.state]
			if v.marks&markRecalled != 0 {
				s.State = view.StateRecalled
			}
			s.Since = fromMicros(v.since)
			s.Peer = q.text(v.peer)
			s.LastStatus, s.StatusAt = q.text(v.status), fromMicros(v.statusAt)
			s.Reason = q.text(v.reason)
		}
		out = append(out, s)
	}
	return out
}

func (q *question) statuses(ctx context.Context, d *docState, a access) ([]view.StatusRow, error) {
	var out []view.StatusRow
	err := eachRow(ctx, q.conn, "SELECT id, body, data, facts FROM status WHERE doc = ? ORDER BY id", []any{d.id}, func(rows *sql.Rows) error {
		var s statusRow
		if err := rows.Scan(&s.id, &s.body, &s.data, &s.facts); err != nil {
			return err
		}
		row, data, err := q.status(&s)
		if err != nil {
			return err
		}
		if a.full || q.statusConcerns(data, a.mine) {
			out = append(out, row)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load statuses: %w", err)
	}
	return out, nil
}

func (q *question) status(s *statusRow) (view.StatusRow, *document.StatusReported, error) {
	var data document.StatusReported
	if err := json.Unmarshal(s.data, &data); err != nil {
		return view.StatusRow{}, nil, fmt.Errorf("couldn't read status %d: %w", s.id, err)
	}
	var f document.StatusFacts
	if s.facts != nil {
		if err := json.Unmarshal(s.facts, &f); err != nil {
			return view.StatusRow{}, nil, fmt.Errorf("couldn't read facts of status %d: %w", s.id, err)
		}
	}
	r := rowReader{b: s.body}
	at := r.time()
	row := view.StatusRow{
		Code: data.Code, From: view.Party{Org: data.Reporter, Code: data.ReporterCode, Name: f.ReporterName},
		At: fromMicros(at), Timestamp: data.Timestamp, Staff: f.Staff, Description: f.Description, Position: s.id,
	}
	if row.From.Name == "" {
		row.From.Name = q.directory.name(data.Reporter, row.At)
	}
	if r.more() {
		pkg := r.digest()
		row.Package = hex.EncodeToString(pkg[:])
	}
	return row, &data, r.err
}

// statusConcerns says whether a status was reported by, is about, or goes to one of the organisations.
func (q *question) statusConcerns(data *document.StatusReported, mine map[uint32]bool) bool {
	for _, org := range append([]string{data.Reporter, data.About}, data.To...) {
		if n, ok := q.dict.find(org); ok && n != 0 && mine[n] {
			return true
		}
	}
	return false
}

// history of the document and its deliveries, in order of position.
func (q *question) history(ctx context.Context, d *docState) ([]entry, error) {
	var out []entry
	err := eachRow(ctx, q.conn, "SELECT entries FROM history WHERE doc = ? ORDER BY id", []any{d.id}, func(rows *sql.Rows) error {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return err
		}
		r := rowReader{b: b}
		for r.more() {
			var e entry
			e.read(&r)
			out = append(out, e)
		}
		return r.err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load history: %w", err)
	}
	return out, nil
}

func (q *question) sees(e *entry, a access) bool {
	return a.full || e.open || a.mine[e.org] || a.mine[e.other]
}

func (q *question) visible(entries []entry, a access) []view.HistoryEntry {
	out := make([]view.HistoryEntry, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		if !q.sees(e, a) {
			continue
		}
		h := view.HistoryEntry{
			Position: e.position, At: fromMicros(e.at), Name: q.text(e.name), Actor: q.text(e.actor), Client: q.text(e.client),
			Org: q.text(e.org), Code: q.text(e.code),
		}
		if e.pkg != nil {
			h.Package = hex.EncodeToString(e.pkg[:])
		}
		if len(e.detail) > 0 {
			h.Detail = make(map[string]string, len(e.detail))
			for _, d := range e.detail {
				h.Detail[q.text(d.name)] = d.value
			}
		}
		out = append(out, h)
	}
	return out
}

// related lists what the document does to others and what others did to it. Another document's key and number are given
// only to those who may see that one; what this document itself says of another is given as written.
func (q *question) related(ctx context.Context, r *reader, p *paper, entries []entry, a access) ([]view.Relation, error) {
	var out []view.Relation
	kinds := map[document.EffectKind]string{document.EffectRecall: "recalls", document.EffectUpdate: "updates", document.EffectReplace: "replaces"}
	for _, e := range p.data.Effects {
		rel := view.Relation{Kind: kinds[e.Kind], Org: p.data.Sender}
		if err := q.relate(ctx, r, &rel, e.Document); err != nil {
			return nil, err
		}
		out = append(out, rel)
	}
	for _, f := range p.facts.RepliesTo {
		rel := view.Relation{Kind: "replies-to", Org: f.Org}
		if err := q.relate(ctx, r, &rel, f.Document); err != nil {
			return nil, err
		}
		rel.Number = f.Code
		out = append(out, rel)
	}
	passive := map[string]string{document.NameRecalled: "recalled-by", document.NameUpdated: "updated-by", document.NameReplaced: "replaced-by"}
	for i := range entries {
		e := &entries[i]
		kind := passive[q.text(e.name)]
		if kind == "" || !q.sees(e, a) {
			continue
		}
		for _, d := range e.detail {
			if q.text(d.name) != "by" || strings.HasPrefix(d.value, "status:") {
				continue
			}
			rel := view.Relation{Kind: kind, Org: q.text(e.actor)}
			if err := q.relate(ctx, r, &rel, d.value); err != nil {
				return nil, err
			}
			out = append(out, rel)
		}
	}
	return out, nil
}

// relate fills in another document if the reader may see it.
func (q *question) relate(ctx context.Context, r *reader, rel *view.Relation, hexKey string) error {
	if hexKey == "" {
		return nil
	}
	d, err := q.document(ctx, hexKey)
	if errors.Is(err, view.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := q.access(ctx, r, d)
	if err != nil || !a.any {
		return err
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return err
	}
	rel.Document, rel.Number, rel.Org = hexKey, codeOf(&p.facts), q.text(d.org)
	return nil
}

// MayRead says whether the reader may see a package (hex SHA-256), and the document it belongs to. The package of a
// document is for its sender and recipients; that of a status message for who reported it and whom it goes to; both for those with
// a recorded right in force at r.Now, and for auditors. Everybody else gets view.ErrNotFound.
func (v *Views) MayRead(ctx context.Context, r view.Reader, packageSHA256 string) (documentKey string, err error) {
	err = v.ask(ctx, func(q *question) error {
		documentKey, err = q.mayRead(ctx, r, packageSHA256)
		return err
	})
	return documentKey, err
}

func (q *question) mayRead(ctx context.Context, vr view.Reader, packageSHA256 string) (string, error) {
	k, err := parseKey(packageSHA256)
	if err != nil {
		return "", view.ErrNotFound
	}
	var rows []packageRow
	err = eachRow(ctx, q.conn, "SELECT id, sha256, doc, kind FROM package WHERE k = ? ORDER BY id", []any{prefix(&k)}, func(r *sql.Rows) error {
		var p packageRow
		var full []byte
		if err := r.Scan(&p.id, &full, &p.doc, &p.kind); err != nil {
			return err
		}
		if string(full) == string(k[:]) {
			rows = append(rows, p)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("couldn't look up package: %w", err)
	}
	r := q.reader(vr)
	for _, p := range rows {
		if p.kind == kindAct {
			stream, err := q.mayReadAct(ctx, &r, p)
			if stream != "" || err != nil {
				return stream, err
			}
			continue
		}
		d, err := q.documentByID(ctx, p.doc)
		if err != nil {
			return "", err
		}
		a, err := q.access(ctx, &r, d)
		if err != nil {
			return "", err
		}
		ok := a.any
		if p.kind == kindStatus && !a.full {
			var s statusRow
			if err := q.conn.QueryRowContext(ctx, "SELECT id, body, data, facts FROM status WHERE doc = ? AND id = ?", p.doc, p.id).Scan(&s.id, &s.body, &s.data, &s.facts); err != nil {
				return "", fmt.Errorf("couldn't load status %d: %w", p.id, err)
			}
			_, data, err := q.status(&s)
			if err != nil {
				return "", err
			}
			ok = q.statusConcerns(data, a.mine)
		}
		if ok {
			return hex.EncodeToString(d.key[:]), nil
		}
	}
	return "", view.ErrNotFound
}
