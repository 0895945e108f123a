package keystore

import (
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Entry is one configured key.
type Entry struct {
	Purpose Purpose
	Holder  string // organisation code or person; empty: the node itself
	Ref     Ref
	Chain   string    // PEM file of the certificate and its intermediates; empty: see Options.Chain
	From    time.Time // not used before, e.g. its enrolment in the directory; zero: as soon as the certificate is valid
	// Required makes NewKeyring fail when the key cannot be opened. Others are listed as broken and tried again at the next Reload.
	Required bool
}

func (e Entry) same(o Entry) bool {
	return e.Purpose == o.Purpose && e.Holder == o.Holder && e.Ref.Text() == o.Ref.Text() && e.Chain == o.Chain
}

// RingOptions of a Keyring.
type RingOptions struct {
	// Open is passed to Open for every entry; its Purpose and Chain are the entry's.
	Open Options
	// Linger is how long a key that was replaced stays open at least, for TLS handshakes under way; default 1 min.
	Linger time.Duration
	// AfterFunc is time.AfterFunc unless a test has its own.
	AfterFunc func(time.Duration, func())
}

// Keyring holds the keys of a node: several at once, for many purposes and holders. It is safe for concurrent use. Reload
// replaces its content in one step: whoever asks afterwards gets the new key, whoever holds a Lease goes on with the old
// one, which is closed when nobody uses it any more.
type Keyring struct {
	reload sync.Mutex // one Reload at a time; taken before mu
	o      RingOptions

	mu     sync.RWMutex
	slots  []*slot
	closed bool
}

// slot is one open (or broken) key of the ring. entry and key never change; the rest is under mu.
type slot struct {
	entry Entry
	key   *Key             // nil: broken
	cert  *tls.Certificate // for TLS

	mu      sync.Mutex
	err     error // of the last try to open it
	uses    int
	retired bool // replaced or removed, and lingered
	closed  bool
}

// Changes is what a Reload did.
type Changes struct {
	Added, Removed, Kept int
	// Errors of entries that couldn't be opened. If a key with the same reference was open before, it is kept.
	Errors []error
}

// NewKeyring opens all entries.
func NewKeyring(ctx context.Context, entries []Entry, o RingOptions) (*Keyring, error) {
	if o.Linger <= 0 {
		o.Linger = time.Minute
	}
	if o.AfterFunc == nil {
		o.AfterFunc = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	if o.Open.Tokens == nil {
		o.Open.Tokens = NewTokens()
	}
	r := &Keyring{o: o}
	var errs []error
	for _, e := range entries {
		s := r.open(ctx, e)
		if s.err != nil && e.Required {
			errs = append(errs, s.err)
		}
		r.slots = append(r.slots, s)
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, r.Close())...)
	}
	return r, nil
}

func (r *Keyring) open(ctx context.Context, e Entry) *slot {
	o := r.o.Open
	o.Purpose, o.Chain = e.Purpose, e.Chain
	s := &slot{entry: e}
	if e.Purpose == "" {
		s.err = fmt.Errorf("couldn't open key %s: no purpose", e.Ref)
		return s
	}
	if s.key, s.err = Open(ctx, e.Ref, o); s.err != nil {
		return s
	}
	s.cert = &tls.Certificate{PrivateKey: &tracked{slot: s, Signer: s.key.Signer}}
	if len(s.key.Chain) > 0 {
		s.cert.Leaf = s.key.Chain[0]
	}
	for _, c := range s.key.Chain {
		s.cert.Certificate = append(s.cert.Certificate, c.Raw)
	}
	return s
}

// Lease is a key in use. Release it when the signature is made.
type Lease struct {
	Signer   crypto.Signer
	Chain    []*x509.Certificate // that verifies what Signer signs
	Ref      Ref
	NotAfter time.Time

	slot *slot
	once sync.Once
}

// Release ends the use. It may be called more than once.
func (l *Lease) Release() { l.once.Do(l.slot.release) }

// For picks the key for a purpose and holder: of those that are valid at the time (certificate and Entry.From) the one that
// became valid last, then the one that is valid longest, then the one configured last. The error is an ErrNoKey and says
// what there is. Release the lease.
func (r *Keyring) For(p Purpose, holder string, at time.Time) (*Lease, error) {
	s, err := r.pick(p, holder, at)
	if err != nil {
		return nil, err
	}
	k := s.key
	return &Lease{Signer: k.Signer, Chain: k.Chain, Ref: k.Ref, NotAfter: k.NotAfter, slot: s}, nil
}

