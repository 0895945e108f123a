package projections

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// How a page of targets is read. Of all lists that a target must stand in, the shortest is read from its end, in pieces, and each
// piece is checked against the others, until the page is full. What words match is such a list too. No question reads more than
// listBudget entries: where filters leave next to nothing of a long list, the page is shorter than asked for, or empty, and its cursor
// goes on. So a page costs the same however long the agency has worked.

const (
	listBudget = 20_000 // entries that one page may read
	listPiece  = 200    // entries of the first piece; each is four times the one before, up to listLimit
	listLimit  = 3200
	// countBudget is how many entries a count of filtered rows may read: beyond, Page.Total is -1.
	countBudget = 1_000
)

// targetListing is a question for targets of one kind.
type targetListing struct {
	kind  targetKind
	scope *scope
	and   []listKey   // each must have it
	any   [][]listKey // of each group one must have it
	conds []string    // on target t
	args  []any
	match matchParts
	// numberParts are those of match that come from number and notation.
	numberParts matchParts
	late        bool
	today       string
	budget      int      // of entries to read, 0: listBudget
	overlap     bool     // a target may stand in two lists of one group
	period      *stretch // nil: of all time
	from        feed     // see drive
	byWords     bool     // places are rows of words
}

func (l *targetListing) cond(text string, args ...any) {
	l.conds = append(l.conds, text)
	l.args = append(l.args, args...)
}

// in asks for a list. What the dictionary does not know leads to an empty one.
func (q *question) in(l *targetListing, class uint8, name string) {
	if name == "" {
		return
	}
	l.and = append(l.and, listKey{l.kind.class(class), q.listWhat(name)})
}

// listWhat is the number of a string, or one that no list has.
func (q *question) listWhat(name string) uint64 {
	if n := q.number(name); n != 0 {
		return uint64(n)
	}
	return math.MaxInt64
}

// hit is a target of a page and its place in the order of the page.
type hit struct {
	place uint64
	t     *target
}

// targets gives one page: the hits, and the cursor of the next page.
func (q *question) targets(ctx context.Context, l *targetListing, cursor string, limit int) (hits []hit, next string, err error) {
	from, before, err := q.drive(ctx, l, cursor)
	if err != nil {
		return nil, "", err
	}
	check := q.checks(l)
	budget := cmp.Or(l.budget, listBudget)
	switch {
	case l.byWords && !l.scope.all:
		budget = min(budget, narrowRead) // most of what words find is not for this person
	case !l.byWords && len(l.match) > 0:
		budget = min(budget, wordsBudget)
	}
	for piece, spent := min(listPiece, budget), 0; ; piece = min(4*piece, listLimit, budget-spent) {
		places, err := from(ctx, before, piece)
		if err != nil {
			return nil, "", err
		}
		found, err := q.checked(ctx, l, check, places)
		if err != nil {
			return nil, "", err
		}
		for _, h := range found {
			if len(hits) == limit {
				return hits, l.cursor(hits[limit-1].place), nil
			}
			hits = append(hits, h)
		}
		if len(places) < piece {
			return hits, "", nil
		}
		before = places[len(places)-1]
		if spent += len(places); spent >= budget {
			return hits, l.cursor(before), nil
		}
	}
}

// countTargets is how many targets there are, -1 if it would take too long to know. The listing has been read from before.
func (q *question) countTargets(ctx context.Context, l *targetListing) (int, error) {
	if l.scope.all && !l.late && len(l.and)+len(l.any) <= 1 && len(l.conds) == 0 && len(l.match) == 0 && !l.overlap {
		lists := append(slices.Clone(l.and), slices.Concat(l.any...)...)
		if len(lists) == 0 {
			lists = []listKey{{l.kind.class(listAll), 0}}
		}
		return q.listLengths(ctx, l.scope.orgs, lists)
	}
	budget := countBudget
	if len(l.match) > 0 && !l.byWords {
		budget = wordsCount
	}
	places, err := l.from(ctx, math.MaxInt64, budget+1)
	if err != nil {
		return 0, err
	}
	if len(places) > budget {
		return -1, nil
	}
	if len(places) == 0 {
		return 0, nil
	}
	text, args, err := q.checking(l, q.checks(l), places, "t.id")
	if err != nil {
		return 0, err
	}
	var n int
	if err := q.conn.QueryRowContext(ctx, "SELECT count(DISTINCT id) FROM ("+text+")", args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("couldn't count targets: %w", err)
	}
	return n, nil
}

// checking is SQL for columns of the targets at some places that belong on the page.
func (q *question) checking(l *targetListing, c checkText, places []uint64, columns string) (string, []any, error) {
	list, err := json.Marshal(places)
	if err != nil {
		return "", nil, err
	}
	args := append([]any{string(list)}, c.args...)
	if !l.byWords {
		on := "target t ON t.id = c.value WHERE "
		if l.kind == targetIssued { // places are numbers in the register
			on = "target t INDEXED BY target_number ON t.number = c.value WHERE t.number <> 0 AND "
		}
		return "SELECT " + columns + " FROM json_each(?) c CROSS JOIN " + on + c.text, args, nil
	}
	// Places are rows of words.
	text := "SELECT " + columns + " FROM json_each(?) c CROSS JOIN target t INDEXED BY target_words ON t.words = c.value WHERE t.words <> 0 AND " + c.text
	if l.kind == targetIncoming {
		text += " UNION ALL SELECT " + columns + " FROM json_each(?) c LEFT JOIN late ON late.id = c.value CROSS JOIN target t INDEXED BY target_doc" +
			" ON t.doc = coalesce(late.doc, c.value) WHERE t.doc <> 0 AND t.words = 0 AND " + c.text
		args = append(append(args, string(list)), c.args...)
	}
	return text, args, nil
}

