package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"golang.org/x/sync/singleflight"
)

// OnlineOptions say how Online asks. Only Now is required.
type OnlineOptions struct {
	// Now is the clock for what is cached and when to try again.
	Now func() time.Time
	// Client asks. Nil: one that connects to public addresses only (see AllowPrivate), without proxy. Of a given client redirects
	// and time-outs are bounded too, but where it connects to is its own affair, apart from URLs that name a private address.
	Client *http.Client
	// AllowPrivate lets it connect to loopback, private and link-local addresses, for authorities inside one's own network. A certificate
	// names the URL: without this a document could make the node ask its own services.
	AllowPrivate bool
	// Timeout of one request, with all redirects. Default 10 s.
	Timeout time.Duration
	// Renew asks again for what is so old, even before its NextUpdate. Zero: at NextUpdate.
	Renew time.Duration
	// RetryMin and RetryMax bound the wait after a failure; it doubles from one to the other. Default 10 s and 10 min.
	RetryMin, RetryMax time.Duration
	// Jitter gives numbers of [0,1) that spread the waits. Nil: random.
	Jitter func() float64
	// MaxMemory bounds the cached CRLs and responses, in bytes. Default 256 MiB. A single larger CRL is still used.
	MaxMemory int64
	// Folder keeps what was fetched, so that a restart does not need the network. Empty: memory only. What is read from it is believed
	// no more than what comes from the network.
	Folder string
	// Nonce is the source of randomness for nonces in OCSP requests. Nil: none are sent, so that the responder may answer from its cache.
	Nonce io.Reader
	// OnFetch is told of every request, for metrics. It must be quick and safe for concurrent use.
	OnFetch func(Fetch)
}

// Fetch is one request, for metrics.
type Fetch struct {
	Kind     Kind
	URL      string
	Bytes    int
	Duration time.Duration // by OnlineOptions.Now
	Err      error         // nil: answered, or not modified
	// Unchanged: the server said that what we have is still current.
	Unchanged bool
}

const (
	maxURLs     = 4               // of one kind in one certificate
	maxEntries  = 8192            // cached answers and failures
	withoutNext = 5 * time.Minute // how long an answer without NextUpdate is not asked for again
	overdue     = time.Minute     // the same for one whose NextUpdate has passed already
	maxOCSPs    = 32              // requests at a time
	maxCRLs     = 4               // the same; each may need MaxCRL bytes of memory, and as much again while it grows
)

// Online asks the OCSP responders and fetches the CRLs that certificates name. OCSP is asked first; CRLs only if
// no responder has an answer. What was fetched is kept until its NextUpdate, for a single
// certificate or issuer only one request runs at a time, and after a failure the same place is left alone for a growing while. An answer
// takes the place of the one before only if it is authentic and not older. Safe for concurrent use.
type Online struct {
	o      OnlineOptions
	client *http.Client
	cache  *cache
	flight singleflight.Group
	slots  map[Kind]chan struct{}
}

// NewOnline returns a Source that asks over the network.
func NewOnline(o OnlineOptions) *Online {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.RetryMin <= 0 {
		o.RetryMin = 10 * time.Second
	}
	if o.RetryMax < o.RetryMin {
		o.RetryMax = max(10*time.Minute, o.RetryMin)
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = 256 << 20
	}
	return &Online{o: o, client: boundedClient(o), cache: newCache(o.MaxMemory),
		slots: map[Kind]chan struct{}{OCSP: make(chan struct{}, maxOCSPs), CRL: make(chan struct{}, maxCRLs)}}
}

// Find implements Source.
func (n *Online) Find(ctx context.Context, cert, issuer *x509.Certificate, _ time.Time) ([]Answer, error) {
	var all []Answer
	var errs []error
	for _, kind := range []Kind{OCSP, CRL} {
		answers, err := n.ask(ctx, kind, cert, issuer)
		all = append(all, answers...)
		if err != nil {
			errs = append(errs, err)
		}
		if err := ctx.Err(); err != nil {
			return all, err
		}
		// A stale answer, or none of substance, is a reason to go on.
		for _, a := range answers {
			if a.Status != Unknown && (a.NextUpdate.IsZero() || !a.NextUpdate.Before(n.o.Now())) {
				return all, errors.Join(errs...)
			}
		}
	}
	return all, errors.Join(errs...)
}

// ask tries the URLs of one kind in order until one answers.
func (n *Online) ask(ctx context.Context, kind Kind, cert, issuer *x509.Certificate) ([]Answer, error) {
	urls := cert.OCSPServer
	if kind == CRL {
		urls = cert.CRLDistributionPoints
	}
	var all []Answer
	var errs []error
	if len(urls) > maxURLs {
		errs = append(errs, fmt.Errorf("the certificate names %d places for %s, only %d are tried", len(urls), kind, maxURLs))
		urls = urls[:maxURLs]
	}
	for _, u := range urls {
		a, err := n.get(ctx, question{kind: kind, url: u, cert: cert, issuer: issuer})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", kind, u, err))
		}
		if a == nil {
			continue
		}
		a.Source = u
		all = append(all, *a)
		if err == nil && a.Status != Unknown {
			break
		}
	}
	return all, errors.Join(errs...)
}

// question is what is asked of one place.
type question struct {
	kind         Kind
	url          string
	cert, issuer *x509.Certificate
}