// Certificate is For for TLS: the certificate's key counts its own uses, so nothing has to be released.
func (r *Keyring) Certificate(p Purpose, holder string, at time.Time) (*tls.Certificate, error) {
	s, err := r.pick(p, holder, at)
	if err != nil {
		return nil, err
	}
	defer s.release()
	return s.cert, nil
}

// Use signs with the key that For picks, and releases it.
func (r *Keyring) Use(p Purpose, holder string, at time.Time, f func(*Lease) error) error {
	l, err := r.For(p, holder, at)
	if err != nil {
		return err
	}
	defer l.Release()
	return f(l)
}

// pick finds the slot and counts a use of it.
func (r *Keyring) pick(p Purpose, holder string, at time.Time) (*slot, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return nil, fmt.Errorf("couldn't find key: %w", ErrClosed)
	}
	best := r.best(p, holder, at)
	if best == nil || !best.acquire() {
		return nil, fmt.Errorf("couldn't find key for %s %q: %w%s", p, holder, ErrNoKey, r.why(p, holder, at))
	}
	return best, nil
}

func (r *Keyring) best(p Purpose, holder string, at time.Time) (best *slot) {
	for _, s := range r.slots {
		if s.entry.Purpose != p || s.entry.Holder != holder || s.key == nil || !s.validAt(at) {
			continue
		}
		if best == nil || cmp.Or(s.from().Compare(best.from()), s.key.NotAfter.Compare(best.key.NotAfter)) >= 0 {
			best = s
		}
	}
	return best
}

