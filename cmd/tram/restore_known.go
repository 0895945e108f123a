package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// knownHead is what somebody knows of the log.
type knownHead struct {
	Source string         `json:"source"` // file, folder or address
	Kind   string         `json:"kind"`   // copy, checkpoint, receipt, witness
	Size   uint64         `json:"size"`
	Root   *events.Digest `json:"root"`   // a witness says only the size
	Signed bool           `json:"signed"` // by the key that was given
	Agrees *bool          `json:"agrees"` // nil: it goes beyond what was restored, or says only a size

	Checkpoint string `json:"checkpoint,omitempty"` // itself: what a new log binds after a loss
}

// keptReceipt is a receipt that was given.
type keptReceipt struct {
	file string
	r    *ledger.Receipt
}

// missingEvents are positions From to To-1.
type missingEvents struct {
	From    uint64         `json:"from"`
	To      uint64         `json:"to"`
	Count   uint64         `json:"count"`
	Named   []missingEvent `json:"named"`
	Unnamed uint64         `json:"unnamed"` // of which nothing but their number is known
}

// missingEvent is one of them, by its receipt.
type missingEvent struct {
	Position uint64             `json:"position"`
	Name     string             `json:"event"`
	Stream   string             `json:"stream"`
	Time     time.Time          `json:"time"`
	Actor    string             `json:"actor"`
	Client   string             `json:"client"`
	Package  *events.PackageRef `json:"package"` // whoever handed it in has it, and the receipt
	Receipt  string             `json:"receipt"`
}

// nameMissing says of each missing event what receipts say.
func nameMissing(from, to uint64, receipts []*keptReceipt) *missingEvents {
	m := &missingEvents{From: from, To: to, Count: to - from, Named: []missingEvent{}}
	for _, k := range receipts {
		if k.r.Position < from || slices.ContainsFunc(m.Named, func(e missingEvent) bool { return e.Position == k.r.Position }) {
			continue
		}
		st := &k.r.Statement
		m.Named = append(m.Named, missingEvent{k.r.Position, st.Name, st.Stream, st.Time, st.Actor, st.Client, st.Package, k.file})
	}
	slices.SortFunc(m.Named, func(a, b missingEvent) int { return int(a.Position) - int(b.Position) })
	m.Unnamed = m.Count - uint64(len(m.Named))
	return m
}

// askOthers collects what is known of the log outside the copies. What cannot be read or is signed by another key is an error:
// the caller believed it to be worth asking.
func (r *restoring) askOthers(ctx context.Context) error {
	web, err := r.web()
	if err != nil {
		return err
	}
	for _, name := range r.o.checkpoints {
		b, err := r.readCheckpoint(ctx, web, name)
		if err != nil {
			return err
		}
		h, err := r.openHead(b)
		if err != nil {
			return fmt.Errorf("couldn't use checkpoint %s: %w", name, err)
		}
		r.a.Known = append(r.a.Known, knownHead{Source: name, Kind: "checkpoint", Size: h.Size, Root: &h.Root, Signed: r.key != nil, Checkpoint: string(b)})
	}
	for _, file := range r.o.receipts {
		if err := r.readReceipt(file); err != nil {
			return err
		}
	}
	for _, address := range r.o.witnesses {
		if err := r.askWitness(ctx, web, address); err != nil {
			return err
		}
	}
	return nil
}

// openHead reads a checkpoint and, if there is a key, sees who signed it.
func (r *restoring) openHead(b []byte) (h ledger.Head, err error) {
	if r.key != nil {
		return r.key.Open(b, r.a.Origin)
	}
	if h, err = ledger.ReadCheckpoint(b); err == nil && h.Origin != r.a.Origin {
		err = fmt.Errorf("origin %q, expected %q", h.Origin, r.a.Origin)
	}
	return h, err
}

const maxCheckpointFile = 1 << 20

// readCheckpoint takes a file, a folder of a mirror, or an address.
func (r *restoring) readCheckpoint(ctx context.Context, web *http.Client, name string) ([]byte, error) {
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		return fetch(ctx, web, name)
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, tiles.CheckpointPath)
	}
	return readCheckpointFile(name)
}

func (r *restoring) web() (*http.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.o.ca != "" {
		b, err := os.ReadFile(r.o.ca)
		if err != nil {
			return nil, fmt.Errorf("couldn't read authority: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("couldn't read authority: no certificate in %s", r.o.ca)
		}
	}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: conf, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

func fetch(ctx context.Context, web *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask for a checkpoint: %w", err)
	}
	resp, err := web.Do(req)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask for a checkpoint: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("couldn't ask for a checkpoint: %s answers %s", address, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxCheckpointFile))
	if err != nil {
		return nil, fmt.Errorf("couldn't ask for a checkpoint: %w", err)
	}
	return b, nil
}

// readReceipt takes a receipt: its checkpoint is a known head, and its statement names an event.
func (r *restoring) readReceipt(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("couldn't read receipt: %w", err)
	}
	var k keptReceipt
	var h ledger.Head
	if r.key != nil {
		k.r, h, err = ledger.CheckReceipt(b, *r.key)
	} else if k.r, err = ledger.ParseReceipt(b); err == nil {
		if h, err = ledger.ReadCheckpoint(k.r.Checkpoint); err == nil {
			err = ledger.CheckInclusion(k.r.Proof, k.r.Position, ledger.Entry(k.r.Bytes), h.Size, h.Root)
		}
	}
	if err == nil && (h.Origin != r.a.Origin || k.r.Statement.Origin != r.a.Origin) {
		err = fmt.Errorf("origin %q, expected %q", h.Origin, r.a.Origin)
	}
	if err != nil {
		return fmt.Errorf("couldn't use receipt %s: %w", file, err)
	}
	k.file = file
	r.receipts = append(r.receipts, &k)
	r.a.Known = append(r.a.Known, knownHead{Source: file, Kind: "receipt", Size: h.Size, Root: &h.Root, Signed: r.key != nil, Checkpoint: string(k.r.Checkpoint)})
	return nil
}

// askWitness asks how far a witness has seen the log, in the only way there is: by showing it the head of the longest copy as one
// that it knows (C2SP tlog-witness). If it knows another size it says which.
func (r *restoring) askWitness(ctx context.Context, web *http.Client, address string) error {
	best := r.sources[0].r.Head()
	for _, s := range r.sources {
		if h := s.r.Head(); h.Size > best.Size {
			best = h
		}
	}
	body := append(fmt.Appendf(nil, "old %d\n\n", best.Size), best.Checkpoint...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(address, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("couldn't ask witness: %w", err)
	}
	resp, err := web.Do(req)
	if err != nil {
		return fmt.Errorf("couldn't ask witness: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("couldn't ask witness: %w", err)
	}
	k := knownHead{Source: address, Kind: "witness", Size: best.Size}
	switch {
	case resp.StatusCode == http.StatusOK: // it knows just this head
	case resp.StatusCode == http.StatusConflict && resp.Header.Get("Content-Type") == "text/x.tlog.size":
		if k.Size, err = strconv.ParseUint(strings.TrimSuffix(string(answer), "\n"), 10, 62); err != nil {
			return fmt.Errorf("couldn't ask witness %s: size %.40q", address, answer)
		}
		if k.Size == best.Size {
			return fmt.Errorf("%w: witness %s has cosigned another root of size %d", errOtherHistory, address, k.Size)
		}
	default:
		return errors.Join(fmt.Errorf("couldn't ask witness %s: %s: %.200q", address, resp.Status, answer))
	}
	r.a.Known = append(r.a.Known, k)
	return nil
}
