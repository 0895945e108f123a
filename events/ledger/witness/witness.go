package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxBackstep is how far the clock of a witness may go back before it stops cosigning. Within it the last time is
// used again, so that the times of a log's cosignatures never decrease.
const MaxBackstep = time.Minute

// sizeType is the media type of a 409 answer.
const sizeType = "text/x.tlog.size"

// Evidence is proof that an origin signed two roots for one size. Both checkpoints carry only signature lines that
// were verified with keys of the origin (Cosigned also our own line).
type Evidence struct {
	Origin   string
	Size     uint64
	Cosigned []byte // what we cosigned and keep
	Refused  []byte // what was sent afterwards
	Seen     time.Time
}

// Options of a Witness; all but Logger are needed.
type Options struct {
	// Keys gives the verifiers that may sign for an origin; none means that the origin is unknown. Lines by other
	// keys are ignored, a false line by one of these spoils the checkpoint. It is called for every request.
	Keys func(origin string) []note.Verifier
	// Cosigner signs.
	Cosigner *Cosigner
	// Store keeps the heads.
	Store Store
	// Now is the clock.
	Now func() time.Time
	// Split records evidence; it is called with the same pair again until it returns nil, and after a restart.
	Split func(context.Context, Evidence) error
	// Doubt is told of a checkpoint that a key of the origin signed and that was not joined to the one cosigned last: it is
	// smaller, or its proof did not lead to it. It proves nothing yet (anybody may send an old one, or a wrong proof); package
	// tiles can prove from the log's files whether the two contradict each other. It must return at once; nil: nobody.
	Doubt func(origin string, checkpoint []byte)
	// Logger gets what an operator must see; nil discards it.
	Logger *slog.Logger
}

// Witness cosigns heads of other logs. It is the http.Handler of add-checkpoint, to be mounted at
// <submission prefix>/add-checkpoint, and safe for concurrent use.
type Witness struct {
	Options
	mu   sync.Mutex           // one decision at a time
	kept map[string]tlog.Hash // by origin: the other root of the evidence kept last
}

// New checks that the options are complete.
func New(o Options) (*Witness, error) {
	if o.Keys == nil || o.Cosigner == nil || o.Store == nil || o.Now == nil || o.Split == nil {
		return nil, errors.New("couldn't make witness: Keys, Cosigner, Store, Now and Split are all needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Witness{Options: o, kept: map[string]tlog.Hash{}}, nil
}

// Answer is what a witness says to a request.
type Answer struct {
	Status int    // HTTP status
	Type   string // media type of the body
	Body   string
}

func refuse(status int, format string, args ...any) Answer {
	return Answer{status, "text/plain; charset=utf-8", fmt.Sprintf(format, args...) + "\n"}
}

func conflict(size uint64) Answer {
	return Answer{http.StatusConflict, sizeType, strconv.FormatUint(size, 10) + "\n"}
}

// ServeHTTP answers add-checkpoint, whatever the path.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var a Answer
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		a = refuse(http.StatusMethodNotAllowed, "method %s, expected POST", r.Method)
	} else {
		a = w.read(rw, r)
	}
	rw.Header().Set("Content-Type", a.Type)
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(a.Status)
	io.WriteString(rw, a.Body) // a client that hung up asks again: see 409
}

func (w *Witness) read(rw http.ResponseWriter, r *http.Request) Answer {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, "request of more than %d bytes", large.Limit)
	case err != nil:
		return refuse(http.StatusBadRequest, "couldn't read request")
	}
	return w.Add(r.Context(), body)
}

