package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// remoteOptions say how a node is reached, and where what it gave is kept.
type remoteOptions struct {
	clientFlags
	cache string
}

func (r *remoteOptions) register(fs *pflag.FlagSet) {
	fs.StringVar(&r.ca, "ca", os.Getenv("TRAM_CA"), "with an address: PEM certificate of the authority of the node's certificate (TRAM_CA)")
	fs.StringVar(&r.tokenFile, "token-file", os.Getenv("TRAM_TOKEN_FILE"), "with an address: file with the auditor's API token (TRAM_TOKEN_FILE)")
	fs.StringVar(&r.cache, "cache", "", "with an address: folder for full tiles, so that they are fetched once")
}

// remotePackages is how many packages are fetched at a time for each processor: the network is what takes long.
const remotePackages = 4

// remoteRecord is a node's record as it shows it to one auditor.
type remoteRecord struct {
	*verification
	client *client
	files  *httpFiles

	tree     ledger.Tree
	dec      events.Decoder
	older    *ledger.Head
	last     time.Time                // of the event before
	versions *events.Checker          // while nothing was withheld
	answers  map[events.Digest]uint64 // where CRLs and OCSP responses are kept: their positions
	stamped  timestamp.State
	judging  *judging
	unseen   uint64 // before r.judging.since: withheld when they were to be judged
}

// run proves what a node shows: runVerification for an address. Memory is bounded by a page of events, the packages in hand (larger ones lie in
// temporary files), and the versions of streams.
func (o *remoteOptions) run(ctx context.Context, v verifyOptions, progress verifyProgress) (*verifyAnswer, error) {
	v, progress = v.withDefaults(progress)
	started := v.now()
	program, err := thisProgram()
	if err != nil {
		return nil, err
	}
	r := &remoteRecord{verification: &verification{o: v, progress: progress, answer: newVerifyAnswer(v.dir, program, started)},
		answers: map[events.Digest]uint64{}}
	o.node = v.dir
	if r.client, err = o.clientFlags.open(); err != nil {
		return nil, err
	}
	r.files = &httpFiles{ctx: ctx, client: r.client, cache: o.cache}
	if err := r.readInputs(started); err != nil {
		return nil, err
	}
	if err := r.prove(ctx); err != nil {
		var bad *sqlitestore.Problem
		var fault *tiles.Fault
		switch {
		case errors.As(err, &bad):
			r.answer.bad(problemOf(bad))
		case errors.As(err, &fault):
			r.answer.bad(publishedFault(fault))
		default:
			return nil, err
		}
	}
	r.answer.Finished = v.now().UTC().Truncate(time.Second)
	return r.answer, nil
}

func remoteProblem(kind string, position uint64, format string, args ...any) *sqlitestore.Problem {
	return &sqlitestore.Problem{Kind: kind, Position: &position, Offset: -1, Reason: fmt.Errorf(format, args...).Error()}
}

func (r *remoteRecord) prove(ctx context.Context) error {
	a := r.answer
	checkpoint, err := r.files.read(tiles.CheckpointPath)
	if err != nil {
		return err
	}
	head, err := r.signed(checkpoint)
	if err != nil {
		return err
	}
	a.Origin, a.Size, a.Root, a.Signed = head.Origin, head.Size, head.Root, head.Size
	if err := r.olderHead(head); err != nil {
		return err
	}
	if r.keeper != nil && r.keeper.head() != nil {
		if h := r.keeper.head(); h.Origin != head.Origin || h.Size > head.Size {
			return remoteProblem("earlier verification", head.Size, "it was of %q and size %d, the log is %q and has size %d", h.Origin, h.Size, head.Origin, head.Size)
		}
		a.Earlier, r.unseen = r.keeper.earlierAnswer(), r.keeper.state.Unseen
	}
	if err := r.proveFiles(ctx, checkpoint, head); err != nil {
		return err
	}
	r.judging = newJudging(ctx)
	r.judging.each = r.o.each
	if r.keeper != nil {
		r.judging.since = r.keeper.state.Size
	}
	r.versions = events.NewChecker(head.Origin)
	for from := uint64(0); from < head.Size; from += tiles.Width {
		if err := r.page(ctx, from, min(from+tiles.Width, head.Size)); err != nil {
			return err
		}
		if err := r.heads(from); err != nil {
			return err
		}
		r.progress(stageJudge, int64(r.tree.Size()), int64(head.Size))
	}
	a.Events, a.Judged = head.Size, r.judging.judged
	if r.tree.Root() != head.Root {
		return &tiles.Fault{Path: tiles.CheckpointPath, Reason: fmt.Sprintf("it says root %s of size %d, the events give %s", head.Root, head.Size, r.tree.Root())}
	}
	if a.Withheld != nil && a.Withheld.Statements > 0 {
		a.unproved(bilingual.Say("nội dung những sự kiện không được đọc, và thứ tự trong luồng của chúng", "what the statements say that were withheld, and the versions of their streams"))
	}
	if a.Earlier != nil && r.unseen > 0 {
		a.unproved(bilingual.Say("chữ ký của %d sự kiện và gói tin mà lần kiểm chứng trước không được xem: nếu nay đã được xem, hãy kiểm chứng lại không có --resume",
			"the signatures of %d statements and packages that an earlier verification was not shown: for those that are shown now, verify again without --resume", r.unseen))
	}
	a.unproved(bilingual.Say("dữ kiện chưa được cho xem; chỉ mục, sổ đăng ký của trạm; quyết định theo quy tắc: cần chính bản ghi (tram backup)", "facts, which are not shown; the node's indexes and registers; decisions by the rules: those need the record itself (tram backup)"))
	return nil
}