// key is the same for questions that one answer serves: a CRL serves all certificates of the issuer.
func (q question) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %s ", q.kind, len(q.url), q.url)
	h.Write(q.issuer.Raw)
	if q.kind == OCSP {
		h.Write(serialOf(q.cert.SerialNumber))
	}
	return fmt.Sprintf("%x.%s", h.Sum(nil), q.kind)
}

// information is a *list or a *response.
type information interface {
	find(cert, issuer *x509.Certificate, helpers []*x509.Certificate) (*Answer, error)
	times() (this, next time.Time)
	size() int64
	bytes() []byte
}

func (l *list) times() (this, next time.Time) { return l.this, l.next }
func (l *list) size() int64                   { return int64(len(l.raw)) + 4*int64(len(l.index)) }
func (l *list) bytes() []byte                 { return l.raw }

// times of a response are the narrowest of those about its certificates.
func (r *response) times() (this, next time.Time) {
	for i, s := range r.single {
		if i == 0 || s.this.Before(this) {
			this = s.this
		}
		if !s.next.IsZero() && (next.IsZero() || s.next.Before(next)) {
			next = s.next
		}
	}
	return this, next
}
func (r *response) size() int64   { return int64(len(r.raw)) * 4 }
func (r *response) bytes() []byte { return r.raw }

func (q question) parse(b []byte) (information, error) {
	if q.kind == CRL {
		return readCRLBytes(b)
	}
	return parseOCSP(b)
}

// believe says why information is no answer to the question, authentic and in scope.
func (q question) believe(i information) error {
	a, err := i.find(q.cert, q.issuer, nil)
	if err != nil {
		return err
	}
	if l, ok := i.(*list); ok && a == nil { // out of scope for this certificate, perhaps not for others
		if string(l.issuer) != string(q.issuer.RawSubject) {
			return fmt.Errorf("it is not by %q", q.issuer.Subject)
		}
		_, err := l.signer(q.issuer, nil)
		return err
	}
	if a == nil {
		return errors.New("it is about other certificates")
	}
	return nil
}

// get answers from the cache, else asks.
func (n *Online) get(ctx context.Context, q question) (*Answer, error) {
	if err := n.checkURL(q.url); err != nil {
		return nil, err
	}
	key := q.key()
	e, fresh, err := n.cache.look(key, n.o.Now())
	if e == nil && err == nil && n.o.Folder != "" {
		if i, fetched, ok := n.readKept(key, q); ok {
			until := n.until(i, fetched)
			n.cache.put(key, i, until, validators{})
			e, fresh = i, n.o.Now().Before(until)
		}
	}
	if !fresh && err == nil {
		before := e
		ch := n.flight.DoChan(key, func() (any, error) { return n.fetch(context.WithoutCancel(ctx), key, q, before) })
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case r := <-ch:
			err = r.Err
			if got, ok := r.Val.(information); ok && got != nil {
				e = got
			}
		}
	}
	if e == nil {
		return nil, err
	}
	a, ferr := e.find(q.cert, q.issuer, nil)
	return a, errors.Join(err, ferr)
}

// until is when to ask again.
func (n *Online) until(i information, fetched time.Time) time.Time {
	_, next := i.times()
	t := next
	if t.IsZero() {
		t = fetched.Add(withoutNext)
	}
	if t.Before(fetched.Add(overdue)) {
		t = fetched.Add(overdue)
	}
	if n.o.Renew > 0 && fetched.Add(n.o.Renew).Before(t) { // whoever wants to hear of revocations within seconds does
		t = fetched.Add(n.o.Renew)
	}
	return t
}

// fetch asks once and keeps the answer, or remembers the failure. What was known before stays known.
func (n *Online) fetch(ctx context.Context, key string, q question, before information) (information, error) {
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	// Another request may have ended since the cache was looked at.
	if known, fresh, err := n.cache.look(key, n.o.Now()); fresh || err != nil {
		return known, err
	} else if known != nil {
		before = known
	}
	slots := n.slots[q.kind]
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return before, ctx.Err()
	}
	start := n.o.Now()
	f := Fetch{Kind: q.kind, URL: q.url}
	i, tags, err := n.request(ctx, key, q, before, &f)
	if err == nil && i != before && before != nil {
		older, _ := before.times()
		if this, _ := i.times(); this.Before(older) {
			err = fmt.Errorf("it answers with what was known at %s; what is at hand is of %s", when(this), when(older))
		}
	}
	now := n.o.Now()
	f.Duration, f.Err = now.Sub(start), err
	if n.o.OnFetch != nil {
		n.o.OnFetch(f)
	}
	if err != nil {
		n.cache.fail(key, err, now, n.wait)
		return before, err
	}
	n.cache.put(key, i, n.until(i, now), tags)
	if n.o.Folder != "" {
		if err := n.keep(key, i); err != nil {
			return i, err
		}
	}
	return i, nil
}

// wait is how long to leave a place alone after so many failures in a row.
func (n *Online) wait(failures int) time.Duration {
	d := n.o.RetryMin
	for range failures - 1 {
		if d *= 2; d >= n.o.RetryMax {
			d = n.o.RetryMax
			break
		}
	}
	return d/2 + time.Duration(float64(d/2)*n.o.Jitter())
}
