package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway/httpapi"
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
	log      logbook.State
	copy     *remoteCopy

	claimedSize uint64             // of the log, as the node says: what it has published may be older
	claimed     *destruction.Index // with decisions that the published head does not cover yet
	goneSince   uint64             // by those
	factsHidden uint64             // that the node neither shows nor calls destroyed
	decided     *destruction.Index
	gone        map[events.Digest]bool // packages that were destroyed
	stamped     timestamp.State
	judging     *judging
	unseen      uint64 // before r.judging.since: withheld when they were to be judged
}

// run proves what a node shows: runVerification for an address. First it fetches what is published and every statement that may be read, and proves
// them; then it judges. Memory is a page of events, some 20 bytes for each event and some 200 for each stream; the statements and the packages in
// hand lie in temporary files.
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
	older, err := r.olderHead(head)
	if err != nil {
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
	if r.copy, err = newRemoteCopy(r); err != nil {
		return err
	}
	defer r.copy.close()
	r.versions = events.NewChecker(head.Origin)
	for from := uint64(0); from < head.Size; from += tiles.Width {
		if err := r.page(ctx, from, min(from+tiles.Width, head.Size)); err != nil {
			return err
		}
		if err := r.heads(from); err != nil {
			return err
		}
		r.progress(stageFetch, int64(r.tree.Size()), int64(head.Size))
	}
	a.Events = head.Size
	if r.tree.Root() != head.Root {
		return &tiles.Fault{Path: tiles.CheckpointPath, Reason: fmt.Sprintf("it says root %s of size %d, the events give %s", head.Root, head.Size, r.tree.Root())}
	}
	if err := r.keys(older); err != nil {
		return err
	}
	if err := r.judgeAll(ctx); err != nil {
		return err
	}
	r.open()
	return nil
}

// signed opens the published checkpoint. A log key that was given may have been followed by others: the published history, which
// nobody need believe, leads on from it.
func (r *remoteRecord) signed(checkpoint []byte) (h ledger.Head, err error) {
	h, err = ledger.ReadCheckpoint(checkpoint)
	switch {
	case r.key == nil:
		r.answer.unproved(noKeyGiven)
	case err == nil:
		if err := r.follow(); err != nil {
			return h, err
		}
		h, err = r.key.Open(checkpoint, h.Origin) // the name on a certificate's line is made of the origin
	}
	if err != nil {
		return h, &tiles.Fault{Path: tiles.CheckpointPath, Reason: err.Error()}
	}
	return h, nil
}

func (r *remoteRecord) follow() error {
	rotations, err := tiles.KeyHistory(r.files)
	if err != nil {
		return err
	}
	key, err := r.key.Follow(rotations)
	if err != nil {
		return &tiles.Fault{Path: tiles.KeyHistoryPath, Reason: err.Error()}
	}
	r.verification.key = &key
	return nil
}

// keys proves what the log says of its keys (it is never withheld), as in a folder: the root that both keys of a rotation signed is
// that of the events, and the key that was given is one of them. Then older, which one of the others may have signed, is opened.
func (r *remoteRecord) keys(older []byte) error {
	for _, k := range r.log.Rotations {
		if k.Bound == nil {
			continue
		}
		root, err := r.root(k.Bound.Size)
		if err != nil {
			return err
		}
		if root != k.Bound.Root {
			return remoteProblem("log key", k.Position, "root of size %d is %s, both keys of the rotation signed it as %s: events before it were changed", k.Bound.Size, root, k.Bound.Root)
		}
	}
	r.answer.Log = newVerifyLog(r.log)
	if r.key == nil {
		return nil
	}
	key, err := r.log.Trust(*r.key)
	if err != nil {
		return &tiles.Fault{Path: tiles.CheckpointPath, Reason: err.Error()}
	}
	r.verification.key = &key
	if older != nil {
		if _, err := key.Open(older, r.answer.Origin); err != nil {
			return remoteProblem("older checkpoint", r.older.Size, "%w", err)
		}
	}
	return nil
}

