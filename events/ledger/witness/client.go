package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrBehind: a witness has cosigned a greater head of our log than we have. Our history was cut or restored
	// from a backup: sign nothing more. See BehindError.
	ErrBehind = errors.New("a witness has seen more of the log than there is here")
	// ErrSplit: a witness holds another root for a size we have. Sign nothing more. See SplitError.
	ErrSplit = errors.New("a witness has seen another history of the log")
	// ErrQuorum: too few witnesses answered. Ask again later; publish nothing where the policy is binding.
	ErrQuorum = errors.New("too few witnesses cosigned")
	// ErrForgot: a witness says it knows less than it has cosigned before. It broke its promise; its operator must
	// explain and give it a new key.
	ErrForgot = errors.New("a witness has forgotten what it cosigned")
	// ErrOlder: a greater head of this log was given to Gather before.
	ErrOlder = errors.New("a greater head was shown to witnesses before")
)

// ErrResting: a witness that could not be reached is not asked again yet.
var ErrResting = errors.New("the witness could not be reached and is not asked again yet")

// BehindError is an ErrBehind. Without Cosigned it rests on the word of the witness alone.
type BehindError struct {
	Witness      string
	Origin       string
	Theirs, Ours uint64 // sizes
	// Cosigned is the checkpoint of that size with the witness's line, verified; whether a key of ours signed it is the caller's
	// to see. nil: the witness did not show it.
	Cosigned []byte
}

func (e *BehindError) Error() string {
	return fmt.Sprintf("couldn't get cosignature: witness %q has cosigned size %d of %q, here it is %d: %v", e.Witness, e.Theirs, e.Origin, e.Ours, ErrBehind)
}
func (e *BehindError) Unwrap() error { return ErrBehind }

// SplitError is an ErrSplit. Without Cosigned it rests on the word of the witness alone.
type SplitError struct {
	Witness  string
	Origin   string
	Size     uint64    // where the histories differ
	Ours     tlog.Hash // our root of that size
	Cosigned []byte    // as in BehindError
}

func (e *SplitError) Error() string {
	return fmt.Sprintf("couldn't get cosignature: witness %q holds another root of size %d of %q than %s: %v", e.Witness, e.Size, e.Origin, e.Ours, ErrSplit)
}
func (e *SplitError) Unwrap() error { return ErrSplit }

// Prover gives our root of size old and the consistency proof from it to the tree of the given size. It is called
// with 0 < old < size, concurrently.
type Prover func(ctx context.Context, old, size uint64) (root tlog.Hash, proof tlog.TreeProof, err error)

// ProveFrom is a Prover over the stored hashes of our tree.
func ProveFrom(r tlog.HashReader) Prover {
	return func(_ context.Context, old, size uint64) (tlog.Hash, tlog.TreeProof, error) {
		if size > maxSize {
			return tlog.Hash{}, nil, fmt.Errorf("couldn't prove size %d: limit %d", size, uint64(maxSize))
		}
		root, err := tlog.TreeHash(int64(old), r)
		if err != nil {
			return tlog.Hash{}, nil, err
		}
		proof, err := tlog.ProveTree(int64(size), int64(old), r)
		return root, proof, err
	}
}

// Doer sends requests; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// ClientOptions: Timeout is for each witness and all its rounds; 0 means 10 seconds. HTTP may be nil; an
// *http.Client is used without following redirects. A witness that could not be reached is left alone for Rest, doubled with
// each further failure up to 64 times, so that one that is away doesn't hold up the others; 0: it is always asked. Now is
// the clock of that; nil: time.Now.
type ClientOptions struct {
	HTTP    Doer
	Timeout time.Duration
	Rest    time.Duration
	Now     func() time.Time
}

// Client asks the witnesses of a policy about one log. Safe for concurrent use; one head is asked about at a time.
type Client struct {
	policy  *Policy
	http    Doer
	timeout time.Duration
	turn    chan struct{}
	asked   Head // greatest head given to Gather; owned by the holder of turn

	rest time.Duration
	now  func() time.Time

	mu    sync.Mutex
	known map[string]uint64  // by peer name: size it has cosigned, verified
	away  map[string]absence // by peer name
}

