package projections

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// cacheSize is how many documents, and how many deliveries, each of two generations of the writer's memory holds.
const cacheSize = 32768

// generations is a cache that forgets what was not used for a while: what is read moves to the young generation; a full
// young generation becomes the old one, whose predecessor is dropped. Only turn forgets, so that nothing changes its
// identity within a transaction.
type generations[K comparable, V any] struct{ young, old map[K]V }

func newGenerations[K comparable, V any]() generations[K, V] {
	return generations[K, V]{young: make(map[K]V), old: make(map[K]V)}
}

func (g *generations[K, V]) get(k K) (V, bool) {
	if v, ok := g.young[k]; ok {
		return v, true
	}
	v, ok := g.old[k]
	if ok {
		g.young[k] = v
	}
	return v, ok
}

func (g *generations[K, V]) put(k K, v V) { g.young[k] = v }

func (g *generations[K, V]) turn(size int) {
	if len(g.young) >= size {
		g.old, g.young = g.young, make(map[K]V, size/2)
	}
}

// memory is what the writer keeps from one transaction to the next. It is dropped after any error.
type memory struct {
	docs       generations[uint64, *docState]
	docIDs     generations[key, uint64]
	deliveries generations[key, *deliveryState]
	targets    generations[key, *target] // by streamKey
}

func newMemory() *memory {
	return &memory{
		docs:       newGenerations[uint64, *docState](),
		docIDs:     newGenerations[key, uint64](),
		deliveries: newGenerations[key, *deliveryState](),
		targets:    newGenerations[key, *target](),
	}
}

func (m *memory) turn() {
	m.docs.turn(cacheSize)
	m.docIDs.turn(cacheSize)
	m.deliveries.turn(cacheSize)
	m.targets.turn(cacheSize / 4) // they are larger
}

type (
	paperRow struct {
		id          uint64
		data, facts []byte
	}
	statusRow struct {
		doc, id           uint64
		body, data, facts []byte
	}
	packageRow struct {
		id     uint64
		sha256 events.Digest
		doc    uint64
		kind   uint8
	}
	wordsRow struct {
		id     uint64
		tokens []byte
	}
	lateRow struct{ id, doc uint64 }
)

// batch is one transaction in the making: events folded, rows not yet written.
type batch struct {
	w     *writer
	cache *memory

	docs       []*docState
	histories  []*docState
	deliveries []*deliveryState
	papers     []paperRow
	statuses   []statusRow
	packages   []packageRow
	words      []wordsRow
	lates      []lateRow
	counts     map[string]int64
	officeBatch
	directory *directoryView // nil: unchanged
	dirEvents []events.Event

	position uint64        // events read, this batch included
	last     events.Digest // of the last statement
	events   int
}

func (b *batch) id(s string) uint32     { return b.w.dict.id(s) }
func (b *batch) texts(id uint32) string { return b.w.dict.all()[id] }
func (b *batch) count(name string, n int64) {
	b.counts[name] += n
}

func (b *batch) touchDoc(d *docState) {
	if !d.dirty {
		d.dirty = true
		b.docs = append(b.docs, d)
	}
}

func (b *batch) touch(v *deliveryState) {
	if !v.dirty {
		v.dirty = true
		b.deliveries = append(b.deliveries, v)
	}
}

func (b *batch) history(d *docState, l *entry) {
	if len(d.entries) == 0 {
		d.first = l.position
		b.histories = append(b.histories, d)
	}
	d.entries = l.append(d.entries)
	b.touchDoc(d)
}

// index makes the document findable by tokens, in a row of its own if it has one already.
func (b *batch) index(id uint64, d *docState, tokens []byte) {
	b.words = append(b.words, wordsRow{id: id, tokens: tokens})
	if id != d.id {
		b.lates = append(b.lates, lateRow{id: id, doc: d.id})
	}
	b.touchDoc(d)
}

// documentFor gives the document of the event's stream, a new one if this is the stream's first event.
func (b *batch) documentFor(ctx context.Context, e *decoded) (*docState, error) {
	if e.Statement.Version > 0 {
		d, err := b.document(ctx, e.key)
		if err == nil && d == nil {
			err = fmt.Errorf("document is not in views.db, and this is version %d of its stream", e.Statement.Version)
		}
		return d, err
	}
	d := &docState{id: e.Position, key: e.key, isNew: true}
	b.cache.docs.put(d.id, d)
	b.cache.docIDs.put(d.key, d.id)
	b.touchDoc(d)
	return d, nil
}