// signed opens the published checkpoint.
func (r *remoteRecord) signed(checkpoint []byte) (h ledger.Head, err error) {
	h, err = ledger.ReadCheckpoint(checkpoint)
	switch {
	case r.key == nil:
		r.answer.unproved(noKeyGiven)
	case err == nil:
		if err = r.followKey(); err != nil {
			return h, err
		}
		h, err = r.key.Open(checkpoint, h.Origin) // the name on a certificate's line is made of the origin
	}
	if err != nil {
		return h, &tiles.Fault{Path: tiles.CheckpointPath, Reason: err.Error()}
	}
	return h, nil
}

// followKey leads on from the key that was given by the history that the node publishes, which need not be trusted.
func (r *remoteRecord) followKey() error {
	rotations, err := tiles.KeyHistory(r.files)
	if err != nil {
		return err
	}
	key, err := r.key.Follow(rotations)
	if err != nil {
		return &tiles.Fault{Path: tiles.KeyHistoryPath, Reason: err.Error()}
	}
	r.key = &key
	return nil
}

func (r *remoteRecord) olderHead(now ledger.Head) error {
	if r.o.checkpointFile == "" {
		r.answer.unproved(noOlderHead)
		return nil
	}
	b, err := readCheckpointFile(r.o.checkpointFile)
	if err != nil {
		return err
	}
	var h ledger.Head
	if r.key != nil {
		h, err = r.key.Open(b, now.Origin)
	} else {
		h, err = ledger.ReadCheckpoint(b)
	}
	if err != nil {
		return remoteProblem("older checkpoint", now.Size, "%w", err)
	}
	if h.Origin != now.Origin || h.Size > now.Size {
		return remoteProblem("older checkpoint", now.Size, "it is of %q and size %d, the log is %q and has size %d: events were cut off", h.Origin, h.Size, now.Origin, now.Size)
	}
	r.older, r.answer.Since = &h, &h.Size
	return nil
}

// proveFiles proves the published log by itself, and its cosignatures.
func (r *remoteRecord) proveFiles(ctx context.Context, checkpoint []byte, head ledger.Head) error {
	var verifiers []note.Verifier
	if r.key != nil {
		var err error
		if verifiers, err = r.key.Verifiers(head.Origin); err != nil {
			return fmt.Errorf("couldn't use key: %w", err)
		}
	}
	r.files.told = func(n int64) { r.progress(stagePublic, n, max(n, int64(head.Size/tiles.Width)*2)) }
	_, err := tiles.Check(ctx, atCheckpoint{r.files, checkpoint}, verifiers...)
	if fault := new(tiles.Fault); errors.As(err, &fault) && r.files.kept {
		r.files.anew = true // what is wrong may be what was kept: it was not proved when it was stored
		_, err = tiles.Check(ctx, atCheckpoint{r.files, checkpoint}, verifiers...)
	}
	if err != nil {
		return err
	}
	r.files.told, r.files.anew = nil, false
	p := &publishedAnswer{Size: head.Size, Root: head.Root.String(), Files: uint64(r.files.count), Cosigned: []cosignedAnswer{}, head: head, checkpoint: checkpoint}
	r.answer.Published = p
	if r.policy == nil {
		r.answer.unproved(noPolicyGiven)
	}
	r.answer.bad(p.witnessed(r.policy))
	return nil
}