// absence is how often in a row a witness could not be reached, and when it is asked again.
type absence struct {
	times int
	until time.Time
}

// NewClient asks the witnesses of the policy that have an address.
func NewClient(p *Policy, o ClientOptions) *Client {
	c := &Client{policy: p, http: o.HTTP, timeout: o.Timeout, turn: make(chan struct{}, 1), known: map[string]uint64{}, away: map[string]absence{}, rest: o.Rest, now: o.Now}
	if c.now == nil {
		c.now = time.Now
	}
	switch h := o.HTTP.(type) {
	case nil:
		c.http = &http.Client{CheckRedirect: noRedirect}
	case *http.Client:
		own := *h
		own.CheckRedirect = noRedirect
		c.http = &own
	}
	if c.timeout <= 0 {
		c.timeout = 10 * time.Second
	}
	return c
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Reply is what one witness did.
type Reply struct {
	Name string
	Time time.Time // of its cosignature, as it says
	Err  error     // nil: cosigned
}

// Result is what Gather brought together, also when it gives an error.
type Result struct {
	Checkpoint []byte // with all cosignatures that verified
	Verdict    Verdict
	Replies    []Reply // in the order of the policy
}

// Gather shows a checkpoint of our log, which is on disk and signed, to all witnesses at once and waits for each
// until its time-out. The error joins every ErrBehind and ErrSplit, even when enough others cosigned, and
// ErrQuorum when too few did; other failures stand in Replies only.
func (c *Client) Gather(ctx context.Context, checkpoint []byte, prove Prover) (Result, error) {
	verdict, err := Witnessed(checkpoint, c.policy)
	if err != nil {
		return Result{}, err
	}
	head := verdict.Head
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return Result{}, fmt.Errorf("couldn't ask witnesses about size %d: %w", head.Size, ctx.Err())
	}
	if head.Size < c.asked.Size {
		return Result{}, fmt.Errorf("couldn't ask witnesses about size %d after %d: %w", head.Size, c.asked.Size, ErrOlder)
	}
	if c.asked.Origin != "" && head.Origin != c.asked.Origin {
		return Result{}, fmt.Errorf("couldn't ask witnesses about %q: this client is for %q", head.Origin, c.asked.Origin)
	}
	if c.asked.Origin != "" && head.Size == c.asked.Size && head.Root != c.asked.Root {
		return Result{}, fmt.Errorf("couldn't ask witnesses about size %d: root %s, it was %s before", head.Size, head.Root, c.asked.Root)
	}
	c.asked = head
	c.remember(verdict)

	res := Result{Checkpoint: checkpoint, Replies: make([]Reply, len(c.policy.peers))}
	lines := make([]note.Signature, len(c.policy.peers))
	var wg sync.WaitGroup
	for i, w := range c.policy.peers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.timeout)
			defer cancel()
			r := Reply{Name: w.Name}
			if r.Err = c.rested(w); r.Err == nil {
				lines[i], r.Err = c.ask(ctx, w, head, checkpoint, prove)
				r.Err = c.prove(ctx, w, head.Origin, r.Err)
			}
			if r.Err == nil {
				r.Time, r.Err = timeOf(lines[i])
			}
			res.Replies[i] = r
		})
	}
	wg.Wait()
	return c.conclude(res, lines)
}

func (c *Client) conclude(res Result, lines []note.Signature) (Result, error) {
	var errs []error
	var fresh []note.Signature
	for i, r := range res.Replies {
		if r.Err == nil {
			fresh = append(fresh, lines[i])
		} else if errors.Is(r.Err, ErrBehind) || errors.Is(r.Err, ErrSplit) {
			errs = append(errs, r.Err)
		}
	}
	merged, err := Merge(res.Checkpoint, fresh...)
	if err != nil {
		return res, errors.Join(append(errs, err)...)
	}
	res.Checkpoint = merged
	if res.Verdict, err = Witnessed(merged, c.policy); err != nil {
		return res, errors.Join(append(errs, err)...)
	}
	c.remember(res.Verdict)
	if !res.Verdict.Satisfied {
		k, n := c.policy.Need()
		errs = append(errs, fmt.Errorf("couldn't get head of size %d witnessed: %d cosignatures, expected %d of %d: %w",
			res.Verdict.Head.Size, len(res.Verdict.Cosignatures), k, n, ErrQuorum))
	}
	return res, errors.Join(errs...)
}

