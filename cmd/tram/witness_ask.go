package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/gateway"
)

// witnessFolder, in the data folder, holds what this node has cosigned for others. It must be in no backup that is started
// again without a new key: a witness that forgets breaks its promise.
const witnessFolder = "witness"

// alarmFile, in the data folder, is what witnesses said against this node's own log. It cannot stand in the log: that must not
// grow any more.
const alarmFile = "log-alarm.json"

// logAlarm is an accusation of this node's own log.
type logAlarm struct {
	Origin   string    `json:"origin"`
	Kind     string    `json:"kind"` // "behind" or "split"
	Witness  string    `json:"witness"`
	Size     uint64    `json:"size"`     // that the witness has seen
	Here     uint64    `json:"here"`     // size of the log then
	Seen     time.Time `json:"seen"`     //
	Proved   bool      `json:"proved"`   // the witness has shown a checkpoint of that size with this log's own signature
	Cosigned string    `json:"cosigned"` // that checkpoint
	Ours     string    `json:"ours"`     // the checkpoint that was shown
}

const (
	alarmBehind = "behind"
	alarmSplit  = "split"
)

// refusal is what whoever hands in is told.
func (l *logAlarm) refusal() error {
	code := gateway.CodeLogBehind
	if l.Kind == alarmSplit {
		code = gateway.CodeLogSplit
	}
	return gateway.Refuse(code).Because(errors.New(l.sentence()))
}

// sentence says what is wrong and what to do.
func (l *logAlarm) sentence() string {
	if l.Kind == alarmSplit {
		return fmt.Sprintf("witness %q has cosigned another history of this log, of size %d: find out which copy is the true one and go on with that alone; "+
			"only if it is lost for good, begin a new origin (docs/operations.md, Witnesses)", l.Witness, l.Size)
	}
	return fmt.Sprintf("witness %q has cosigned size %d of this log, here it is %d: restore a newer backup; "+
		"only if what is missing is lost for good, begin a new origin (docs/operations.md, Witnesses)", l.Witness, l.Size, l.Here)
}

// logWitnesses asks the witnesses of this node's log: at the start what they have seen, then about each published head. What
// they say against the log stops it.
type logWitnesses struct {
	origin   string
	policy   *witness.Policy
	client   *witness.Client
	binding  bool
	require  bool // at the start
	files    tiles.OSFiles
	alarm    string                 // file
	own      func() []note.Verifier // keys of this log
	now      func() time.Time
	log      *slog.Logger
	asks     func() bool                // whether this node is the one of the log that asks; nil: it is the only one
	observed func(name, outcome string) // metric; may be nil

	mu        sync.Mutex
	halted    *logAlarm
	verdict   witness.Verdict // of the newest cosigned head
	satisfied uint64          // size of the newest head with the quorum behind it
	states    map[string]witnessState
	last      map[string]string // error that was logged last, by witness
}

// witnessState is what is known of one witness.
type witnessState struct {
	size  uint64    // last cosigned
	at    time.Time // as it said
	err   error     // of the last question
	since time.Time // failing since
}

// newLogWitnesses makes it; nil if the configuration names no witnesses.
func newLogWitnesses(c *Config, own func() []note.Verifier, log *slog.Logger) (*logWitnesses, error) {
	p, err := c.witnessPolicy()
	if p == nil || err != nil {
		return nil, err
	}
	client, err := c.witnessHTTP()
	if err != nil {
		return nil, err
	}
	data := c.path(c.Data)
	return &logWitnesses{
		origin: c.Origin, policy: p, binding: c.Witnesses.Binding, require: c.Witnesses.Start == startRequire,
		client: witness.NewClient(p, witness.ClientOptions{HTTP: client, Timeout: c.Witnesses.Timeout, Rest: c.Witnesses.Every}),
		files:  tiles.OSFiles(filepath.Join(data, logFolder)), alarm: filepath.Join(data, alarmFile), own: own, now: time.Now, log: log,
		states: map[string]witnessState{}, last: map[string]string{},
	}, nil
}

// errNoProof: this node could not compute a consistency proof from its published files. The witness has answered.
var errNoProof = errors.New("the published files do not give a proof")

var errNotAsking = errors.New("another node of this log asks the witnesses")

// prover proves from the published files, all of which are durable when a head is shown to witnesses.
func (w *logWitnesses) prover(head ledger.Head) witness.Prover {
	return func(ctx context.Context, old, size uint64) (tlog.Hash, tlog.TreeProof, error) {
		root, proof, err := witness.ProveFrom(tiles.Hashes(head, w.files))(ctx, old, size)
		if err != nil {
			err = fmt.Errorf("%w: %w", errNoProof, err)
		}
		return root, proof, err
	}
}

