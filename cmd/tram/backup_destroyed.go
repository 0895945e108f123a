package main

import (
	"context"
	"errors"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// destroyedContent is what a record's own decisions, carried out, have destroyed and the folder still has: a copy made before does. seen is how
// many events of the stream were considered; if it is what the caller has seen before, nothing is read.
func destroyedContent(ctx context.Context, dir string, before uint64) (r events.Removal, seen uint64, err error) {
	src, err := sqlitestore.OpenReader(ctx, dir)
	if errors.Is(err, sqlitestore.ErrNoHead) {
		return r, before, nil
	}
	if err != nil {
		return r, 0, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	var s destruction.State
	err = src.Stream(ctx, destruction.Stream, 0, func(e events.Event) (err error) {
		seen++
		s, err = destruction.Fold(s, e)
		return err
	})
	if err != nil || seen == before {
		return r, seen, err
	}
	x := s.Index()
	packages := map[events.Digest]bool{}
	err = src.Raw(ctx, 0, src.Head().Size, func(e sqlitestore.Raw) error {
		if m, ok := x.Facts(&e.Event); ok && m.Executed && e.Facts != nil {
			r.Facts = append(r.Facts, e.Position)
		}
		if m, ok := x.Package(&e.Event); ok && m.Executed && !e.PackageDestroyed {
			packages[e.Statement.Package.SHA256] = true
		}
		return nil
	})
	for d := range packages {
		r.Packages = append(r.Packages, d)
	}
	slices.SortFunc(r.Packages, func(a, b events.Digest) int { return slices.Compare(a[:], b[:]) })
	return r, seen, err
}

// destroyIn takes out of a copy what its record says was destroyed.
func destroyIn(ctx context.Context, dir string, before uint64) (n, seen uint64, err error) {
	r, seen, err := destroyedContent(ctx, dir, before)
	if err != nil || len(r.Packages)+len(r.Facts) == 0 {
		return 0, seen, err
	}
	return uint64(len(r.Packages) + len(r.Facts)), seen, sqlitestore.DestroyIn(ctx, dir, r)
}