// Remember takes the witnesses' promises out of a checkpoint of ours that was cosigned before: after a start it
// saves a round, and shows witnesses that forget.
func (c *Client) Remember(checkpoint []byte) error {
	v, err := Witnessed(checkpoint, c.policy)
	if err == nil {
		c.remember(v)
	}
	return err
}

func (c *Client) remember(v Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range v.Cosignatures {
		c.known[s.Name] = max(c.known[s.Name], v.Head.Size)
	}
}

// maxRounds allows for another node of the same log that is asking at the same time.
const maxRounds = 4

// ask brings one witness from what it knows to our head.
func (c *Client) ask(ctx context.Context, w Peer, head Head, checkpoint []byte, prove Prover) (sig note.Signature, err error) {
	if w.URL == "" {
		return sig, fmt.Errorf("couldn't ask witness %q: the policy has no address for it", w.Name)
	}
	c.mu.Lock()
	promised := c.known[w.Name]
	c.mu.Unlock()
	if promised > head.Size {
		return sig, &BehindError{Witness: w.Name, Origin: head.Origin, Theirs: promised, Ours: head.Size}
	}
	old := promised
	for range maxRounds {
		r := Request{Old: old, Checkpoint: checkpoint}
		root := head.Root
		if old > 0 && old < head.Size {
			if root, r.Proof, err = prove(ctx, old, head.Size); err != nil {
				return sig, fmt.Errorf("couldn't prove size %d from %d for witness %q: %w", head.Size, old, w.Name, err)
			}
			// Before anybody is accused: our own proof must hold.
			if err := checkProof(r.Proof, Head{Size: old, Root: root}, head); err != nil {
				return sig, fmt.Errorf("couldn't prove size %d from %d for witness %q: %w", head.Size, old, w.Name, err)
			}
		}
		status, kind, body, err := c.post(ctx, w, r)
		if err != nil {
			return sig, err
		}
		switch {
		case status == http.StatusOK:
			return c.accept(w, checkpoint, body)
		case status == http.StatusUnprocessableEntity && old > 0:
			return sig, &SplitError{Witness: w.Name, Origin: head.Origin, Size: old, Ours: root}
		case status != http.StatusConflict || kind != sizeType:
			return sig, fmt.Errorf("couldn't get cosignature: witness %q answered %d %.200q", w.Name, status, body)
		}
		next, err := parseSize(strings.TrimSuffix(body, "\n"))
		switch {
		case err != nil:
			return sig, fmt.Errorf("couldn't read answer of witness %q: %w", w.Name, err)
		case next > head.Size:
			return sig, &BehindError{Witness: w.Name, Origin: head.Origin, Theirs: next, Ours: head.Size}
		case next < promised:
			return sig, fmt.Errorf("couldn't get cosignature: witness %q says it knows size %d of %q, it has cosigned %d: %w", w.Name, next, head.Origin, promised, ErrForgot)
		case next == old && old == head.Size && old > 0:
			return sig, &SplitError{Witness: w.Name, Origin: head.Origin, Size: old, Ours: root}
		case next == old:
			return sig, fmt.Errorf("couldn't get cosignature: witness %q refuses size %d and names it", w.Name, old)
		}
		old = next
	}
	return sig, fmt.Errorf("couldn't get cosignature: witness %q named another size in each of %d rounds", w.Name, maxRounds)
}