// Add judges one request body.
func (w *Witness) Add(ctx context.Context, body []byte) Answer {
	r, err := ParseRequest(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	head, err := readHead(r.Checkpoint)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	keys := w.Keys(head.Origin)
	if len(keys) == 0 {
		return refuse(http.StatusNotFound, "origin %q is unknown here", head.Origin)
	}
	n, err := openStrict(r.Checkpoint, note.VerifierList(keys...))
	if err != nil {
		return refuse(http.StatusForbidden, "no signature by a key of %q: %v", head.Origin, err)
	}
	if r.Old > head.Size {
		return refuse(http.StatusBadRequest, "old size %d is greater than the checkpoint's %d", r.Old, head.Size)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for range 8 { // another process on the same store can be faster
		a, err := w.decide(ctx, r, head, &note.Note{Text: n.Text, Sigs: n.Sigs}, keys)
		if errors.Is(err, ErrChanged) {
			continue
		}
		if err != nil {
			w.Logger.ErrorContext(ctx, "couldn't cosign", "origin", head.Origin, "size", head.Size, "error", err)
			return refuse(http.StatusServiceUnavailable, "couldn't cosign now")
		}
		return a
	}
	return refuse(http.StatusServiceUnavailable, "couldn't cosign now: too many requests for this log")
}

// decide compares a head, whose signature is verified, with what is kept, and is the only place that cosigns.
func (w *Witness) decide(ctx context.Context, r Request, head Head, n *note.Note, keys []note.Verifier) (Answer, error) {
	known, err := w.load(head.Origin, keys)
	if err != nil {
		return Answer{}, err
	}
	switch {
	case head.Size == known.Size && known.stored != nil && head.Root != known.Root:
		return conflict(known.Size), w.split(ctx, head, known, n)
	case r.Old != known.Size:
		if head.Size < known.Size {
			w.doubt(head.Origin, n)
		}
		return conflict(known.Size), nil
	}
	if err := checkProof(r.Proof, known.Head, head); err != nil {
		w.doubt(head.Origin, n)
		return refuse(http.StatusUnprocessableEntity, "the proof does not lead from size %d to size %d: %v", r.Old, head.Size, err), nil
	}
	return w.cosign(head, known, n)
}

func (w *Witness) doubt(origin string, n *note.Note) {
	if w.Doubt == nil {
		return
	}
	if b, err := note.Sign(n); err == nil { // the verified lines only
		w.Doubt(origin, b)
	}
}

func checkProof(p tlog.TreeProof, old, head Head) error {
	if old.Size == 0 {
		if len(p) > 0 {
			return fmt.Errorf("%d hashes, expected none", len(p))
		}
		return nil
	}
	return tlog.CheckTree(p, int64(head.Size), head.Root, int64(old.Size), old.Root)
}

// split keeps the evidence once. Whether that works changes nothing in the answer, so errors are for the operator.
func (w *Witness) split(ctx context.Context, head Head, known record, n *note.Note) error {
	if root, ok := w.kept[head.Origin]; ok && root == head.Root {
		return nil
	}
	refused, err := note.Sign(n)
	if err != nil {
		return fmt.Errorf("couldn't write refused checkpoint: %w", err)
	}
	e := Evidence{Origin: head.Origin, Size: head.Size, Cosigned: known.stored, Refused: refused, Seen: w.Now().UTC()}
	if err := w.Split(ctx, e); err != nil {
		w.Logger.ErrorContext(ctx, "couldn't keep evidence of a split view", "origin", e.Origin, "size", e.Size, "error", err)
		return nil
	}
	w.kept[head.Origin] = head.Root
	return nil
}

// cosign signs, keeps and only then answers.
func (w *Witness) cosign(head Head, known record, n *note.Note) (Answer, error) {
	now := w.Now()
	if back := known.time.Sub(now); back > MaxBackstep {
		return Answer{}, fmt.Errorf("the clock says %s, the last cosignature %s", now.UTC().Format(time.RFC3339), known.time.Format(time.RFC3339))
	}
	if !now.Truncate(time.Second).After(known.time) && known.line != "" {
		if known.text == n.Text { // nothing new to say: whoever sends a head again costs no write
			return Answer{http.StatusOK, "text/plain; charset=utf-8", known.line}, nil
		}
		now = known.time
	}
	signer, err := w.Cosigner.at(now)
	if err != nil {
		return Answer{}, err
	}
	next, err := note.Sign(n, signer)
	if err != nil {
		return Answer{}, fmt.Errorf("couldn't cosign: %w", err)
	}
	line, _, err := cosignature(next, w.Cosigner.Key)
	if err != nil {
		return Answer{}, err
	}
	// The commit point: from here on this head is the one that binds us.
	if err := w.Store.Replace(head.Origin, known.stored, next); err != nil {
		return Answer{}, err
	}
	return Answer{http.StatusOK, "text/plain; charset=utf-8", line}, nil
}

// record is what is kept about an origin. The zero Head with nothing stored is a log never seen before.
type record struct {
	Head
	text   string
	stored []byte
	line   string // own cosignature, empty if it is by another key
	time   time.Time
}

// load reads and verifies what is kept. After a change of the own key, a signature of the log must vouch for it.
func (w *Witness) load(origin string, keys []note.Verifier) (record, error) {
	b, err := w.Store.Load(origin)
	if err != nil || b == nil {
		return record{}, err
	}
	n, err := openStrict(b, note.VerifierList(w.Cosigner.Key))
	var unverified *note.UnverifiedNoteError
	own := err == nil
	if errors.As(err, &unverified) {
		n, err = openStrict(b, note.VerifierList(keys...))
	}
	if err != nil {
		return record{}, fmt.Errorf("couldn't trust stored checkpoint: %w", err)
	}
	h, err := parseHead(n.Text)
	if err != nil {
		return record{}, fmt.Errorf("couldn't trust stored checkpoint: %w", err)
	}
	if h.Origin != origin {
		return record{}, fmt.Errorf("couldn't trust stored checkpoint: origin %q, expected %q", h.Origin, origin)
	}
	k := record{Head: h, text: n.Text, stored: b}
	if own {
		k.line, k.time, err = cosignature(b, w.Cosigner.Key)
	}
	return k, err
}

// Latest gives the checkpoint that was cosigned last for an origin, with our line, or nil if there is none.
func (w *Witness) Latest(origin string) ([]byte, error) {
	k, err := w.load(origin, w.Keys(origin))
	if err != nil {
		return nil, fmt.Errorf("couldn't find the latest head of %q: %w", origin, err)
	}
	return k.stored, nil
}

// ServeLatest answers GET of <submission prefix>/latest?origin=…: the checkpoint that was cosigned last, or 404. It is no part of
// tlog-witness; a log that is told to be behind finds there the proof by its own signature.
func (w *Witness) ServeLatest(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		rw.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	origin := r.URL.Query().Get("origin")
	if len(origin) > maxName || len(w.Keys(origin)) == 0 {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	b, err := w.Latest(origin)
	switch {
	case err != nil:
		w.Logger.ErrorContext(r.Context(), "couldn't show cosigned checkpoint", "origin", origin, "error", err)
		rw.WriteHeader(http.StatusServiceUnavailable)
	case b == nil:
		rw.WriteHeader(http.StatusNotFound)
	default:
		rw.Write(b)
	}
}

// cosignature finds the line of one key in a checkpoint and verifies it.
func cosignature(checkpoint []byte, key *Key) (line string, at time.Time, err error) {
	n, err := openStrict(checkpoint, note.VerifierList(key))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("couldn't verify cosignature: %w", err)
	}
	at, err = timeOf(n.Sigs[0])
	return signatureLine(n.Sigs[0]), at, err
}

func signatureLine(s note.Signature) string { return "— " + s.Name + " " + s.Base64 + "\n" }
