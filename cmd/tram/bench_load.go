package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is one run of senders against a node.
type load struct {
	site    *benchSite
	senders int
	// next gives an agency's next package, or false when there are no more. It is called by many senders at once.
	next func(agency int) (benchPackage, bool, error)
	tls  *tls.Config

	mu        sync.Mutex
	took      []time.Duration // of each hand-in, until its receipt was read
	lags      []time.Duration // from receipt to visible, of a sample
	heads     map[uint64]bool // sizes of the heads that sealed them: one a commit
	last      uint64          // highest position
	lastKey   string          // of the document there
	lastOf    int             // its agency
	receipts  []benchReceipt  // a sample, to be proved afterwards
	bytes     int64
	accepted  atomic.Int64
	observers sync.WaitGroup
	poll      *http.Client
}

type benchReceipt struct{ sum, receipt []byte }

// loadResult is what a run came to.
type loadResult struct {
	packages  int
	seconds   float64 // from the first byte sent until the last package stood in the register
	took      []time.Duration
	lags      []time.Duration
	group     float64       // packages a commit
	processor time.Duration // of the node, meanwhile
	sending   time.Duration // processor time of the senders
	bytesEach int
	receipts  []benchReceipt
}

func (r *loadResult) rate() float64 { return float64(r.packages) / r.seconds }

// quantile sorts d.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(q*float64(len(d))))]
}

func newLoad(s *benchSite, senders int) (*load, error) {
	pem, err := os.ReadFile(filepath.Join(s.demoNode.dir(), "trust", "trial-ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("couldn't read authority: %w", err)
	}
	l := &load{site: s, senders: senders, heads: map[uint64]bool{}}
	l.tls = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	l.tls.RootCAs.AppendCertsFromPEM(pem)
	l.poll = &http.Client{Transport: &http.Transport{TLSClientConfig: l.tls.Clone(), MaxIdleConnsPerHost: 64}, Timeout: time.Minute}
	return l, nil
}

// fixed hands out given packages.
func (l *load) fixed(packages []benchPackage) {
	of := make([][]benchPackage, benchAgencies)
	for _, p := range packages {
		of[p.agency] = append(of[p.agency], p)
	}
	at := make([]atomic.Int64, benchAgencies)
	l.next = func(agency int) (benchPackage, bool, error) {
		i := int(at[agency].Add(1)) - 1
		if i >= len(of[agency]) {
			return benchPackage{}, false, nil
		}
		return of[agency][i], true, nil
	}
}

// run connects the senders, lets them go at the same moment and waits until the last package is in the register.
func (l *load) run(ctx context.Context) (*loadResult, error) {
	g, ctx := errgroup.WithContext(ctx)
	begin := make(chan struct{})
	var connected sync.WaitGroup
	connected.Add(l.senders)
	for i := range l.senders {
		g.Go(func() error {
			c, err := l.connect(ctx)
			connected.Done()
			if err != nil {
				return err
			}
			defer c.Close()
			<-begin
			return l.send(ctx, c, i%benchAgencies)
		})
	}
	connected.Wait()
	used, err := l.site.processor()
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	own, err := ownProcessor()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	close(begin)
	if err := g.Wait(); err != nil {
		return nil, err
	}
	l.observers.Wait()
	if _, err := l.visible(context.WithoutCancel(ctx), l.lastKey, l.lastOf); err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()
	now, err := l.site.processor()
	if err != nil {
		return nil, err
	}
	ownNow, err := ownProcessor()
	if err != nil {
		return nil, err
	}
	n := int(l.accepted.Load())
	if n == 0 {
		return nil, errors.New("couldn't measure: nothing was sent")
	}
	return &loadResult{
		packages: n, seconds: seconds, processor: now - used, sending: ownNow - own, took: l.took, lags: l.lags, group: float64(n) / float64(len(l.heads)),
		bytesEach: int(l.bytes / int64(n)), receipts: l.receipts,
	}, nil
}

func (l *load) connect(ctx context.Context) (net.Conn, error) {
	d := tls.Dialer{Config: l.tls}
	c, err := d.DialContext(ctx, "tcp", l.site.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("couldn't reach node: %w", err)
	}
	return c, nil
}

// sampleEvery is how often a hand-in's way into the register is watched; watching costs requests of its own.
const sampleEvery = 200

// send is one sender: HTTP/1.1 on a connection of its own, one package after the other, as a document system does it. It
// speaks the protocol itself because the sender shares the processors with the node that is measured.
func (l *load) send(ctx context.Context, c net.Conn, agency int) error {
	if d, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(d)
	}
	head := "POST /v1/packages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + l.site.tokens[agency] +
		"\r\nContent-Type: application/xml\r\nAccept: text/plain\r\nContent-Length: "
	r := bufio.NewReaderSize(c, 16<<10)
	var out, answer bytes.Buffer
	var took []time.Duration
	var heads []uint64
	var bytesSent int64
	var kept []benchReceipt
	var last uint64
	var lastKey string
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.took, l.receipts = append(l.took, took...), append(l.receipts, kept...)
		l.bytes += bytesSent
		for _, h := range heads {
			l.heads[h] = true
		}
		if last >= l.last && lastKey != "" {
			l.last, l.lastKey, l.lastOf = last, lastKey, agency
		}
	}()
	for ctx.Err() == nil {
		p, ok, err := l.next(agency)
		if err != nil || !ok {
			return err
		}
		out.Reset()
		out.WriteString(head)
		out.WriteString(strconv.Itoa(len(p.body)))
		out.WriteString("\r\n\r\n")
		out.Write(p.body)
		start := time.Now()
		if _, err := c.Write(out.Bytes()); err != nil {
			return fmt.Errorf("couldn't send: %w", err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return fmt.Errorf("couldn't read the node's answer: %w", err)
		}
		answer.Reset()
		_, err = answer.ReadFrom(resp.Body)
		resp.Body.Close()
		took = append(took, time.Since(start))
		if err != nil || resp.StatusCode != http.StatusCreated {
			return fmt.Errorf("couldn't hand in: HTTP %d: %.300s (%v)", resp.StatusCode, answer.Bytes(), err)
		}
		bytesSent += int64(len(p.body))
		position, err := strconv.ParseUint(resp.Header.Get("Tram-Position"), 10, 64)
		if err != nil {
			return fmt.Errorf("couldn't use the node's answer: %w", err)
		}
		size, err := sealedSize(answer.Bytes())
		if err != nil {
			return err
		}
		heads = append(heads, size)
		if position >= last {
			last, lastKey = position, resp.Header.Get("Tram-Document")
		}
		if l.accepted.Add(1)%sampleEvery == 0 {
			kept = append(kept, benchReceipt{sum: []byte(filepath.Base(resp.Header.Get("Location"))), receipt: bytes.Clone(answer.Bytes())})
			l.watch(ctx, resp.Header.Get("Tram-Document"), agency)
		}
	}
	return ctx.Err()
}