// post sends one request; bodies are bounded.
func (c *Client) post(ctx context.Context, w Peer, r Request) (status int, kind, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/add-checkpoint", strings.NewReader(string(r.Encode())))
	if err != nil {
		return 0, "", "", fmt.Errorf("couldn't ask witness %q: %w", w.Name, err)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := c.http.Do(req)
	c.reached(w, err == nil)
	if err != nil {
		return 0, "", "", fmt.Errorf("couldn't ask witness %q: %w", w.Name, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxCheckpoint+1))
	if err == nil && len(b) > maxCheckpoint {
		err = fmt.Errorf("more than %d bytes", maxCheckpoint)
	}
	if err != nil {
		return 0, "", "", fmt.Errorf("couldn't read answer of witness %q: %w", w.Name, err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b), nil
}

// rested says whether a witness may be asked.
func (c *Client) rested(w Peer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.away[w.Name]; c.now().Before(a.until) {
		return fmt.Errorf("couldn't ask witness %q: %w", w.Name, ErrResting)
	}
	return nil
}

func (c *Client) reached(w Peer, yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if yes {
		delete(c.away, w.Name)
		return
	}
	a := c.away[w.Name]
	a.until = c.now().Add(c.rest << min(a.times, 6))
	a.times++
	c.away[w.Name] = a
}

// prove asks a witness that accuses us for what it has cosigned. Not having it changes nothing in the accusation.
func (c *Client) prove(ctx context.Context, w Peer, origin string, err error) error {
	behind, split := new(BehindError), new(SplitError)
	var size uint64
	switch {
	case errors.As(err, &behind):
		size = behind.Theirs
	case errors.As(err, &split):
		size = split.Size
	default:
		return err
	}
	req, bad := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/latest?origin="+url.QueryEscape(origin), nil)
	if bad != nil {
		return err
	}
	resp, bad := c.http.Do(req)
	if bad != nil {
		return err
	}
	defer resp.Body.Close()
	b, bad := io.ReadAll(io.LimitReader(resp.Body, maxCheckpoint+1))
	if bad != nil || resp.StatusCode != http.StatusOK || len(b) > maxCheckpoint {
		return err
	}
	n, bad := openStrict(b, note.VerifierList(w.Key))
	if bad != nil {
		return err
	}
	if h, bad := parseHead(n.Text); bad != nil || h.Origin != origin || h.Size < size {
		return err
	}
	behind.Cosigned, split.Cosigned = b, b
	return err
}

// accept takes the witness's own line out of its answer, if it is over our text.
func (c *Client) accept(w Peer, checkpoint []byte, lines string) (note.Signature, error) {
	n, err := split(checkpoint)
	if err != nil {
		return note.Signature{}, err
	}
	n, err = openStrict([]byte(n.Text+"\n"+lines), note.VerifierList(w.Key))
	if err != nil {
		return note.Signature{}, fmt.Errorf("couldn't verify cosignature of witness %q: %w", w.Name, err)
	}
	return n.Sigs[0], nil
}

// split reads the form of a checkpoint only.
func split(checkpoint []byte) (*note.Note, error) {
	_, err := note.Open(checkpoint, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) {
		return nil, fmt.Errorf("couldn't parse checkpoint: %w", err)
	}
	return unverified.Note, nil
}

// Merge adds signature lines to a checkpoint; a line by the same key is replaced. Nothing is verified.
func Merge(checkpoint []byte, sigs ...note.Signature) ([]byte, error) {
	n, err := split(checkpoint)
	if err != nil {
		return nil, err
	}
	var kept []note.Signature
	for _, s := range n.UnverifiedSigs {
		replaced := false
		for _, f := range sigs {
			replaced = replaced || f.Name == s.Name && f.Hash == s.Hash
		}
		if !replaced {
			kept = append(kept, s)
		}
	}
	n.UnverifiedSigs = append(kept, sigs...)
	b, err := note.Sign(n)
	if err != nil {
		return nil, fmt.Errorf("couldn't merge cosignatures: %w", err)
	}
	if _, err := split(b); err != nil { // a note has at most 100 lines
		return nil, fmt.Errorf("couldn't merge cosignatures: %w", err)
	}
	return b, nil
}
