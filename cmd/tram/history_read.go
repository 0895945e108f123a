package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/signing/verdict"
)

// lifeInRecord reads a record; dir is the data folder of its node.
func lifeInRecord(ctx context.Context, open func(context.Context) (savedRecord, error), dir, doc, keyArg string) (l *life, err error) {
	record, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	key, _, err := findDocument(ctx, record, doc)
	if err != nil {
		return nil, err
	}
	l = &life{Document: key, Origin: record.Head().Origin, From: dir, NotChecked: []string{}}
	base := dir
	if filepath.Base(dir) == "data" {
		base = filepath.Dir(dir)
	}
	verifiers, err := openRecordVerifiers(ctx, record, base, keyArg)
	if err != nil {
		return nil, err
	}
	var keys []ledger.Key
	for _, v := range verifiers {
		keys = append(keys, ledger.VerifierKey(v))
	}
	if len(keys) == 0 {
		l.NotChecked = append(l.NotChecked, "ai đã ký đầu nhật ký / who signed the log's head: no log.vkey, give --log-key")
	}
	list, err := eventsOfDocument(ctx, record, key)
	if err != nil {
		return nil, err
	}
	stamps, err := stampsOf(ctx, record)
	if err != nil {
		return nil, err
	}
	decided, err := destruction.Load(ctx, record)
	if err != nil {
		return nil, fmt.Errorf("couldn't read what was destroyed: %w", err)
	}
	for i := range list {
		if err := l.addRecorded(ctx, record, &list[i], keys, stamps, decided.Index()); err != nil {
			return nil, err
		}
	}
	l.conclude()
	return l, nil
}

