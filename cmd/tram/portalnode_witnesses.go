package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/witness"
)

// Witnesses is what pages and auditors are shown.
func (n *portalNode) Witnesses(ctx context.Context) (portal.Witnesses, error) {
	out := portal.Witnesses{Origin: n.a.c.Origin}
	n.a.witnesses.describe(&out)
	if err := n.a.watch.describe(ctx, &out); err != nil {
		return portal.Witnesses{}, err
	}
	slices.SortStableFunc(out.Alarms, func(a, b portal.LogAlarm) int { return b.At.Compare(a.At) })
	return out, nil
}

// describe tells of those who cosign this node's log.
func (w *logWitnesses) describe(out *portal.Witnesses) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out.Needed, out.Of = w.policy.Need()
	out.Binding, out.Witnessed = w.binding, w.satisfied
	for _, p := range w.policy.Peers() {
		st := w.states[p.Name]
		line := portal.Witness{Name: p.Name, Key: p.Key.String(), Size: st.size, At: st.at, State: st.state(), Since: st.since}
		if st.err != nil {
			line.Error = st.err.Error()
		}
		out.Ours = append(out.Ours, line)
	}
	if a := w.halted; a != nil {
		out.Alarms = append(out.Alarms, portal.LogAlarm{Log: w.origin, Own: true, Kind: a.Kind, Size: a.Size, First: a.Cosigned, Second: a.Ours, At: a.Seen, Detail: a.sentence()})
	}
}

// state is that of the last question.
func (st witnessState) state() string {
	switch {
	case st.err == nil:
		return portal.StateOK
	case errors.Is(st.err, witness.ErrForgot), errors.Is(st.err, witness.ErrBehind), errors.Is(st.err, witness.ErrSplit):
		return portal.StateBad
	}
	return portal.StateWarn
}

// describe tells of the logs that this node cosigns, and of what was found against them.
func (w *watch) describe(ctx context.Context, out *portal.Witnesses) error {
	if w.cosigner != nil {
		out.Key = w.cosigner.Key.String()
	}
	dir := w.directory()
	for _, origin := range w.origins() {
		line := portal.WitnessedLog{Origin: origin}
		if p, ok := dir.Peer(origin); ok {
			line.Name = p.Name
		}
		alarms, err := w.alarms(ctx, origin)
		if err != nil {
			return err
		}
		line.Bad = len(alarms) > 0
		for _, a := range alarms {
			out.Alarms = append(out.Alarms, portal.LogAlarm{Log: origin, Kind: a.Kind, Size: a.Size, First: a.First, Second: a.Second, Position: a.Position, At: a.Time})
		}
		if w.witness != nil {
			if line.Size, line.At, err = w.cosignedLast(origin); err != nil {
				return err
			}
			out.Others = append(out.Others, line)
		}
	}
	return nil
}

// cosignedLast is the newest head of a log that this node has cosigned; zero if there is none.
func (w *watch) cosignedLast(origin string) (size uint64, at time.Time, err error) {
	b, err := w.witness.Latest(origin)
	if err != nil || b == nil {
		return 0, time.Time{}, err
	}
	p, err := witness.NewPolicy(0, witness.Peer{Name: "own", Key: w.cosigner.Key})
	if err != nil {
		return 0, time.Time{}, err
	}
	v, err := witness.Witnessed(b, p)
	if err != nil || len(v.Cosignatures) == 0 { // cosigned by an earlier key
		h, err := ledger.ReadCheckpoint(b)
		return h.Size, time.Time{}, err
	}
	return v.Head.Size, v.Cosignatures[0].Time, nil
}