// olderHead reads the checkpoint kept from earlier. Its root is compared when the tree has grown to its size, its signature when the
// keys of the log are known.
func (r *remoteRecord) olderHead(now ledger.Head) ([]byte, error) {
	if r.o.checkpointFile == "" {
		r.answer.unproved(noOlderHead)
		return nil, nil
	}
	b, err := readCheckpointFile(r.o.checkpointFile)
	if err != nil {
		return nil, err
	}
	h, err := ledger.ReadCheckpoint(b)
	if err != nil {
		return nil, remoteProblem("older checkpoint", now.Size, "%w", err)
	}
	if h.Origin != now.Origin || h.Size > now.Size {
		return nil, remoteProblem("older checkpoint", now.Size, "it is of %q and size %d, the log is %q and has size %d: events were cut off", h.Origin, h.Size, now.Origin, now.Size)
	}
	r.older, r.answer.Since = &h, &h.Size
	return b, nil
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
	bundle, err := r.bundle(from, to)
	if err != nil {
		return err
	}
	for next := from; next < to; { // the node ends a page early if it holds much
		page, err := r.fetch(ctx, next, to-next)
		if err != nil {
			return err
		}
		r.claimedSize = page.Size
		if n := uint64(len(page.Events)); n == 0 || n > to-next || page.From != next {
			return remoteProblem("position", next, "the node gives %d events from %d, %d are published from %d", n, page.From, to-next, next)
		}
		for _, got := range page.Events {
			e, err := r.shown(next, got, bundle[next-from])
			if err == nil {
				err = r.copy.add(e)
			}
			if err != nil {
				return err
			}
			next++
		}
	}
	r.tree.Append(bundle)
	return nil
}

func (r *remoteRecord) fetch(ctx context.Context, from, limit uint64) (page httpapi.AuditPage, err error) {
	query := url.Values{"from": {strconv.FormatUint(from, 10)}, "limit": {strconv.FormatUint(limit, 10)}}
	err = r.client.call(ctx, http.MethodGet, "/v1/audit/events", query, nil, &page)
	return page, err
}

// shown proves one event of a page: its statement is the published entry, and its facts are those that it names. One that is withheld
// has no bytes.
func (r *remoteRecord) shown(position uint64, got httpapi.AuditEvent, entry events.Digest) (e events.Event, err error) {
	if got.Statement == nil {
		r.withheld().Statements++
		r.versions = nil
		return events.Event{Position: position}, nil
	}
	if sum := ledger.Entry(got.Statement); sum != entry {
		return e, remoteProblem("tree", position, "the statement hashes to %s, the published entry is %s", sum, entry)
	}
	e = events.Event{Position: position, Bytes: got.Statement}
	if e.Statement, err = r.dec.Decode(e.Bytes); err != nil {
		return e, remoteProblem("event", position, "%w", err)
	}
	if err := r.facts(&e, got); err != nil {
		return e, err
	}
	if err := r.inOrder(e); err != nil {
		return e, err
	}
	if e.Statement.Stream == logbook.Stream {
		if r.log, err = logbook.Fold(r.log, e); err != nil {
			return e, remoteProblem("log key", position, "%w", err)
		}
	}
	return e, nil
}

// facts takes what is shown of facts. That those which are not there were lawfully destroyed is asked when all decisions are known.
func (r *remoteRecord) facts(e *events.Event, got httpapi.AuditEvent) error {
	want := e.Statement.Facts
	switch {
	case got.Facts == nil && got.Salt == nil:
		if e.Destroyed = want != nil; want != nil && !got.Destroyed {
			r.factsHidden++
		}
		return nil
	case want == nil:
		return remoteProblem("facts", e.Position, "facts are shown, the statement names none")
	case len(got.Salt) != len(events.Facts{}.Salt):
		return remoteProblem("facts", e.Position, "salt has %d bytes, expected %d", len(got.Salt), len(events.Facts{}.Salt))
	}
	f := events.Facts{Salt: [32]byte(got.Salt), Text: got.Facts}
	if sum := f.Digest(); sum != *want {
		return remoteProblem("facts", e.Position, "facts hash to %s, the statement says %s", sum, *want)
	}
	e.Facts = got.Facts
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
	if r.keeper == nil {
		return nil
	}
	return compare("earlier verification", r.answer.earlierHead())
}