// gate is asked before the store signs anything: a restored backup, or a second copy of the node, must not go on. What is
// shown is the head that was signed last; without one, the empty tree, which is the beginning of every history.
func (w *logWitnesses) gate(empty func() ([]byte, error)) signGate {
	if w == nil {
		return nil
	}
	return func(ctx context.Context, stored []byte, durable ledger.Head) error {
		if err := checkAlarm(w.alarm, w.origin, durable.Size, w.log); err != nil {
			return err
		}
		if len(stored) == 0 {
			var err error
			if stored, err = empty(); err != nil {
				return err
			}
		}
		head, err := ledger.ReadCheckpoint(stored)
		if err != nil {
			return err
		}
		if b, err := tiles.ReadCheckpoint(w.files); err == nil { // what was cosigned before also speaks when nobody answers
			if err := w.client.Remember(b); err != nil {
				w.log.Warn("couldn't read the cosignatures of the published checkpoint", "error", err)
			}
		}
		res, err := w.client.Gather(ctx, stored, w.prover(head))
		if len(res.Replies) == 0 && err != nil {
			return fmt.Errorf("couldn't ask witnesses before signing: %w", err)
		}
		answered := 0
		for _, r := range res.Replies {
			if a := w.accusation(r, stored, durable.Size); a != nil {
				return errors.Join(fmt.Errorf("refusing to sign: %s", a.sentence()), w.keep(a))
			}
			if r.Err == nil || errors.Is(r.Err, errNoProof) || errors.Is(r.Err, witness.ErrBehind) {
				answered++
				continue
			}
			w.log.Warn("witness was not reached before signing", "witness", r.Name, "error", r.Err)
		}
		if k, n := w.policy.Need(); w.require && answered < k {
			return fmt.Errorf("refusing to sign: %d of %d witnesses say what they have seen of this log, %d are needed (witnesses.start: require)", answered, n, k)
		}
		return nil
	}
}

// alarmGate is the gate of a node that asks no witnesses: an accusation is not answered by taking those who made it out of the configuration.
func alarmGate(c *Config, log *slog.Logger) signGate {
	return func(_ context.Context, _ []byte, durable ledger.Head) error {
		return checkAlarm(filepath.Join(c.path(c.Data), alarmFile), c.Origin, durable.Size, log)
	}
}

// accusation is what a witness's reply says against a log of this size; nil if nothing.
func (w *logWitnesses) accusation(r witness.Reply, shown []byte, size uint64) *logAlarm {
	behind, split := new(witness.BehindError), new(witness.SplitError)
	a := &logAlarm{Origin: w.origin, Witness: r.Name, Here: size, Seen: w.now().UTC(), Ours: string(shown)}
	var cosigned []byte
	switch {
	case errors.As(r.Err, &behind):
		if behind.Theirs <= size { // a head that was signed, and not yet stored as signed
			return nil
		}
		a.Kind, a.Size, cosigned = alarmBehind, behind.Theirs, behind.Cosigned
	case errors.As(r.Err, &split):
		a.Kind, a.Size, cosigned = alarmSplit, split.Size, split.Cosigned
	default:
		return nil
	}
	if _, _, err := ledger.OpenCheckpoint(cosigned, w.origin, w.own()...); err == nil {
		a.Proved, a.Cosigned = true, string(cosigned)
	}
	return a
}

// keep halts the log and remembers why, also for the next start.
func (w *logWitnesses) keep(a *logAlarm) error {
	w.mu.Lock()
	first := w.halted == nil || w.halted.Kind == alarmBehind && a.Kind == alarmSplit
	if first {
		w.halted = a
	}
	w.mu.Unlock()
	if !first {
		return nil
	}
	w.log.Error("the log is accused and has stopped", "kind", a.Kind, "witness", a.Witness, "size", a.Size, "here", a.Here, "proved", a.Proved)
	b, err := json.MarshalIndent(a, "", "  ")
	if err == nil {
		err = writeBytes(w.alarm, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("couldn't keep alarm: %w", err)
	}
	return nil
}

// checkAlarm goes by what was said before, in case the witness is not there to say it again. A log that has become long enough is
// asked about anew; an accusation of two histories stays until somebody has removed the file.
func checkAlarm(file, origin string, size uint64, log *slog.Logger) error {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var a logAlarm
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		return fmt.Errorf("couldn't read alarm %s: %w", file, err)
	}
	switch {
	case a.Origin != origin:
	case a.Kind == alarmBehind && a.Size <= size:
		log.Warn("the log is as long again as a witness has seen it", "size", size, "witness", a.Witness)
	default:
		return fmt.Errorf("refusing to sign: %s (%s says so; remove it when the true copy is in its place)", a.sentence(), file)
	}
	return nil
}