// why explains that no key fits.
func (r *Keyring) why(p Purpose, holder string, at time.Time) string {
	text := ""
	for _, s := range r.slots {
		if s.entry.Purpose != p || s.entry.Holder != holder {
			continue
		}
		switch {
		case s.key == nil:
			text += fmt.Sprintf("; %s cannot be opened", s.entry.Ref)
		case at.Before(s.from()):
			text += fmt.Sprintf("; %s is used from %s", s.entry.Ref, s.from().UTC().Format(time.RFC3339))
		default:
			text += fmt.Sprintf("; %s ended on %s", s.entry.Ref, s.key.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if text == "" {
		return ": none is configured"
	}
	return text
}

// from is when the key is used first.
func (s *slot) from() time.Time {
	if s.entry.From.After(s.key.NotBefore) {
		return s.entry.From
	}
	return s.key.NotBefore
}

func (s *slot) validAt(at time.Time) bool {
	return !at.Before(s.from()) && (s.key.NotAfter.IsZero() || !at.After(s.key.NotAfter))
}

func (s *slot) acquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.key == nil {
		return false
	}
	s.uses++
	return true
}

func (s *slot) release() {
	s.mu.Lock()
	s.uses--
	last := s.uses == 0 && s.retired && !s.closed
	s.closed = s.closed || last
	s.mu.Unlock()
	if last {
		_ = s.key.Close() // nobody is left who could be told
	}
}

// retire closes the key once nobody uses it.
func (s *slot) retire() error {
	s.mu.Lock()
	s.retired = true
	now := s.uses == 0 && !s.closed && s.key != nil
	s.closed = s.closed || now
	s.mu.Unlock()
	if !now {
		return nil
	}
	return s.key.Close()
}

// tracked counts each signature as a use.
type tracked struct {
	crypto.Signer
	slot *slot
}

func (t *tracked) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return t.SignContext(context.Background(), rand, digest, opts)
}

func (t *tracked) SignContext(ctx context.Context, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if !t.slot.acquire() {
		return nil, fmt.Errorf("couldn't sign with %s: %w", t.slot.entry.Ref, ErrClosed)
	}
	defer t.slot.release()
	return signContext(ctx, t.Signer, rand, digest, opts)
}

// Reload opens these entries with these options (Tokens stays that of the ring) and puts them in place of the present ones in one step. A key that hasn't changed is kept open; one
// that cannot be opened now but could before (a file half written, a service away) goes on as it was, and Changes says so.
// A Required entry that never could be opened is an error, and nothing is changed.
func (r *Keyring) Reload(ctx context.Context, entries []Entry, open Options) (Changes, error) {
	r.reload.Lock()
	defer r.reload.Unlock()
	open.Tokens = r.o.Open.Tokens
	r.o.Open = open
	r.mu.RLock()
	old, closed := slices.Clone(r.slots), r.closed
	r.mu.RUnlock()
	if closed {
		return Changes{}, fmt.Errorf("couldn't reload keys: %w", ErrClosed)
	}
	var ch Changes
	var next, fresh []*slot
	var fatal error
	for _, e := range entries {
		s, isNew := r.renew(ctx, e, old, next)
		if s.err != nil {
			ch.Errors = append(ch.Errors, s.err)
			if e.Required && s.key == nil {
				fatal = s.err
			}
		}
		if isNew {
			fresh = append(fresh, s)
			ch.Added++
		} else {
			ch.Kept++
		}
		next = append(next, s)
	}
	if fatal != nil {
		for _, s := range fresh {
			fatal = errors.Join(fatal, s.retire())
		}
		return Changes{}, fmt.Errorf("couldn't reload keys: %w", fatal)
	}
	r.mu.Lock()
	if r.closed { // Close has closed the old ones
		r.mu.Unlock()
		for _, s := range fresh {
			fatal = errors.Join(fatal, s.retire())
		}
		return Changes{}, errors.Join(fmt.Errorf("couldn't reload keys: %w", ErrClosed), fatal)
	}
	r.slots = next
	r.mu.Unlock()
	for _, s := range old {
		if !slices.Contains(next, s) {
			ch.Removed++
			r.o.AfterFunc(r.o.Linger, func() { _ = s.retire() })
		}
	}
	return ch, nil
}

// renew opens an entry and decides between what comes of it and the slot that stands for it now.
func (r *Keyring) renew(ctx context.Context, e Entry, old, taken []*slot) (_ *slot, isNew bool) {
	s := r.open(ctx, e)
	i := slices.IndexFunc(old, func(o *slot) bool { return o.entry.same(e) && o.key != nil && !slices.Contains(taken, o) })
	if i < 0 {
		return s, true
	}
	was := old[i]
	if s.key == nil || sameKey(s.key, was.key) && s.entry.From.Equal(was.entry.From) {
		if s.key != nil {
			s.err = s.key.Close()
		}
		was.mu.Lock()
		was.err = s.err
		was.mu.Unlock()
		return was, false
	}
	return s, true
}

func sameKey(a, b *Key) bool {
	pub, ok := a.raw.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(b.raw.Public()) &&
		slices.EqualFunc(a.Chain, b.Chain, func(x, y *x509.Certificate) bool { return x.Equal(y) })
}

// Close closes the keys, each when its last use has ended. Nothing can be asked for afterwards.
func (r *Keyring) Close() error {
	r.mu.Lock()
	slots := r.slots
	r.slots, r.closed = nil, true
	r.mu.Unlock()
	var errs []error
	for _, s := range slots {
		errs = append(errs, s.retire())
	}
	return errors.Join(errs...)
}

// Standing is where a key stands in its ring.
type Standing string

// Standings.
const (
	Active   Standing = "active"   // used now
	Next     Standing = "next"     // will be used from its beginning on
	Previous Standing = "previous" // valid, but another one is newer
	Ended    Standing = "ended"
	Broken   Standing = "broken" // could not be opened
)

// Info is a key of the ring, for people and monitoring.
type Info struct {
	Entry
	Standing            Standing
	Subject             string
	Algorithm           string
	Location            string
	NotBefore, NotAfter time.Time // zero: no certificate
	Uses                int       // under way now
	Err                 error     // of the last try to open it; a key may go on working
}

// List tells about every key, in the order of the configuration.
func (r *Keyring) List(at time.Time) []Info {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []Info
	for _, s := range r.slots {
		i := Info{Entry: s.entry, Standing: Broken}
		s.mu.Lock()
		i.Uses, i.Err = s.uses, s.err
		s.mu.Unlock()
		if s.key != nil {
			i.Algorithm, i.Location, i.NotBefore, i.NotAfter = s.key.Description(), s.key.Location, s.key.NotBefore, s.key.NotAfter
			if leaf := s.key.leaf(); leaf != nil {
				i.Subject = leaf.Subject.String()
			}
			switch {
			case r.best(s.entry.Purpose, s.entry.Holder, at) == s:
				i.Standing = Active
			case at.Before(s.from()):
				i.Standing = Next
			case s.validAt(at):
				i.Standing = Previous
			default:
				i.Standing = Ended
			}
		}
		out = append(out, i)
	}
	return out
}