// document by key, nil if there is none.
func (b *batch) document(ctx context.Context, k key) (*docState, error) {
	if id, ok := b.cache.docIDs.get(k); ok {
		return b.documentByID(ctx, id)
	}
	rows, err := b.w.find.docByKey.QueryContext(ctx, prefix(&k))
	if err != nil {
		return nil, fmt.Errorf("couldn't look up document: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uint64
		var full sql.RawBytes
		if err := rows.Scan(&id, &full); err != nil {
			return nil, fmt.Errorf("couldn't look up document: %w", err)
		}
		if string(full) == string(k[:]) {
			if err := rows.Close(); err != nil {
				return nil, err
			}
			b.cache.docIDs.put(k, id)
			return b.documentByID(ctx, id)
		}
	}
	return nil, rows.Err()
}

func (b *batch) documentByID(ctx context.Context, id uint64) (*docState, error) {
	if d, ok := b.cache.docs.get(id); ok {
		return d, nil
	}
	d := &docState{}
	err := scanDoc(b.w.find.docByID.QueryRowContext(ctx, id), d)
	if err != nil {
		return nil, fmt.Errorf("couldn't load document %d: %w", id, err)
	}
	b.cache.docs.put(id, d)
	b.cache.docIDs.put(d.key, id)
	return d, nil
}

// delivery by key, nil if it was never offered.
func (b *batch) delivery(ctx context.Context, k key) (*deliveryState, error) {
	if v, ok := b.cache.deliveries.get(k); ok {
		return v, nil
	}
	v, err := findDelivery(ctx, b.w.find.deliveryByKey, k)
	if err != nil || v == nil {
		return nil, err
	}
	b.cache.deliveries.put(k, v)
	return v, nil
}

type scanner interface{ Scan(...any) error }

const docColumns = "id, key, org, state, business, date, number, type, body"

func scanDoc(row scanner, d *docState) error {
	var k, body []byte
	if err := row.Scan(&d.id, &k, &d.org, &d.state, &d.business, &d.date, &d.number, &d.typ, &body); err != nil {
		return err
	}
	copy(d.key[:], k)
	return d.readBody(body)
}

const deliveryColumns = "id, key, doc, org, sender, kind, state, marks, peer, body"

func scanDelivery(row scanner, v *deliveryState) error {
	var k, body []byte
	if err := row.Scan(&v.id, &k, &v.doc, &v.org, &v.sender, &v.kind, &v.state, &v.marks, &v.peer, &body); err != nil {
		return err
	}
	copy(v.key[:], k)
	return v.readBody(body)
}

// findDelivery runs a query for delivery_k and picks the one with the whole key; nil if there is none.
func findDelivery(ctx context.Context, q *sql.Stmt, k key) (_ *deliveryState, err error) {
	rows, err := q.QueryContext(ctx, prefix(&k))
	if err != nil {
		return nil, fmt.Errorf("couldn't look up delivery: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v := &deliveryState{}
		if err := scanDelivery(rows, v); err != nil {
			return nil, fmt.Errorf("couldn't look up delivery: %w", err)
		}
		if v.key == k {
			return v, nil
		}
	}
	return nil, rows.Err()
}

func (b *batch) directoryEvent(ctx context.Context, e *decoded) error {
	if b.directory == nil {
		b.directory = b.w.directory.clone()
	}
	b.dirEvents = append(b.dirEvents, e.Event)
	before := b.directory.state
	if err := b.directory.fold(e.Event); err != nil {
		return err
	}
	var of struct {
		Org string `json:"org"`
	}
	if err := json.Unmarshal(e.Statement.Data, &of); err != nil {
		return fmt.Errorf("couldn't read whom it is about: %w", err)
	}
	if _, has := b.directory.state.Office(of.Org); !has {
		return nil
	}
	if _, had := before.Office(of.Org); had {
		return nil
	}
	return b.officeBegun(ctx, of.Org)
}
