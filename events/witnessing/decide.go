package witnessing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events"
)

// Decide gives the one event for a contradiction, none if the same two heads are recorded already or enough is.
func Decide(s State, c Contradiction) ([]events.New, error) {
	first, second, err := c.check()
	if err != nil {
		return nil, err
	}
	if len(s.Alarms) >= maxAlarms {
		return nil, nil
	}
	for i := range s.Alarms {
		a, b, err := s.Alarms[i].check()
		if err != nil {
			return nil, err
		}
		if a == first && b == second || a == second && b == first {
			return nil, nil
		}
	}
	c.Kind = kind(first, second)
	if c.Proof == nil {
		c.Proof = []events.Digest{}
	}
	return []events.New{{Name: NameContradiction, Data: c}}, nil
}

type head struct {
	size uint64
	root tlog.Hash
}

func kind(first, second head) string {
	if first.size == second.size {
		return KindSplit
	}
	return KindRollback
}

// check proves the contradiction: signatures, and that both heads cannot be true.
func (c *Contradiction) check() (first, second head, err error) {
	fail := func(format string, args ...any) (head, head, error) {
		return head{}, head{}, fmt.Errorf("%w: "+format, append([]any{ErrUnproved}, args...)...)
	}
	if c.Log == "" || len(c.Keys) == 0 || len(c.Keys) > maxKeys || len(c.Proof) > maxProof || len(c.First) > maxCheckpoint || len(c.Second) > maxCheckpoint {
		return fail("log, keys or checkpoints are missing or too long")
	}
	if !slices.Contains([]string{SourceRequest, SourceReceipt, SourcePublished}, c.Source) {
		return fail("source %q", c.Source)
	}
	var keys []note.Verifier
	for _, k := range c.Keys {
		v, err := note.NewVerifier(k)
		if err != nil || v.Name() != c.Log {
			return fail("%.80q is no verifier key of %q", k, c.Log)
		}
		keys = append(keys, v)
	}
	if first, err = open(c.First, c.Log, keys); err != nil {
		return fail("first checkpoint: %w", err)
	}
	if second, err = open(c.Second, c.Log, keys); err != nil {
		return fail("second checkpoint: %w", err)
	}
	older, newer := first, second
	if older.size > newer.size {
		older, newer = newer, older
	}
	if older.size == newer.size {
		if older.root == newer.root || len(c.Proof) > 0 || tlog.Hash(c.Root) != second.root {
			return fail("sizes %d with roots %s and %s", older.size, older.root, newer.root)
		}
		return first, second, nil
	}
	proof := make(tlog.TreeProof, len(c.Proof))
	for i, h := range c.Proof {
		proof[i] = tlog.Hash(h)
	}
	if older.size == 0 || tlog.Hash(c.Root) == older.root {
		return fail("size %d has root %s under both", older.size, older.root)
	}
	if err := tlog.CheckTree(proof, int64(newer.size), newer.root, int64(older.size), tlog.Hash(c.Root)); err != nil {
		return fail("%w", err)
	}
	return first, second, nil
}

// open reads a checkpoint that one of the keys signed. Unlike ours, those of other logs may have extension lines.
func open(checkpoint, origin string, keys []note.Verifier) (head, error) {
	n, err := note.Open([]byte(checkpoint), note.VerifierList(keys...))
	if err != nil {
		return head{}, err
	}
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != origin {
		return head{}, fmt.Errorf("it is none of %q", origin)
	}
	var h head
	if h.size, err = strconv.ParseUint(lines[1], 10, 62); err != nil {
		return head{}, fmt.Errorf("size %.40q", lines[1])
	}
	if h.root, err = tlog.ParseHash(lines[2]); err != nil {
		return head{}, err
	}
	return h, nil
}

// Decode reads the data of the event and proves it again.
func Decode(e events.Event) (Alarm, error) {
	a, err := decode(e)
	if err != nil {
		return Alarm{}, fmt.Errorf("couldn't read contradiction at position %d: %w", e.Position, err)
	}
	return a, nil
}

func decode(e events.Event) (Alarm, error) {
	if e.Statement.Name != NameContradiction {
		return Alarm{}, fmt.Errorf("unknown event %q", e.Statement.Name)
	}
	a := Alarm{Position: e.Position, Time: e.Statement.Time}
	d := json.NewDecoder(bytes.NewReader(e.Statement.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&a.Contradiction); err != nil {
		return a, err
	}
	if e.Statement.Stream != Stream(a.Log) {
		return a, fmt.Errorf("stream %q, expected that of %q", e.Statement.Stream, a.Log)
	}
	first, second, err := a.check()
	if err != nil {
		return a, err
	}
	if a.Kind != kind(first, second) {
		return a, fmt.Errorf("kind %q, expected %q", a.Kind, kind(first, second))
	}
	a.Size = min(first.size, second.size)
	return a, nil
}

// Fold gives the state after one more event. It never changes s. An unknown event, or one that proves nothing, is an error.
func Fold(s State, e events.Event) (State, error) {
	a, err := Decode(e)
	if err != nil {
		return s, fmt.Errorf("couldn't fold contradictions: %w", err)
	}
	return State{Alarms: append(slices.Clip(s.Alarms), a)}, nil
}
