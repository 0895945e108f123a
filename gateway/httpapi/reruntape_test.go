package httpapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway/rerun"
)

// tape is a record in memory, on which anybody can write what no decider gave: whoever holds the node's keys could have it sealed as well.
type tape struct {
	t        testing.TB
	w        *world
	events   []events.Event
	evidence map[events.Digest][]byte
	packages map[events.Digest][]byte
	now      time.Time // not before this is anything added
}

// tapeOf copies the world's record.
func (w *world) tapeOf(t testing.TB) *tape {
	t.Helper()
	p := &tape{t: t, w: w, evidence: map[events.Digest][]byte{}, packages: map[events.Digest][]byte{}}
	err := w.store.All(w.ctx, 0, func(e events.Event) error { p.events = append(p.events, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *tape) copy(t testing.TB) *tape {
	out := *p
	out.t, out.events = t, slices.Clone(p.events)
	out.evidence, out.packages = map[events.Digest][]byte{}, map[events.Digest][]byte{}
	return &out
}

// Stream implements rerun.Record.
func (p *tape) Stream(_ context.Context, stream string, from uint64, f func(events.Event) error) error {
	for _, e := range p.events {
		if e.Statement.Stream == stream && e.Statement.Version >= from {
			if err := f(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Event implements rerun.Record.
func (p *tape) Event(_ context.Context, position uint64) (events.Event, error) {
	if position >= uint64(len(p.events)) {
		return events.Event{}, events.ErrNotFound
	}
	return p.events[position], nil
}

// Evidence implements rerun.Record.
func (p *tape) Evidence(ctx context.Context, d events.Digest) ([]byte, error) {
	if b, ok := p.evidence[d]; ok {
		return b, nil
	}
	return p.w.store.Evidence(ctx, d)
}

// OpenPackage implements rerun.Record.
func (p *tape) OpenPackage(ctx context.Context, d events.Digest) (events.PackageReader, error) {
	if b, ok := p.packages[d]; ok {
		return memoryPackage{bytes.NewReader(b)}, nil
	}
	return p.w.store.OpenPackage(ctx, d)
}

type memoryPackage struct{ *bytes.Reader }

func (m memoryPackage) Size() int64  { return m.Reader.Size() }
func (m memoryPackage) Close() error { return nil }

// last is the last event of a name.
func (p *tape) last(name string) events.Event {
	p.t.Helper()
	for _, e := range slices.Backward(p.events) {
		if e.Statement.Name == name {
			return e
		}
	}
	p.t.Fatalf("no %s on the tape", name)
	return events.Event{}
}

// add seals an append as a store would, a second after the last event, and gives the position of its first event. An append without basis
// gets that of the last event.
func (p *tape) add(a events.Append) uint64 {
	p.t.Helper()
	first := uint64(len(p.events))
	newest := p.events[first-1].Statement
	version := uint64(0)
	for _, e := range p.events {
		if e.Statement.Stream == a.Stream {
			version++
		}
	}
	if a.Actor == "" {
		a.Actor = "node"
	}
	if a.Client == "" {
		a.Client = "node"
	}
	if a.Basis == (events.Basis{}) {
		a.Basis = newest.Basis
	}
	now := newest.Time.Add(time.Second)
	if p.now.After(now) {
		now = p.now
	}
	for i, n := range a.Events {
		s := events.Statement{
			Origin: origin, Stream: a.Stream, Version: version + uint64(i), Name: n.Name, Time: now, Actor: a.Actor,
			Client: a.Client, Cause: a.Cause, Basis: a.Basis,
		}
		var err error
		if s.Data, err = events.MarshalObject(n.Data); err != nil {
			p.t.Fatal(err)
		}
		e := events.Event{Position: first + uint64(i), Statement: s}
		if n.Facts != nil {
			if e.Facts, err = events.MarshalObject(n.Facts); err != nil {
				p.t.Fatal(err)
			}
			d := events.Sum(e.Facts)
			e.Statement.Facts = &d
		}
		if a.Package != nil {
			d := a.Package.Digest()
			e.Statement.Package = &events.PackageRef{SHA256: d, Length: a.Package.Size()}
			b := make([]byte, a.Package.Size())
			if _, err := a.Package.ReadAt(b, 0); err != nil && err != io.EOF {
				p.t.Fatal(err)
			}
			p.packages[d] = b
		}
		if a.Evidence != nil && i == 0 {
			d := events.Sum(a.Evidence)
			e.Statement.Evidence = &d
			p.evidence[d] = a.Evidence
		}
		p.put(e)
	}
	return first
}

// put writes an event at its position, at the end if that is there.
func (p *tape) put(e events.Event) {
	p.t.Helper()
	if _, err := rand.Read(e.Statement.Nonce[:]); err != nil {
		p.t.Fatal(err)
	}
	var err error
	if e.Bytes, err = e.Statement.Encode(); err != nil {
		p.t.Fatal(err)
	}
	if e.Position == uint64(len(p.events)) {
		p.events = append(p.events, e)
		return
	}
	p.events[e.Position] = e
}

// again writes an append that stands on the tape once more at its end, by the basis of now, changed by f.
func (p *tape) again(e events.Event, f func(*events.Append)) uint64 {
	p.t.Helper()
	s := e.Statement
	a := events.Append{Stream: s.Stream, Actor: s.Actor, Client: s.Client, Cause: s.Cause, Basis: p.events[len(p.events)-1].Statement.Basis}
	for _, x := range p.events[e.Position:] {
		if x.Statement.Stream != s.Stream || !x.Statement.Time.Equal(s.Time) {
			break
		}
		n := events.New{Name: x.Statement.Name, Data: json.RawMessage(x.Statement.Data)}
		if x.Facts != nil {
			n.Facts = json.RawMessage(x.Facts)
		}
		a.Events = append(a.Events, n)
	}
	if s.Package != nil {
		a.Package = p.bytesOf(s.Package.SHA256)
	}
	if s.Evidence != nil {
		a.Evidence = p.evidenceOf(e)
	}
	f(&a)
	return p.add(a)
}

func (p *tape) bytesOf(d events.Digest) bytesPackage {
	p.t.Helper()
	r, err := p.OpenPackage(context.Background(), d)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *tape) evidenceOf(e events.Event) []byte {
	p.t.Helper()
	b, err := p.Evidence(context.Background(), *e.Statement.Evidence)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// FindPackage implements rerun.Record.
func (p *tape) FindPackage(_ context.Context, d events.Digest) (positions []uint64, _ error) {
	for i := range p.events {
		if s := p.events[i].Statement.Package; s != nil && s.SHA256 == d {
			positions = append(positions, uint64(i))
		}
	}
	return positions, nil
}

// judge judges the tape, with a run that begins at from.
func (p *tape) judge(from uint64, o rerun.Options) (rerun.Report, error) {
	ctx := context.Background()
	o.Origin, o.Record, o.From, o.Pinned = origin, p, from, p.w.config.Pinned
	r, err := rerun.New(ctx, o)
	if err != nil {
		return rerun.Report{}, err
	}
	for _, e := range p.events[from:] {
		if err := r.One(ctx, e, rerun.Source{}); err != nil {
			return rerun.Report{}, err
		}
	}
	return r.Finish(ctx)
}