// sealedSize reads the size of the checkpoint in a receipt.
func sealedSize(receipt []byte) (uint64, error) {
	_, checkpoint, ok := bytes.Cut(receipt, []byte("\n\n"))
	lines := bytes.SplitN(checkpoint, []byte("\n"), 3)
	if !ok || len(lines) < 3 {
		return 0, errors.New("couldn't use the node's answer: no checkpoint in the receipt")
	}
	return strconv.ParseUint(string(lines[1]), 10, 64)
}

// watch measures how long a document takes from its receipt into the register.
func (l *load) watch(ctx context.Context, key string, agency int) {
	l.observers.Go(func() {
		lag, err := l.visible(ctx, key, agency)
		if err != nil {
			return // the run has been given up
		}
		l.mu.Lock()
		l.lags = append(l.lags, lag)
		l.mu.Unlock()
	})
}

// visible asks for a document until it is answered. The answer is at most a quarter later than the truth.
func (l *load) visible(ctx context.Context, key string, agency int) (time.Duration, error) {
	start := time.Now()
	for pause := 2 * time.Millisecond; ; pause = min(pause*5/4, time.Second) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.site.url()+"/v1/documents/"+key, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+l.site.tokens[agency])
		resp, err := l.poll.Do(req)
		if err != nil {
			return 0, fmt.Errorf("couldn't ask for document: %w", err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		lag := time.Since(start)
		switch {
		case err != nil:
			return 0, fmt.Errorf("couldn't ask for document: %w", err)
		case resp.StatusCode == http.StatusOK:
			return lag, nil
		case resp.StatusCode != http.StatusNotFound || lag > time.Minute:
			return 0, fmt.Errorf("couldn't find document %s in the register after %v: HTTP %d", key, lag.Round(time.Millisecond), resp.StatusCode)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}
