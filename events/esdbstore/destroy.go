package esdbstore

import (
	"context"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Destroy takes packages and facts out of the shared objects for good, for all nodes. Statements, evidence and the tree stay as
// they are, in the cluster too: they hold nothing of it. A mark stays behind, so that the same bytes are not taken in again and
// their lack is not taken for a loss. An error leaves it half done; calling it again goes on. What copies, snapshots and
// versions of the shared file system keep is not reached (docs/trust.md).
//
// That a decision covers all of it, and is recorded, is the caller's word.
func (s *Store) Destroy(ctx context.Context, r events.Removal) error {
	if err := s.destroy(ctx, r); err != nil {
		return fmt.Errorf("couldn't destroy %d packages and the facts of %d events: %w", len(r.Packages), len(r.Facts), err)
	}
	return nil
}

func (s *Store) destroy(ctx context.Context, r events.Removal) error {
	if err := s.alive(); err != nil {
		return err
	}
	for _, sum := range r.Packages {
		if s.state.packageAt(sum) == nil {
			return fmt.Errorf("package %s: %w", sum, events.ErrNotFound)
		}
	}
	var facts []events.Digest
	for _, p := range r.Facts {
		if p >= s.Head().Size {
			return fmt.Errorf("event %d: %w", p, events.ErrNotFound)
		}
		e, err := s.bare(ctx, p)
		if err != nil {
			return err
		}
		if d := e.Statement.Facts; d != nil {
			facts = append(facts, *d)
		}
	}
	for _, sum := range r.Packages {
		if err := s.opts.Objects.Destroy(ctx, Packages, sum); err != nil {
			return err
		}
	}
	for _, d := range facts {
		if err := s.opts.Objects.Destroy(ctx, Facts, d); err != nil {
			return err
		}
	}
	return nil
}
