package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// judgeAll judges what was fetched: packages and their signatures, what was destroyed, time-stamps; and by the rules, if nothing
// is withheld.
func (r *remoteRecord) judgeAll(ctx context.Context) error {
	if err := r.copy.done(); err != nil {
		return err
	}
	// Decisions to destroy are never withheld.
	s, err := destruction.Load(ctx, r.copy)
	if err != nil {
		return remoteProblem("event", r.answer.Size, "%w", err)
	}
	r.decided, r.gone = s.Index(), map[events.Digest]bool{}
	if len(s.Decisions) > 0 {
		r.answer.Destroyed = &destroyedAnswer{Decisions: destroyedDecisions(s)}
	}
	if r.claimed, err = r.newerDecisions(ctx, s); err != nil {
		return err
	}
	r.judging = newJudging(ctx)
	r.judging.each = r.o.each
	if r.keeper != nil {
		r.judging.since = r.keeper.state.Size
	}
	if r.ruled() {
		r.judging.rules = &rulesAgain{ctx: ctx, from: r.judging.since, open: func() (rerun.Record, func() error, error) { return r.copy, nil, nil }}
	}
	var tree ledger.Tree
	for from := uint64(0); from < r.answer.Size; from += tiles.Width {
		to := min(from+tiles.Width, r.answer.Size)
		list, err := r.copy.events(from, to)
		if err == nil {
			err = r.judgePage(ctx, list)
		}
		if err != nil {
			return err
		}
		if err := r.keep(&tree, from, to); err != nil {
			return err
		}
		r.progress(stageJudge, int64(to), int64(r.answer.Size))
	}
	r.answer.Judged = r.judging.judged
	if r.judging.rules == nil || !r.answer.OK {
		return nil
	}
	return r.rules(r.judging)
}

// newestPages is how far behind its own log a node may publish before what it claims beyond is not looked at.
const newestPages = 64

// newerDecisions are decisions to destroy that the node claims after the head that it has published: what they cover may be gone
// already.
func (r *remoteRecord) newerDecisions(ctx context.Context, s destruction.State) (*destruction.Index, error) {
	for from := r.answer.Size; from < min(r.claimedSize, r.answer.Size+newestPages*tiles.Width); {
		page, err := r.fetch(ctx, from, tiles.Width)
		if err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			break
		}
		for i, got := range page.Events {
			e := events.Event{Position: from + uint64(i), Bytes: got.Statement}
			if got.Statement == nil {
				continue
			}
			if e.Statement, err = r.dec.Decode(e.Bytes); err != nil {
				return nil, remoteProblem("event", e.Position, "%w", err)
			}
			if e.Statement.Stream != destruction.Stream {
				continue
			}
			if s, err = destruction.Fold(s, e); err != nil {
				return nil, remoteProblem("event", e.Position, "%w", err)
			}
		}
		from += uint64(len(page.Events))
	}
	return s.Index(), nil
}

func (r *remoteRecord) claims(_ destruction.Mark, covered bool) bool {
	if covered {
		r.goneSince++
	}
	return covered
}

// ruled says whether the rules can decide again: nothing is withheld, nor was when the events before were judged.
func (r *remoteRecord) ruled() bool {
	k := r.keeper
	if k == nil {
		return r.answer.Withheld == nil
	}
	k.state.Ruled = r.answer.Withheld == nil && (k.state.Size == 0 || k.state.Ruled)
	return k.state.Ruled
}