// stopped is the reason why nothing may be recorded, nil if there is none.
func (w *logWitnesses) stopped() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.halted == nil {
		return nil
	}
	return w.halted.refusal()
}

// cosign is the tiles.Cosigner of the published log.
func (w *logWitnesses) cosign(ctx context.Context, checkpoint []byte) ([]byte, error) {
	if err := w.stopped(); err != nil {
		return nil, err
	}
	if w.asks != nil && !w.asks() { // of several nodes on one log only the sequencer's view is complete
		if w.binding {
			return nil, errNotAsking
		}
		return checkpoint, nil
	}
	head, err := ledger.ReadCheckpoint(checkpoint)
	if err != nil {
		return nil, err
	}
	res, err := w.client.Gather(ctx, checkpoint, w.prover(head))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.learn(res)
	for _, r := range res.Replies {
		if a := w.accusation(r, checkpoint, head.Size); a != nil {
			err = errors.Join(err, w.keep(a))
		}
	}
	if w.stopped() != nil {
		return nil, err
	}
	return res.Checkpoint, err
}

// learn keeps what each witness said.
func (w *logWitnesses) learn(res witness.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(res.Verdict.Cosignatures) > 0 && res.Verdict.Head.Size >= w.verdict.Head.Size {
		w.verdict = res.Verdict
	}
	if res.Verdict.Satisfied {
		w.satisfied = max(w.satisfied, res.Verdict.Head.Size)
	}
	for _, s := range res.Verdict.Cosignatures {
		st := w.states[s.Name]
		if res.Verdict.Head.Size >= st.size {
			st.size, st.at = res.Verdict.Head.Size, s.Time
		}
		w.states[s.Name] = st
	}
	for _, r := range res.Replies {
		st := w.states[r.Name]
		outcome := "ok"
		switch {
		case errors.Is(r.Err, witness.ErrResting):
			continue
		case r.Err != nil:
			outcome = "failed"
			if st.err == nil {
				st.since = w.now()
			}
			if w.last[r.Name] != r.Err.Error() {
				w.last[r.Name] = r.Err.Error()
				w.log.Warn("witness did not cosign", "witness", r.Name, "error", r.Err)
			}
		default:
			st.since = time.Time{}
			delete(w.last, r.Name)
		}
		st.err = r.Err
		w.states[r.Name] = st
		if w.observed != nil {
			w.observed(r.Name, outcome)
		}
	}
}

// checks are the lines of the health page: one for the log, one for each witness.
func (w *logWitnesses) checks() []portal.Check {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	k, n := w.policy.Need()
	c := portal.Check{Name: portal.CheckWitnesses, State: portal.StateOK, Number: float64(w.verdict.Head.Size), Unit: portal.UnitCount}
	have := 0
	var names []string
	for _, s := range w.verdict.Cosignatures {
		have++
		names = append(names, s.Name)
		if s.Time.After(c.At) {
			c.At = s.Time
		}
	}
	c.Detail = fmt.Sprintf("%d/%d (cần / needed: %d) %s", have, n, k, strings.Join(names, ", "))
	switch {
	case w.halted != nil:
		c.State, c.Detail, c.Since = portal.StateBad, w.halted.sentence(), w.halted.Seen
	case have > 0 && !w.verdict.Satisfied, have == 0 && len(w.states) > 0 && k > 0:
		c.State = portal.StateWarn
		if w.binding {
			c.State = portal.StateBad
		}
	}
	out := []portal.Check{c}
	for _, p := range w.policy.Peers() {
		st, asked := w.states[p.Name]
		c := portal.Check{Name: portal.CheckWitness, Subject: p.Name, State: portal.StateOK, Number: float64(st.size), Unit: portal.UnitCount, At: st.at}
		if asked && st.err != nil {
			c.State, c.Detail, c.Since = st.state(), st.err.Error(), st.since
		}
		out = append(out, c)
	}
	return out
}

// emptyHead signs the head of the empty tree: nothing that could ever contradict anything.
func emptyHead(origin string, keys *nodeKeys) func() ([]byte, error) {
	return func() ([]byte, error) {
		s, err := ledger.NewSigner(origin, keys.log, keys.node, nil)
		if err != nil {
			return nil, err
		}
		return s.Sign(0, events.Sum(nil))
	}
}
