package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// demoAuthorities are the trial authorities of the demonstration. They run in its process, on a loopback address, apart from the
// nodes: those ask them over HTTP, at the places that the certificates name, as they would ask real ones.
type demoAuthorities struct {
	dir, url string
	log      *slog.Logger
	mux      *http.ServeMux
	end      func() error

	persons, stamps *trialOffice
}

// openDemoAuthorities starts serving, and makes the authority of persons and that of time-stamps.
func openDemoAuthorities(dir string) (*demoAuthorities, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("couldn't listen for the authorities: %w", err)
	}
	a := &demoAuthorities{dir: dir, url: "http://" + l.Addr().String(), log: slog.New(slog.DiscardHandler), mux: http.NewServeMux()}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serveUntilDone(ctx, l, a.mux) }()
	a.end = func() error { cancel(); return <-served }
	if a.persons, err = a.add("ca-nhan", "CA cá nhân thử nghiệm", byOCSP); err == nil {
		a.stamps, err = a.add("dau-thoi-gian", "CA dấu thời gian thử nghiệm", byCRL)
	}
	if err != nil {
		return nil, errors.Join(err, a.end())
	}
	return a, nil
}

// What certificates name as the place to ask about them.
const (
	byCRL = iota
	byOCSP
)

// add makes an authority.
func (a *demoAuthorities) add(path, name string, named int) (*trialOffice, error) {
	ca, err := trialca.New(name, rand.Reader, time.Now)
	if err != nil {
		return nil, err
	}
	base := a.url + "/" + path
	switch named {
	case byCRL:
		ca.Places = trialca.Places{CRL: base + "/ca.crl", Issuer: base + "/ca.crt"}
	case byOCSP:
		ca.Places = trialca.Places{OCSP: base + "/ocsp", Issuer: base + "/ca.crt"}
	}
	dir := filepath.Join(a.dir, path)
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make folder: %w", err)
	}
	o := &trialOffice{ca: ca, records: trialRecords{filepath.Join(dir, "revoked.json")}, dir: dir}
	if err := errors.Join(signing.SaveKey(filepath.Join(dir, "keys", "ca.pem"), ca.Key()), signing.SaveCertificates(filepath.Join(dir, "ca.crt"), []*x509.Certificate{ca.Certificate})); err != nil {
		return nil, err
	}
	h, err := o.handler(a.log)
	if err != nil {
		return nil, err
	}
	a.mux.Handle("/"+path+"/tsa", http.StripPrefix("/"+path, h))
	a.mux.Handle("/"+path+"/", http.StripPrefix("/"+path, &publisher{next: h, records: o.records.file}))
	return o, nil
}

// stampURL is where the time-stamps are.
func (a *demoAuthorities) stampURL() string { return a.url + "/dau-thoi-gian/tsa" }

// stamper is a client of the authority of time-stamps, for those who sign.
func (a *demoAuthorities) stamper() (tsp.Stamper, error) {
	return tsp.NewClient([]tsp.ServiceConfig{{URL: a.stampURL()}}, tsp.ClientOptions{})
}

// publisher hands out what an authority signed once until something is revoked or publishEvery has passed, as real authorities do. Nodes that ask every second
// then hear the same octets, and have no reason to record them again.
type publisher struct {
	next    http.Handler
	records string // file

	mu      sync.Mutex
	issued  time.Time
	state   []byte // of the records
	answers map[[32]byte]*publication
}

const publishEvery = 30 * time.Minute

// publication is one answer. It is an http.ResponseWriter while it is made.
type publication struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (p *publication) Header() http.Header         { return p.header }
func (p *publication) WriteHeader(status int)      { p.status = status }
func (p *publication) Write(b []byte) (int, error) { return p.body.Write(b) }

// ServeHTTP answers from what was published.
func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	state, err := os.ReadFile(p.records)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "no records", http.StatusInternalServerError)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers == nil || time.Since(p.issued) >= publishEvery || !bytes.Equal(state, p.state) {
		p.answers, p.issued, p.state = map[[32]byte]*publication{}, time.Now(), state
	}
	key := sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\n"), body...))
	answer := p.answers[key]
	if answer == nil {
		answer = &publication{status: http.StatusOK, header: http.Header{}}
		r.Body = io.NopCloser(bytes.NewReader(body))
		p.next.ServeHTTP(answer, r)
		if answer.status == http.StatusOK && len(p.answers) < 1000 {
			p.answers[key] = answer
		}
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes()) // the client may have gone
}

// issue makes a key and its certificate while the authority may be publishing.
func (o *trialOffice) issue(l trialca.Leaf) (identity, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key, cert, err := o.ca.Issue(l)
	return identity{key: key, chain: []*x509.Certificate{cert}}, err
}

// enrol makes an agency's keys likewise.
func (o *trialOffice) enrol(t trialAgency, dir string) ([]schemas.Operation, identity, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return t.enrol(o.ca, dir)
}
