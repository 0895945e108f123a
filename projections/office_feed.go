package projections

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Where the places of a page come from: a list, or what words match. Whichever leaves fewer places to look at for each that belongs on the
// page is read, and each target is asked for the rest.

// feed gives places before one, in falling order; at most n.
type feed func(ctx context.Context, before uint64, n int) ([]uint64, error)

const (
	listSQL  = "SELECT id FROM listed WHERE org = ? AND class = ? AND what = ? AND id < ? AND id >= ? ORDER BY id DESC LIMIT ?"
	wordsSQL = "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
	lateSQL  = "SELECT id FROM target INDEXED BY target_due WHERE org = ? AND kind = ? AND due <> '' AND due < ? LIMIT ?"
	// wordedSQL asks of a target whether words match.
	wordedSQL = "EXISTS (SELECT 1 FROM words WHERE rowid = CASE t.words WHEN 0 THEN t.doc ELSE t.words END AND words MATCH ?)"
	endsSQL   = "SELECT (SELECT min(id) FROM listed WHERE org = ?1 AND class = ?2 AND what = ?3), (SELECT max(id) FROM listed WHERE org = ?1 AND class = ?2 AND what = ?3)"
	// monthsSQL gives the months that have targets, with their first and last place and how many they have. It hops from one to the next.
	monthsSQL = `WITH RECURSIVE m (w) AS (
		SELECT (SELECT max(what) FROM listed WHERE org = ?1 AND class = ?2 AND what >= ?3 AND what <= ?4) UNION ALL
		SELECT (SELECT max(what) FROM listed WHERE org = ?1 AND class = ?2 AND what >= ?3 AND what < m.w) FROM m WHERE m.w IS NOT NULL)
	SELECT w, (SELECT min(id) FROM listed WHERE org = ?1 AND class = ?2 AND what = m.w),
		(SELECT max(id) FROM listed WHERE org = ?1 AND class = ?2 AND what = m.w),
		(SELECT n FROM listcount WHERE org = ?1 AND class = ?2 AND what = m.w) FROM m WHERE w IS NOT NULL`
)

// stretch is where the targets of a period have their places.
type stretch struct {
	low, high uint64 // all lie between, these included; high < low: there are none
	n         int    // in the months that the period touches
	months    []listKey
}

// monthsMerged is how many lists of months are read as one.
const monthsMerged = 60

// days asks for a period, and finds out where its targets have their places. day is SQL for that of the target t.
func (q *question) days(ctx context.Context, l *targetListing, day, from, to string) error {
	if from == "" && to == "" {
		return nil
	}
	first, last := uint64(0), uint64(math.MaxInt64)
	for _, end := range []struct {
		day, is string
		month   *uint64
	}{{from, ">=", &first}, {to, "<=", &last}} {
		if end.day == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, end.day); err != nil {
			return fmt.Errorf("couldn't read date %q: %w", end.day, view.ErrQuery)
		}
		*end.month = month(end.day)
		l.cond(day+" "+end.is+" ?", end.day)
	}
	var err error
	l.period, err = q.stretch(ctx, l.scope.orgs, l.kind, first, last)
	return err
}