// page proves one page of events: their statements are the entries that were published, and what they name.
func (r *remoteRecord) page(ctx context.Context, from, to uint64) error {
	var page httpapi.AuditPage
	query := url.Values{"from": {strconv.FormatUint(from, 10)}, "limit": {strconv.FormatUint(to-from, 10)}}
	if err := r.client.call(ctx, http.MethodGet, "/v1/audit/events", query, nil, &page); err != nil {
		return err
	}
	if uint64(len(page.Events)) != to-from || page.From != from {
		return remoteProblem("position", from, "the node gives %d events from %d, %d are published from %d", len(page.Events), page.From, to-from, from)
	}
	bundle, err := r.bundle(from, to)
	if err != nil {
		return err
	}
	list := make([]events.Event, len(page.Events))
	for i, got := range page.Events {
		position := from + uint64(i)
		if got.Statement == nil {
			r.withheld().Statements++
			r.passed(position)
			r.versions = nil
			continue
		}
		if ledger.Entry(got.Statement) != bundle[i] {
			return remoteProblem("tree", position, "the statement hashes to %s, the published entry is %s", ledger.Entry(got.Statement), bundle[i])
		}
		e := events.Event{Position: position, Bytes: got.Statement}
		if e.Statement, err = r.dec.Decode(e.Bytes); err != nil {
			return remoteProblem("event", position, "%w", err)
		}
		e.Destroyed = e.Statement.Facts != nil // they are not shown
		if err := r.inOrder(e); err != nil {
			return err
		}
		list[i] = e
	}
	r.tree.Append(bundle)
	if err := r.judge(ctx, list); err != nil {
		return err
	}
	for _, e := range list {
		if e.Statement.Stream != timestamp.Stream {
			continue
		}
		if err := r.stamp(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// stamp proves one time-stamp over the log.
func (r *remoteRecord) stamp(ctx context.Context, e events.Event) (err error) {
	if r.stamped, err = timestamp.Fold(r.stamped, e); err != nil {
		return remoteProblem("time-stamp", e.Position, "%w", err)
	}
	d := r.stamped.Last
	raw, err := (&remoteBeside{r: r, ctx: ctx, e: e}).evidence(e.Position, d.Token)
	if err != nil {
		return err
	}
	root, err := r.root(d.Size)
	if err != nil {
		return err
	}
	if err := checkStamp(d, root, raw); err != nil {
		return remoteProblem("time-stamp", e.Position, "%w", err)
	}
	r.answer.Stamps++
	return nil
}

// root is that of the log at a size up to what was read.
func (r *remoteRecord) root(size uint64) (events.Digest, error) {
	return r.tree.Snapshot().RootAt(size, func(level int, number uint64) ([]byte, error) {
		return r.files.read(tiles.Tile{Level: level, Number: number, Width: tiles.Width}.Path())
	})
}

func (r *remoteRecord) withheld() *withheldAnswer {
	if r.answer.Withheld == nil {
		r.answer.Withheld = new(withheldAnswer)
	}
	return r.answer.Withheld
}

// passed counts what could not be judged because it was withheld, for the verifications that go on from here.
func (r *remoteRecord) passed(position uint64) {
	if k := r.keeper; k != nil && position >= r.judging.since {
		k.state.Unseen++
	}
}

// inOrder checks an event against those before it, as far as they are shown.
func (r *remoteRecord) inOrder(e events.Event) error {
	if r.versions != nil {
		if err := r.versions.Check(e); err != nil {
			return remoteProblem("version", e.Position, "%w", err)
		}
	} else if err := events.CheckEvent(r.answer.Origin, e); err != nil {
		return remoteProblem("event", e.Position, "%w", err)
	}
	if e.Statement.Time.Before(r.last) {
		return remoteProblem("event", e.Position, "time %s is before that of an event before it, %s", e.Statement.Time, r.last)
	}
	r.last = e.Statement.Time
	if d := e.Statement.Evidence; d != nil {
		if _, known := r.answers[*d]; !known && isAnswer(e) {
			r.answers[*d] = e.Position
		}
	}
	return nil
}

// judge judges the events of a page, several at a time, and then what depends on order.
func (r *remoteRecord) judge(ctx context.Context, list []events.Event) error {
	then, errs := make([]func() error, len(list)), make([]error, len(list))
	hidden := make([]bool, len(list))
	g, ctx := errgroup.WithContext(ctx)
	workers := r.o.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	g.SetLimit(remotePackages * workers)
	for i := range list {
		if list[i].Bytes == nil {
			continue
		}
		g.Go(func() error {
			b := &remoteBeside{r: r, ctx: ctx, e: list[i]}
			then[i], errs[i] = r.judging.event(list[i], b)
			hidden[i] = b.hidden
			var net *url.Error
			if errors.As(errs[i], &net) {
				return errs[i] // the network, not the record
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range list {
		if then[i] == nil {
			continue
		}
		err := errors.Join(errs[i], then[i]())
		if hidden[i] {
			r.withheld().Packages++
			r.passed(list[i].Position)
		}
		if list[i].Statement.Package != nil && !hidden[i] && list[i].Position >= r.judging.since {
			r.answer.Packages++
		}
		if err != nil {
			var bad *sqlitestore.Problem
			if !errors.As(err, &bad) {
				bad = remoteProblem("signature", list[i].Position, "%w", err)
			}
			if r.answer.bad(problemOf(bad)); len(r.answer.Problems) >= max(1, r.o.problems) {
				return bad
			}
		}
	}
	return nil
}

func (r *remoteRecord) bundle(from, to uint64) ([]events.Digest, error) {
	t := tiles.Tile{Level: tiles.Entries, Number: from / tiles.Width, Width: int(to - from)}
	b, err := r.files.read(t.Path())
	if err != nil {
		return nil, err
	}
	return tiles.ParseBundle(b)
}

// heads compares the heads of sizes that the last page has reached.
func (r *remoteRecord) heads(from uint64) error {
	compare := func(kind string, h *ledger.Head) error {
		if h == nil || h.Size <= from || h.Size > r.tree.Size() {
			return nil
		}
		got, err := r.root(h.Size)
		if err == nil && got != h.Root {
			err = remoteProblem(kind, h.Size-1, "root of size %d is %s, it was %s: events before it were changed", h.Size, got, h.Root)
		}
		return err
	}
	if err := compare("older checkpoint", r.older); err != nil {
		return err
	}
	k := r.keeper
	if k == nil {
		return nil
	}
	if err := compare("earlier verification", r.answer.earlierHead()); err != nil {
		return err
	}
	if r.judging.good(r.tree.Size()) && (r.tree.Size() == r.answer.Size || !r.o.now().Before(k.next)) {
		return k.keep(ledger.Head{Origin: r.answer.Origin, Size: r.tree.Size(), Root: r.tree.Root()}, r.judging.judged, r.o.now())
	}
	return nil
}

// remoteBeside fetches what lies beside an event.
type remoteBeside struct {
	r      *remoteRecord
	ctx    context.Context
	e      events.Event
	hidden bool
}

// maxRemoteEvidence bounds one piece of evidence.
const maxRemoteEvidence = 64 << 20

func (b *remoteBeside) Evidence() ([]byte, error) {
	return b.evidence(b.e.Position, *b.e.Statement.Evidence)
}

// OtherEvidence is kept by an event of its own, which came before.
func (b *remoteBeside) OtherEvidence(d events.Digest) ([]byte, error) {
	position, ok := b.r.answers[d]
	if !ok {
		return nil, fmt.Errorf("no event keeps answer %s", d)
	}
	return b.evidence(position, d)
}

func (b *remoteBeside) evidence(position uint64, d events.Digest) ([]byte, error) {
	resp, err := b.r.client.do(b.ctx, http.MethodGet, fmt.Sprintf("/v1/audit/events/%d/evidence", position), nil, nil, 0, "", "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxRemoteEvidence))
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	}
	if got := events.Sum(raw); got != d {
		return nil, remoteProblem("evidence", position, "its bytes hash to %s, the statement says %s", got, d)
	}
	return raw, nil
}

// OpenPackage fetches the package into memory, or a file that has no name any more, and hashes it on the way. One that was destroyed, or that the auditor may
// not read, is not found.
func (b *remoteBeside) OpenPackage() (events.PackageReader, error) {
	resp, err := b.r.client.do(b.ctx, http.MethodGet, fmt.Sprintf("/v1/audit/events/%d/package", b.e.Position), nil, nil, 0, "", "")
	var refused *refusedError
	if errors.As(err, &refused) && (refused.Status == http.StatusNotFound || refused.Status == http.StatusGone) {
		b.hidden = true
		return nil, events.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	p := b.e.Statement.Package
	f, err := os.CreateTemp("", "tram-verify-*")
	if err != nil {
		return nil, fmt.Errorf("couldn't keep package: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't keep package: %w", err), f.Close())
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(resp.Body, p.Length+1))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't fetch package: %w", err), f.Close())
	}
	if got := events.Digest(h.Sum(nil)); n != p.Length || got != p.SHA256 {
		bad := remoteProblem("package", b.e.Position, "its %d bytes hash to %s, the statement says %d and %s", n, got, p.Length, p.SHA256)
		bad.Package = &p.SHA256
		return nil, errors.Join(bad, f.Close())
	}
	return &fetched{File: f, size: n}, nil
}

// fetched is a package in a temporary file.
type fetched struct {
	*os.File
	size int64
}

func (f *fetched) Size() int64 { return f.size }

// isAnswer says whether an event keeps a CRL or OCSP response that evidence refers to.
func isAnswer(e events.Event) bool {
	return strings.HasPrefix(e.Statement.Stream, validation.StreamPrefix)
}
