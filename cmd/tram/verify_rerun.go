package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/rerun"
)

// rulesAgain lets the rules decide a record again, from a position on. It opens the record when the first event comes: then
// it was found good otherwise.
type rulesAgain struct {
	ctx  context.Context
	open func() (rerun.Record, func() error, error) // the record at random, and what closes it
	from uint64

	once   sync.Once
	rerun  *rerun.Rerun
	record rerun.Record
	shut   func() error // nil: nothing is to be closed
	err    error

	stopped atomic.Bool // an event was not what the rules give: those after it cannot be asked about
}

const kindRules = "rules"

// recordAgain is the record at random. One whose head was never signed has nothing that could be asked for.
type recordAgain struct{ *sqlitestore.Reader }

// Stream implements rerun.Record.
func (r recordAgain) Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error {
	if r.Reader == nil {
		return nil
	}
	return r.Reader.Stream(ctx, stream, from, f)
}

// folderAgain opens the record in a folder.
func folderAgain(ctx context.Context, dir string) (rerun.Record, func() error, error) {
	r, err := sqlitestore.OpenReader(ctx, dir)
	if errors.Is(err, sqlitestore.ErrNoHead) {
		return recordAgain{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return recordAgain{r}, r.Close, nil
}

func (r *rulesAgain) start(origin string) error {
	r.once.Do(func() {
		r.record, r.shut, r.err = r.open()
		var destroyed func(events.Event) bool
		if r.err == nil {
			destroyed, r.err = r.destroyed()
		}
		if r.err == nil {
			r.rerun, r.err = rerun.New(r.ctx, rerun.Options{Origin: origin, Record: r.record, From: r.from, Destroyed: destroyed})
		}
	})
	return r.err
}

// destroyed asks the record what was destroyed by decisions in it.
func (r *rulesAgain) destroyed() (func(events.Event) bool, error) {
	s, err := destruction.Load(r.ctx, r.record)
	if err != nil {
		return nil, err
	}
	index := s.Index()
	return func(e events.Event) bool {
		_, facts := index.Facts(&e)
		_, pkg := index.Package(&e)
		return facts || pkg
	}, nil
}

// between says whether the next event begins an append.
func (r *rulesAgain) between() bool { return r.rerun == nil || r.rerun.Between() }

// prepare may be called several times at once; nil for events before the first to be judged.
func (r *rulesAgain) prepare(e events.Event, b besides) (*rerun.Prepared, error) {
	if e.Position < r.from {
		return nil, nil
	}
	if err := r.start(e.Statement.Origin); err != nil {
		return nil, err
	}
	return r.rerun.Prepare(r.ctx, e, rerun.Source{Evidence: b.Evidence, Package: b.OpenPackage})
}

// apply is called in order.
func (r *rulesAgain) apply(p *rerun.Prepared) error {
	err := r.rerun.Apply(r.ctx, p)
	if err != nil {
		r.stopped.Store(true)
	}
	var bad *rerun.Mismatch
	if !errors.As(err, &bad) {
		return err
	}
	kind := kindRules
	if bad.Rule == "signature" || bad.Rule == "revocation" {
		kind = "signature"
	}
	return &sqlitestore.Problem{Kind: kind, Position: &bad.Position, Offset: -1, Reason: bad.Error()}
}

// finish says what is open.
func (r *rulesAgain) finish() (report rerun.Report, err error) {
	if r.rerun == nil {
		return report, r.err
	}
	return r.rerun.Finish(r.ctx)
}

func (r *rulesAgain) close() {
	if r.shut != nil {
		_ = r.shut()
	}
}