// stretch finds out where the targets of some months have their places.
func (q *question) stretch(ctx context.Context, orgs []uint32, kind targetKind, first, last uint64) (*stretch, error) {
	class := kind.class(listMonth)
	p := &stretch{low: math.MaxInt64}
	for _, org := range orgs {
		err := eachRow(ctx, q.conn, monthsSQL, []any{org, class, int64(first), int64(last)}, func(r *sql.Rows) error {
			var what, low, high uint64
			var n int
			if err := r.Scan(&what, &low, &high, &n); err != nil {
				return err
			}
			p.low, p.high, p.n = min(p.low, low), max(p.high, high), p.n+n
			if key := (listKey{class, what}); !slices.Contains(p.months, key) {
				p.months = append(p.months, key)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't read months: %w", err)
		}
	}
	return p, nil
}

// source is a group of lists that has all targets that are asked for.
type source struct {
	lists []listKey
	n     int // about how many of them are looked at for all that there are
	all   int // targets of the kind
	part  *stretch
}

// byLists begins the cursor of what was found by words and read from lists.
const byLists = "l"

func (l *targetListing) cursor(place uint64) string {
	s := strconv.FormatUint(place, 10)
	if len(l.match) > 0 && !l.byWords {
		s = byLists + s
	}
	return s
}

// drive settles what a listing is read from, and from where on. A cursor goes on with what its first page began with.
func (q *question) drive(ctx context.Context, l *targetListing, cursor string) (from feed, before uint64, err error) {
	rest, lists := strings.CutPrefix(cursor, byLists)
	if lists && len(l.match) == 0 {
		rest = cursor
	}
	if before, err = parseCursor(rest, math.MaxInt64); err != nil {
		return nil, 0, err
	}
	l.byWords = len(l.match) > 0 && !lists
	if l.byWords {
		if l.kind != targetDossier { // few rows of words are dossiers: theirs are sooner found by their own token
			places, few, err := q.fewMatches(ctx, l.match, q.ownTokens(l))
			if err != nil {
				return nil, 0, err
			}
			if few {
				l.from = fixedFeed(places)
				return l.from, before, nil
			}
		}
		l.from = q.wordsFeed(l)
		if cursor != "" {
			return l.from, before, nil
		}
	}
	best, err := q.shortest(ctx, l)
	if err != nil {
		return nil, 0, err
	}
	if l.byWords {
		if l.byWords, err = q.wordsFewer(ctx, l.from, best.n, best.all); l.byWords || err != nil {
			return l.from, before, err
		}
	}
	l.from = q.listFeed(l.scope.orgs, best.lists, best.part)
	if l.late {
		ids, ok, err := q.lateOnes(ctx, l, best.n)
		if err != nil {
			return nil, 0, err
		}
		if ok {
			l.from = fixedFeed(ids)
		}
	}
	return l.from, before, nil
}

const (
	// wordsFew is how many places that words match are read without asking whether a list has fewer.
	wordsFew = 1_000
	// wordsProbe is what it costs to ask of a target whether words match, against a look-up: each term is sought in each segment of the index.
	wordsProbe = 10
	// wordsBudget is how many targets are asked so for a page.
	wordsBudget = 1_000
	// wordsCount is countBudget for targets that are asked so.
	wordsCount = 200
	pageRows   = 50 // of the usual page
)

// wordsFewer says whether a page is sooner found among what words match than in lists with n of all targets. Of many matches it knows from
// the latest how close they stand together.
func (q *question) wordsFewer(ctx context.Context, words feed, n, all int) (bool, error) {
	places, err := words(ctx, math.MaxInt64, wordsFew)
	if err != nil || len(places) < wordsFew {
		return true, err
	}
	top, last := float64(places[0]), float64(places[wordsFew-1])
	matches := wordsFew * top / (top - last)
	byWords := min(matches, pageRows*float64(all)/float64(max(n, 1)))
	byLists := wordsProbe * min(float64(n), pageRows*float64(all)/matches)
	return byWords <= byLists, nil
}

// ownTokens are those of the rows of words that may be targets of a listing.
func (q *question) ownTokens(l *targetListing) [][]byte {
	var own [][]byte
	for _, org := range l.scope.orgs {
		own = append(own, appendOffice(nil, l.kind.row(), q.text(org)))
		if l.kind == targetIncoming {
			own = append(own, appendOrg(nil, signRecipient, q.text(org)))
		}
	}
	return own
}

// wordsFeed gives the rows of words that match.
func (q *question) wordsFeed(l *targetListing) feed {
	match := slices.Clone(l.match)
	match.addAny(q.ownTokens(l))
	text := match.String()
	return func(ctx context.Context, before uint64, n int) ([]uint64, error) {
		return q.places(ctx, wordsSQL, text, before, n)
	}
}

// bounds is where all that stands in each list that a target must be in has its place, and about which part of total that is.
func (q *question) bounds(ctx context.Context, l *targetListing, total int) (*stretch, float64, error) {
	whole, err := q.ends(ctx, l.scope.orgs, listKey{l.kind.class(listAll), 0})
	if err != nil {
		return nil, 0, err
	}
	out, part := &stretch{low: whole.low, high: whole.high}, 1.0
	if p := l.period; p != nil {
		out.low, out.high = max(out.low, p.low), min(out.high, p.high)
		part = float64(p.n) / float64(max(total, 1))
	}
	for _, k := range l.and {
		p, err := q.ends(ctx, l.scope.orgs, k)
		if err != nil {
			return nil, 0, err
		}
		out.low, out.high = max(out.low, p.low), min(out.high, p.high)
		if list := k.class & (1<<classBits - 1); l.kind == targetIssued && (list == listYear || list == listBook) {
			n, err := q.listLengths(ctx, l.scope.orgs, []listKey{k})
			if err != nil {
				return nil, 0, err
			}
			part = min(part, float64(n)/float64(max(total, 1))) // places go by year and series
		}
	}
	if out.high < out.low {
		return out, 0, nil
	}
	if l.kind != targetIssued { // places are those of the log, and spread evenly
		part = min(part, (float64(out.high-out.low)+1)/(float64(whole.high-whole.low)+1))
	}
	return out, part, nil
}

// ends are the first and the last place of a list.
func (q *question) ends(ctx context.Context, orgs []uint32, k listKey) (*stretch, error) {
	p := &stretch{low: math.MaxInt64}
	for _, org := range orgs {
		err := eachRow(ctx, q.conn, endsSQL, []any{org, k.class, int64(k.what)}, func(r *sql.Rows) error {
			var low, high sql.NullInt64
			if err := r.Scan(&low, &high); err != nil || !low.Valid {
				return err
			}
			p.low, p.high = min(p.low, uint64(low.Int64)), max(p.high, uint64(high.Int64))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't read ends of list: %w", err)
		}
	}
	return p, nil
}

// shortest chooses the lists of which the fewest are looked at.
func (q *question) shortest(ctx context.Context, l *targetListing) (source, error) {
	all := []listKey{{l.kind.class(listAll), 0}}
	total, err := q.listLengths(ctx, l.scope.orgs, all)
	if err != nil {
		return source{}, err
	}
	bounds, part, err := q.bounds(ctx, l, total)
	if err != nil {
		return source{}, err
	}
	best := source{all, int(math.Ceil(float64(total) * part)), total, bounds}
	if p := l.period; p != nil && l.kind == targetIssued && len(p.months) <= monthsMerged {
		best.lists, best.n = p.months, p.n // places go by series, which a period cuts into pieces
	}
	var groups [][]listKey
	for _, k := range l.and {
		groups = append(groups, []listKey{k})
	}
	groups = append(groups, l.any...)
	if !l.scope.all {
		g := q.concern(l.scope, l.kind)
		if l.scope.archive && l.kind == targetDossier {
			g = append(g, listKey{l.kind.class(listState), dossierClosed})
		}
		if !l.scope.archive || l.kind == targetDossier { // else no list has all that an archivist sees
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		n, err := q.listLengths(ctx, l.scope.orgs, g)
		if err != nil {
			return best, err
		}
		if n = int(math.Ceil(float64(n) * part)); n < best.n {
			best.lists, best.n = g, n
		}
	}
	return best, nil
}

// lateOnes are the targets that are late, newest first; not ok if there are more than another list has, or than fit.
func (q *question) lateOnes(ctx context.Context, l *targetListing, most int) (ids []uint64, ok bool, err error) {
	most = min(most, listBudget)
	for _, org := range l.scope.orgs {
		open, err := q.places(ctx, lateSQL, org, l.kind, l.today, most+1)
		if err != nil {
			return nil, false, err
		}
		done, err := q.listFeed([]uint32{org}, []listKey{{l.kind.class(listLateDone), 0}}, nil)(ctx, math.MaxInt64, most+1)
		if err != nil {
			return nil, false, err
		}
		ids = append(append(ids, open...), done...)
		if len(ids) > most {
			return nil, false, nil
		}
	}
	slices.SortFunc(ids, func(a, b uint64) int { return cmp.Compare(b, a) })
	return slices.Compact(ids), true, nil
}

func fixedFeed(ids []uint64) feed {
	return func(_ context.Context, before uint64, n int) ([]uint64, error) {
		i, _ := slices.BinarySearchFunc(ids, before, func(id, before uint64) int { return cmp.Compare(before, id) })
		if i < len(ids) && ids[i] == before {
			i++
		}
		return ids[i:min(i+n, len(ids))], nil
	}
}

// listFeed merges lists, of which it gives a stretch.
func (q *question) listFeed(orgs []uint32, lists []listKey, part *stretch) feed {
	return func(ctx context.Context, before uint64, n int) ([]uint64, error) {
		low := uint64(0)
		if part != nil {
			low, before = part.low, min(before, part.high+1)
		}
		var all []uint64
		for _, org := range orgs {
			for _, l := range lists {
				ids, err := q.places(ctx, listSQL, org, l.class, l.what, before, low, n)
				if err != nil {
					return nil, err
				}
				all = append(all, ids...)
			}
		}
		if len(orgs)*len(lists) > 1 {
			slices.SortFunc(all, func(a, b uint64) int { return cmp.Compare(b, a) })
			all = slices.Compact(all)
		}
		return all[:min(n, len(all))], nil
	}
}

func (q *question) places(ctx context.Context, text string, args ...any) ([]uint64, error) {
	for i, a := range args {
		if n, ok := a.(uint64); ok {
			args[i] = int64(n)
		}
	}
	var out []uint64
	err := eachRow(ctx, q.conn, text, args, func(r *sql.Rows) error {
		var id uint64
		if err := r.Scan(&id); err != nil {
			return err
		}
		out = append(out, id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read list: %w", err)
	}
	return out, nil
}