func (r *remoteRecord) judgePage(ctx context.Context, list []events.Event) error {
	for i := range list {
		if list[i].Bytes == nil {
			r.passed(list[i].Position)
			continue
		}
		if err := r.destroyed(&list[i]); err != nil {
			return err
		}
	}
	if err := r.judge(ctx, list); err != nil {
		return err
	}
	for _, e := range list {
		if e.Bytes == nil || e.Statement.Stream != timestamp.Stream {
			continue
		}
		if err := r.stamp(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// keep leaves how far the judgement came.
func (r *remoteRecord) keep(tree *ledger.Tree, from, to uint64) error {
	k := r.keeper
	if k == nil {
		return nil
	}
	entries, err := r.bundle(from, to)
	if err != nil {
		return err
	}
	tree.Append(entries)
	if r.judging.good(to) && (to == r.answer.Size || !r.o.now().Before(k.next)) {
		return k.keep(ledger.Head{Origin: r.answer.Origin, Size: tree.Size(), Root: tree.Root()}, r.judging.judged, r.o.now())
	}
	return nil
}

// destroyed compares what is there and what is not with the decisions of the record.
func (r *remoteRecord) destroyed(e *events.Event) error {
	m, covered := r.decided.Facts(e)
	switch {
	case e.Facts != nil && covered && m.Executed:
		return remoteProblem("facts", e.Position, "facts are still there, they were destroyed by the decision at position %d", m.Decision.Address.Position)
	case e.Destroyed && covered:
		r.answer.Destroyed.Facts++
	case e.Destroyed && r.claims(r.claimed.Facts(e)):
	case e.Destroyed && r.factsHidden == 0:
		return remoteProblem("facts", e.Position, "facts are missing and no decision to destroy them is known")
	}
	if m, covered := r.decided.Package(e); covered && m.Executed && !r.gone[e.Statement.Package.SHA256] {
		r.gone[e.Statement.Package.SHA256] = true
		r.answer.Destroyed.Packages++
	}
	return nil
}

// open says what the network leaves open.
func (r *remoteRecord) open() {
	a := r.answer
	if a.Withheld != nil && a.Withheld.Statements > 0 {
		a.unproved(bilingual.Say("nội dung và thứ tự trong luồng của những sự kiện không được đọc", "what the statements say that were withheld, and the versions of their streams"))
	}
	if r.judging.rules == nil {
		a.unproved(bilingual.Say("các quyết định theo quy tắc: chỉ quyết định lại được khi được đọc toàn bộ sổ, từ đầu", "decisions by the rules: they are decided again only by a right over every agency, from the first event on"))
	}
	if a.Earlier != nil && r.unseen > 0 {
		a.unproved(bilingual.Say("chữ ký của %d sự kiện và gói tin mà lần kiểm chứng trước không được xem: nếu nay đã được xem, hãy kiểm chứng lại không có --resume",
			"the signatures of %d statements and packages that an earlier verification was not shown: for those that are shown now, verify again without --resume", r.unseen))
	}
	if r.factsHidden > 0 {
		a.unproved(bilingual.Say("dữ kiện (trích yếu, tên) của %d sự kiện: trạm không cho xem", "the facts of %d events: the node does not show them", r.factsHidden))
	}
	if r.goneSince > 0 {
		a.unproved(bilingual.Say("rằng %d dữ kiện, gói tin đã được tiêu hủy hợp lệ: quyết định mới hơn đầu nhật ký đã công bố, hãy kiểm chứng lại sau",
			"that %d facts and packages were lawfully destroyed: the decision is newer than the published head, verify again later", r.goneSince))
	}
	a.unproved(bilingual.Say("chỉ mục và sổ đăng ký của trạm: cần chính thư mục dữ liệu hoặc bản sao lưu (tram backup)", "the node's indexes and registers: those need the record itself (tram backup)"))
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
			if ofNetwork(errs[i]) {
				return errs[i]
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
		if ofNetwork(err) {
			return err
		}
		if hidden[i] {
			if bad := r.missing(&list[i]); bad != nil {
				err = errors.Join(bad, err)
			}
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

// missing says what it means that a package is not given.
func (r *remoteRecord) missing(e *events.Event) error {
	if _, covered := r.decided.Package(e); covered {
		return nil
	}
	if r.claims(r.claimed.Package(e)) {
		return nil
	}
	if r.answer.Withheld != nil {
		r.withheld().Packages++
		r.passed(e.Position)
		return nil
	}
	bad := remoteProblem("package", e.Position, "it is missing and no decision to destroy it is known")
	bad.Package = &e.Statement.Package.SHA256
	return bad
}

// passed counts what could not be judged because it was withheld, for the verifications that go on from here.
func (r *remoteRecord) passed(position uint64) {
	if k := r.keeper; k != nil && position >= r.judging.since {
		k.state.Unseen++
	}
}

// ofNetwork says whether an error is about reaching the node, not about its record.
func ofNetwork(err error) bool {
	var net *url.Error
	var status *httpStatusError
	var refused *refusedError
	return errors.As(err, &net) || errors.As(err, &status) || errors.As(err, &refused)
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
	var refused *refusedError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil, remoteProblem("evidence", position, "%s is missing", d)
	}
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
	f, err := unnamed()
	if err != nil {
		return nil, fmt.Errorf("couldn't keep package: %w", err)
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

// isAnswer says whether an event keeps a CRL or OCSP response that evidence refers to.
func isAnswer(e events.Event) bool {
	return strings.HasPrefix(e.Statement.Stream, validation.StreamPrefix)
}