// eventsOfDocument are those of its stream and of every delivery that follows from it, in order of position.
func eventsOfDocument(ctx context.Context, record savedRecord, key string) (list []events.Event, err error) {
	stream := document.StreamPrefix + key
	var deliveries []string
	deliver := func(item, org string) {
		if s := delivery.Stream(stream, item, org); !slices.Contains(deliveries, s) {
			deliveries = append(deliveries, s)
		}
	}
	err = record.Stream(ctx, stream, 0, func(e events.Event) error {
		list = append(list, e)
		var data struct {
			Recipients json.RawMessage `json:"recipients"`
			To         []string        `json:"to"`
		}
		if err := json.Unmarshal(e.Statement.Data, &data); err != nil {
			return fmt.Errorf("couldn't read event %d: %w", e.Position, err)
		}
		switch e.Statement.Name {
		case document.NameReceived, document.NameResent:
			var recipients []document.Recipient
			if err := json.Unmarshal(data.Recipients, &recipients); err != nil {
				return fmt.Errorf("couldn't read recipients of event %d: %w", e.Position, err)
			}
			for _, r := range recipients {
				deliver(delivery.ItemDocument, r.Org)
			}
		case document.NameStatusReported:
			if e.Statement.Package != nil {
				for _, org := range data.To {
					deliver(delivery.ItemStatus(e.Statement.Package.SHA256), org)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("couldn't find document %s: %w", key, events.ErrNotFound)
	}
	for _, s := range deliveries {
		err := record.Stream(ctx, s, 0, func(e events.Event) error { list = append(list, e); return nil })
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b events.Event) int { return int(int64(a.Position) - int64(b.Position)) })
	return list, nil
}

// stampsOf are the time-stamps over the log's heads.
func stampsOf(ctx context.Context, record savedRecord) (stamps []timestamp.Placed, err error) {
	err = record.Stream(ctx, timestamp.Stream, 0, func(e events.Event) error {
		s, err := timestamp.Decode(e)
		if err == nil {
			stamps = append(stamps, timestamp.Placed{Stamped: s, Position: e.Position})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read time-stamps: %w", err)
	}
	return stamps, nil
}

// addRecorded proves an event of the record and judges its package as of its acceptance.
func (l *life) addRecorded(ctx context.Context, record savedRecord, e *events.Event, keys []ledger.Key, stamps []timestamp.Placed, decided *destruction.Index) error {
	proof, head, err := record.Proof(ctx, e.Position, 0)
	if err != nil {
		return fmt.Errorf("couldn't prove event %d: %w", e.Position, err)
	}
	r := ledger.Receipt{Statement: e.Statement, Bytes: e.Bytes, Position: e.Position, Proof: proof, Checkpoint: head.Checkpoint}
	told, _, err := l.take(r.Encode(), keys)
	if err != nil {
		return err
	}
	if i := timestamp.Covering(stamps, e.Position); i >= 0 {
		told.Stamp = &lifeStamp{Time: stamps[i].Time, By: stamps[i].TSA, Head: stamps[i].Size}
	}
	if e.Destroyed {
		told.gone("words", func() (destruction.Mark, bool) { return decided.Facts(e) })
	}
	if l.Number == "" && e.Statement.Name == document.NameReceived && e.Facts != nil {
		var f document.Facts
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return fmt.Errorf("couldn't read the facts of event %d: %w", e.Position, err)
		}
		l.Number, l.Subject = numberOf(&f), f.Subject
	}
	if e.Statement.Package == nil {
		return nil
	}
	p, err := record.OpenPackage(ctx, e.Statement.Package.SHA256)
	if errors.Is(err, events.ErrNotFound) {
		told.gone("package", func() (destruction.Mark, bool) { return decided.Package(e) })
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't open the package of event %d: %w", e.Position, err)
	}
	if e.Statement.Evidence == nil {
		return p.Close()
	}
	read := func(d events.Digest) ([]byte, error) { return record.Evidence(ctx, d) }
	v := &lifeVerdict{}
	a, err := acceptanceOf(*e, read)
	if err == nil {
		v.AsOf = a.at
		report, verr := a.verify(ctx, p)
		if err = verr; err == nil {
			err = a.fits(report)
		}
		if err == nil {
			err = a.evidence.JudgeAgain(ctx, a.at, read)
		}
	}
	if v.OK = err == nil; err != nil {
		v.Detail = err.Error()
	}
	told.Signatures = v
	return p.Close()
}

// gone says what is not there: destroyed by the decision that covers it, or lost.
func (e *lifeEvent) gone(what string, by func() (destruction.Mark, bool)) {
	m, ok := by()
	if !ok {
		e.Missing = append(e.Missing, what)
		return
	}
	e.Destroyed = append(e.Destroyed, what)
	e.Decision = &lifeDecision{Words: m.Decision.Words(), Position: m.Decision.Address.Position}
}

// lifeByNode asks a node: what the caller may read, each receipt checked here.
func lifeByNode(ctx context.Context, flags clientFlags, doc, keyArg string) (*life, error) {
	c, err := flags.open()
	if err != nil {
		return nil, err
	}
	key, err := askDocument(ctx, c, doc)
	if err != nil {
		return nil, err
	}
	l := &life{Document: key, From: c.base.String(), NotChecked: []string{"dấu thời gian / time-stamps: see tram evidence"}}
	var keys []ledger.Key
	if keyArg != "" {
		k, err := readKey(keyArg)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	} else {
		l.NotChecked = append(l.NotChecked, "ai đã ký đầu nhật ký / who signed the log's head: give --log-key")
	}
	path := "/v1/documents/" + url.PathEscape(key)
	var d httpapi.DocumentAnswer
	if err := c.call(ctx, http.MethodGet, path, nil, nil, &d); err != nil {
		return nil, err
	}
	l.Number, l.Subject = d.Number, d.Subject
	for _, h := range d.History {
		file, err := c.bytes(ctx, path+"/receipts/"+strconv.FormatUint(h.Position, 10))
		if err != nil {
			return nil, fmt.Errorf("couldn't get the receipt of event %d: %w", h.Position, err)
		}
		told, r, err := l.take(file, keys)
		if err != nil {
			return nil, err
		}
		if r.Position != h.Position {
			return nil, fmt.Errorf("the node gave the receipt of event %d for event %d", r.Position, h.Position)
		}
		l.Origin = r.Statement.Origin
		if d.Destroyed != "" && r.Statement.Facts != nil {
			told.Destroyed = append(told.Destroyed, "words")
		}
		if err := l.askVerdict(ctx, c, told); err != nil {
			return nil, err
		}
	}
	l.conclude()
	return l, nil
}

// askVerdict has the node judge the package of an event again.
func (l *life) askVerdict(ctx context.Context, c *client, e *lifeEvent) error {
	if e.Package == nil {
		return nil
	}
	var v verdict.Verdict
	err := c.call(ctx, http.MethodGet, "/v1/packages/"+e.Package.String()+"/verdict", nil, nil, &v)
	refused := (*refusedError)(nil)
	switch {
	case err == nil:
		e.Signatures = &lifeVerdict{OK: v.OK(), AsOf: v.At}
		if !v.OK() {
			e.Signatures.Detail = string(v.Indication) + " " + string(v.SubIndication)
		}
	case errors.As(err, &refused) && refused.Code == gateway.CodeDestroyed:
		e.Destroyed = append(e.Destroyed, "package")
	case errors.As(err, &refused) && refused.Code == gateway.CodeNotFound:
		l.NotChecked = append(l.NotChecked, fmt.Sprintf("chữ ký của sự kiện / signatures of event %d: not the caller's to read", e.Position))
	default:
		return err
	}
	return nil
}

// bytes gets a small file.
func (c *client) bytes(ctx context.Context, path string) ([]byte, error) {
	resp, err := c.do(ctx, http.MethodGet, path, nil, nil, 0, "", "text/plain")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
}
