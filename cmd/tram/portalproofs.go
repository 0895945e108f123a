package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/internal/view"
)

// portalProofs answers what the page of proofs asks.
type portalProofs struct {
	a    *app
	runs *verifications
}

var _ portal.Proofs = (*portalProofs)(nil)

// newPortalProofs wires the page to this node: the verification that is begun there is that of tram verify, over the node's own
// record, with the node's key.
func newPortalProofs(a *app, data, dir string) (*portalProofs, error) {
	runs, err := newVerifications(dir, time.Now, a.log,
		func(ctx context.Context, progress verifyProgress) (*verifyAnswer, error) {
			key, err := a.keys.logVerifierKey(a.c.Origin)
			if err != nil {
				return nil, err
			}
			o := verifyOptions{dir: data, keyFile: key, workers: 1}
			if a.witnesses != nil {
				o.policy = a.witnesses.policy
			}
			if a.c.Store.Kind == storeESDB {
				o.keyFile = "" // it is read by the configuration's own
				return verifyCluster(ctx, a.c, a.keys, o, progress)
			}
			return runVerification(ctx, o, progress)
		}, (*verifyAnswer).html)
	if err != nil {
		return nil, err
	}
	return &portalProofs{a: a, runs: runs}, nil
}

func (p *portalProofs) Published(ctx context.Context) (portal.Published, error) {
	raw, err := fs.ReadFile(p.a.public.root.FS(), tiles.CheckpointPath)
	if errors.Is(err, fs.ErrNotExist) {
		return portal.Published{}, view.ErrNotFound
	}
	if err != nil {
		return portal.Published{}, fmt.Errorf("couldn't read published head: %w", err)
	}
	h, err := ledger.ReadCheckpoint(raw)
	if err != nil {
		return portal.Published{}, err
	}
	out := portal.Published{Head: portal.Head{Origin: h.Origin, Size: h.Size, Root: base64.StdEncoding.EncodeToString(h.Root[:])}, Text: raw}
	if h.Size > 0 {
		if e, err := p.a.store.Event(ctx, h.Size-1); err == nil {
			out.Time = e.Statement.Time // a checkpoint has no time of its own
		}
	}
	if out.Key, err = p.a.keys.logVerifierKey(p.a.c.Origin); err != nil {
		return out, err
	}
	if w := p.a.witnesses; w != nil {
		v, err := witness.Witnessed(raw, w.policy)
		if err != nil {
			return out, err
		}
		out.Need, out.Of = w.policy.Need()
		out.Have = len(v.Cosignatures)
	}
	if p.a.c.PublicURL != "" {
		out.Path = strings.TrimRight(p.a.c.PublicURL, "/") + logPrefix
	}
	return out, nil
}

func (p *portalProofs) LastStamp(context.Context) (portal.Stamp, error) {
	s := p.a.stamps.last()
	if s.Time.IsZero() {
		return portal.Stamp{}, view.ErrNotFound
	}
	return portal.Stamp{Time: s.Time, By: commonName(s.TSA), Valid: true, Size: s.Size}, nil
}

func (p *portalProofs) Verifications(context.Context) ([]portal.Verification, error) {
	return p.runs.list(), nil
}

func (p *portalProofs) Verify(_ context.Context, account string) error { return p.runs.begin(account) }

func (p *portalProofs) Report(_ context.Context, id string) (io.ReadCloser, error) {
	return p.runs.open(id)
}