// listLengths adds up how much stands in lists.
func (q *question) listLengths(ctx context.Context, orgs []uint32, lists []listKey) (int, error) {
	total := 0
	for _, org := range orgs {
		for _, l := range lists {
			var n int
			err := eachRow(ctx, q.conn, "SELECT n FROM listcount WHERE org = ? AND class = ? AND what = ?", []any{org, l.class, int64(l.what)}, func(r *sql.Rows) error { return r.Scan(&n) })
			if err != nil {
				return 0, fmt.Errorf("couldn't read length of list: %w", err)
			}
			total += n
		}
	}
	return total, nil
}

// checkText is SQL that says of a target t whether it belongs on the page.
type checkText struct {
	text string
	args []any
}

// checks puts all conditions of a listing into one text. They are asked of each target again, whatever list it came from.
func (q *question) checks(l *targetListing) checkText {
	c := checkText{}
	var parts []string
	add := func(text string, args ...any) {
		parts = append(parts, text)
		c.args = append(c.args, args...)
	}
	orgs := make([]string, len(l.scope.orgs))
	for i, org := range l.scope.orgs {
		orgs[i] = strconv.FormatUint(uint64(org), 10)
	}
	add("t.kind = ? AND t.org IN ("+strings.Join(orgs, ", ")+")", l.kind.row())
	for _, k := range l.and {
		add(listedText([]listKey{k}))
	}
	for _, g := range l.any {
		add(listedText(g))
	}
	if !l.scope.all {
		text := listedText(q.concern(l.scope, l.kind))
		if l.scope.archive && l.kind == targetDossier {
			text = fmt.Sprintf("(%s OR t.state = %d)", text, dossierClosed)
		} else if l.scope.archive {
			text = fmt.Sprintf("(%s OR EXISTS (SELECT 1 FROM holding h INDEXED BY holding_target CROSS JOIN target d ON d.id = h.dossier WHERE h.target = t.id AND d.state = %d))", text, dossierClosed)
		}
		add(text)
	}
	if l.late {
		add("(t.due <> '' AND t.due < ? OR "+listedText([]listKey{{l.kind.class(listLateDone), 0}})+")", l.today)
	}
	for _, cond := range l.conds {
		add(cond)
	}
	c.args = append(c.args, l.args...)
	if len(l.match) > 0 && !l.byWords {
		add(wordedSQL, l.match.String())
	}
	c.text = strings.Join(parts, " AND ")
	return c
}

// listedText says that the target t stands in one of the lists. All that goes into the text are numbers.
func listedText(lists []listKey) string {
	if len(lists) == 0 {
		return "t.id < 0" // not 0: SQLite then finds no use for the index it is told to use
	}
	parts := make([]string, len(lists))
	for i, l := range lists {
		place := "t.id"
		if targetKind(l.class>>classBits) == targetIssued {
			place = "t.number"
		}
		parts[i] = fmt.Sprintf("EXISTS (SELECT 1 FROM listed WHERE org = t.org AND class = %d AND what = %d AND id = %s)", l.class, l.what, place)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// checked are the targets at some places that belong on the page, in order of the places.
func (q *question) checked(ctx context.Context, l *targetListing, c checkText, places []uint64) ([]hit, error) {
	if len(places) == 0 {
		return nil, nil
	}
	text, args, err := q.checking(l, c, places, "c.value, t."+strings.ReplaceAll(targetColumns, ", ", ", t."))
	if err != nil {
		return nil, err
	}
	var hits []hit
	seen := map[uint64]bool{}
	err = eachRow(ctx, q.conn, text, args, func(rows *sql.Rows) error {
		h := hit{t: &target{}}
		if err := scanTarget(rows, h.t, &h.place); err != nil {
			return err
		}
		hits = append(hits, h)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read targets: %w", err)
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(b.place, a.place) })
	kept := hits[:0]
	for _, h := range hits {
		if seen[h.t.id] {
			continue
		}
		seen[h.t.id] = true
		kept = append(kept, h)
	}
	return kept, nil
}

// page asks for a page of targets and turns each into a row.
func pageOf[R any](ctx context.Context, q *question, l *targetListing, cursor string, limit int, row func(*target) (R, error)) (view.Page[R], error) {
	page := view.Page[R]{AsOf: q.position}
	hits, next, err := q.targets(ctx, l, cursor, limit)
	if err != nil {
		return page, err
	}
	page.Next, page.Total = next, len(hits)
	if next != "" || cursor != "" {
		if page.Total, err = q.countTargets(ctx, l); err != nil {
			return page, err
		}
	}
	page.Rows = make([]R, 0, len(hits))
	for _, h := range hits {
		r, err := row(h.t)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, r)
	}
	return page, nil
}
