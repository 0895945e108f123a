package projections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/view"
)

// PastLog is a log whose events can be looked up.
type PastLog interface {
	Log
	Event(ctx context.Context, position uint64) (events.Event, error)
}

// PastOptions of OpenPast. The zero value has sensible defaults.
type PastOptions struct {
	Options
	Keep     int           // databases kept on the disk; 0: 8
	MaxBytes int64         // what they may take together; 0: 4 GiB
	Builds   int           // made at the same time; 0: 1
	Waiting  int           // that may wait for their turn; 0: 8
	PerAsker int           // made or waiting that one asker was the first to ask for; 0: 2
	Wait     time.Duration // how long Open waits before it says BuildingError; 0: 2 s, negative: not at all
	Abandon  time.Duration // after which one that nobody has asked for again is given up; 0: 5 min
}

// Past keeps views as of earlier positions: one database each in a folder of its own, made when it is first asked for from
// the nearest earlier one there is, or else from the beginning of the log. The least recently used goes when there are too
// many. All of it can be deleted at any time.
//
// Each is made under another name, synced and renamed, so that a crash leaves none half-made. A request that is cancelled
// stops nothing; a database that nobody asks for any more is given up.
type Past struct {
	dir  string
	log  PastLog
	live *Views // judges who may read, today
	opt  PastOptions

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	turns chan struct{}
	parts sync.WaitGroup

	mu      sync.Mutex // guards what follows and the fields of every moment
	moments map[uint64]*moment
	uses    uint64
	forgets int // calls of Forget under way
	closed  bool
}

var _ view.Past = (*Past)(nil)

// moment is one database.
type moment struct {
	size  uint64 // position as of which it stands
	asker string // who asked first
	done  chan struct{}
	views *Views // nil until done
	err   error
	bytes int64
	users int
	used  uint64 // serial number of the last use
	gone  bool   // not kept any more: removed when its last user is

	cancel context.CancelFunc
	asked  atomic.Int64 // time of the last question, in Unix nanoseconds
	read   atomic.Uint64
}

// OpenPast opens the folder, making it if there is none. live judges who may read; nil: nobody judges, which is for those who
// hold the whole record in their hands.
func OpenPast(dir string, log PastLog, live *Views, opt PastOptions) (*Past, error) {
	opt.defaults()
	if opt.Keep <= 0 {
		opt.Keep = 8
	}
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = 4 << 30
	}
	if opt.Builds <= 0 {
		opt.Builds = 1
	}
	if opt.Waiting <= 0 {
		opt.Waiting = 8
	}
	if opt.PerAsker <= 0 {
		opt.PerAsker = 2
	}
	if opt.Wait == 0 {
		opt.Wait = 2 * time.Second
	}
	if opt.Abandon <= 0 {
		opt.Abandon = 5 * time.Minute
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make folder of past views: %w", err)
	}
	p := &Past{dir: dir, log: log, live: live, opt: opt, moments: make(map[uint64]*moment), turns: make(chan struct{}, opt.Builds)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	if err := p.tidy(); err != nil {
		return nil, err
	}
	return p, nil
}

const pastSuffix = ".views.db"

func (p *Past) path(size uint64) string {
	return filepath.Join(p.dir, fmt.Sprintf("%020d%s", size, pastSuffix))
}

// onDisk lists the positions that have a database.
func (p *Past) onDisk() ([]uint64, error) {
	list, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read folder of past views: %w", err)
	}
	var out []uint64
	for _, f := range list {
		if name, ok := strings.CutSuffix(f.Name(), pastSuffix); ok {
			if n, err := strconv.ParseUint(name, 10, 64); err == nil && p.path(n) == filepath.Join(p.dir, f.Name()) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// tidy removes what a crash left half-made, and what is over the limits.
func (p *Past) tidy() error {
	list, err := os.ReadDir(p.dir)
	if err != nil {
		return fmt.Errorf("couldn't read folder of past views: %w", err)
	}
	for _, f := range list {
		if strings.HasPrefix(f.Name(), "making-") {
			if err := os.Remove(filepath.Join(p.dir, f.Name())); err != nil {
				return fmt.Errorf("couldn't clear folder of past views: %w", err)
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.evict(0)
}

// Resolve implements view.Past. Node time never decreases along positions, so a few events tell.
func (p *Past) Resolve(ctx context.Context, at time.Time) (view.Moment, error) {
	if at.After(p.opt.Now()) {
		return view.Moment{}, fmt.Errorf("couldn't say how things stood at %s, which is in the future: %w", at.Format(time.RFC3339), view.ErrQuery)
	}
	return ResolveTime(ctx, p.log, at)
}

// ResolveTime finds how many events of a log have a node time at or before a time.
func ResolveTime(ctx context.Context, log PastLog, at time.Time) (view.Moment, error) {
	m := view.Moment{At: at}
	var failed error
	timeOf := func(i uint64) time.Time {
		e, err := log.Event(ctx, i)
		if err != nil {
			failed = err
		}
		return e.Statement.Time
	}
	size := log.Head().Size
	m.Position = uint64(sort.Search(int(size), func(i int) bool { return failed != nil || timeOf(uint64(i)).After(at) }))
	if failed == nil && m.Position > 0 {
		m.Last = timeOf(m.Position - 1)
	}
	if failed != nil {
		return view.Moment{}, fmt.Errorf("couldn't find the position of %s: %w", at.Format(time.RFC3339), failed)
	}
	return m, nil
}

// Open implements view.Past.
func (p *Past) Open(ctx context.Context, m view.Moment, asker string) (view.PastViews, error) {
	if size := p.log.Head().Size; m.Position > size {
		return nil, fmt.Errorf("couldn't open views as of position %d: the log has %d events: %w", m.Position, size, view.ErrQuery)
	}
	one, err := p.ask(m.Position, asker)
	if err != nil {
		return nil, err
	}
	if p.opt.Wait > 0 {
		timer := time.NewTimer(p.opt.Wait)
		defer timer.Stop()
		select {
		case <-one.done:
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case <-one.done:
	default:
		return nil, &view.BuildingError{Moment: m, Read: min(one.read.Load(), m.Position), Size: m.Position}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.gone || one.err == nil && one.views == nil {
		return nil, &view.BuildingError{Moment: m, Size: m.Position} // dropped just now: ask again
	}
	if errors.Is(one.err, ErrNoRoom) {
		return nil, fmt.Errorf("%w: %w", view.ErrPastRoom, one.err)
	}
	if one.err != nil {
		return nil, fmt.Errorf("couldn't make views as of position %d: %w", m.Position, one.err)
	}
	one.users++
	p.use(one)
	return &pastViews{Views: one.views, live: p.live, close: sync.OnceValue(func() error { return p.release(one) })}, nil
}

func (p *Past) use(one *moment) {
	p.uses++
	one.used = p.uses
}

// ask finds the database of a position or has it made, for as long as one asker does not take the places of all.
func (p *Past) ask(size uint64, asker string) (*moment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if p.forgets > 0 {
		return nil, view.ErrPastBusy // what lies on the disk may hold what is to be forgotten
	}
	one := p.moments[size]
	if one != nil {
		one.asked.Store(p.opt.Now().UnixNano())
		return one, nil
	}
	waiting, own := 0, 0
	for _, other := range p.moments {
		if other.views == nil && other.err == nil {
			waiting++
			if other.asker == asker {
				own++
			}
		}
	}
	if waiting >= p.opt.Builds+p.opt.Waiting || asker != "" && own >= p.opt.PerAsker {
		return nil, view.ErrPastBusy
	}
	one = &moment{size: size, asker: asker, done: make(chan struct{})}
	one.asked.Store(p.opt.Now().UnixNano())
	p.use(one)
	var ctx context.Context
	ctx, one.cancel = context.WithCancel(p.ctx)
	p.moments[size] = one
	p.parts.Go(func() {
		defer one.cancel()
		v, bytes, err := p.make(ctx, one)
		p.mu.Lock()
		defer p.mu.Unlock()
		one.views, one.bytes, one.err = v, bytes, err
		if err != nil || one.gone || p.closed {
			if err == nil {
				one.err = errClosed
				p.drop(one)
			}
			if p.moments[size] == one {
				delete(p.moments, size)
			}
			if one.err != nil && !errors.Is(one.err, context.Canceled) {
				p.opt.Logger.Warn("couldn't make views of the past", "position", size, "error", one.err)
			}
		}
		close(one.done)
	})
	return one, nil
}

// make opens the database of a position, or builds it in its turn.
func (p *Past) make(ctx context.Context, one *moment) (*Views, int64, error) {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	path := p.path(one.size)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := p.build(ctx, one, path); err != nil {
			return nil, 0, err
		}
	}
	v, err := p.open(ctx, path, one)
	if err != nil {
		return nil, 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, errors.Join(err, v.Close())
	}
	return v, info.Size(), nil
}

// open opens a database and reads what it lacks: nothing, unless it had to be thrown away (another version of the program).
func (p *Past) open(ctx context.Context, path string, one *moment) (*Views, error) {
	opt := p.opt.Options
	opt.Readers = 2
	opt.rights = p.live
	opt.Progress = func(read, _ uint64) {
		one.read.Store(read)
		if p.opt.Now().UnixNano()-one.asked.Load() > int64(p.opt.Abandon) {
			one.cancel()
		}
	}
	v, err := Open(ctx, path, &until{log: p.log, size: one.size}, opt)
	if err != nil {
		return nil, err
	}
	one.read.Store(v.Position())
	if err := v.CatchUp(ctx); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// build makes a database under another name. The caller has its turn.
func (p *Past) build(ctx context.Context, one *moment, path string) (err error) {
	making := filepath.Join(p.dir, "making-"+filepath.Base(path))
	if err := removeDatabase(making); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeDatabase(making))
		}
	}()
	need := p.estimate(one.size)
	p.mu.Lock()
	err = p.evict(need)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if err := room(p.dir, need, p.opt.MinFree); err != nil {
		return err
	}
	if err := p.base(ctx, one.size, making); err != nil {
		return err
	}
	v, err := p.open(ctx, making, one)
	if err != nil {
		return err
	}
	if err := v.Close(); err != nil {
		return err
	}
	if err := atRest(making); err != nil {
		return err
	}
	if err := os.Rename(making, path); err != nil {
		return err
	}
	return syncFile(p.dir)
}

// estimate is what a database of so many events will take, by the live one.
func (p *Past) estimate(size uint64) int64 {
	perEvent := 2048.0
	if p.live != nil {
		if info, err := os.Stat(p.live.path); err == nil && p.live.Position() > 0 {
			perEvent = float64(info.Size()) / float64(p.live.Position())
		}
	}
	return int64(perEvent*float64(size)) + databaseSize("")
}

// base copies the nearest earlier database, if there is one: copying an event costs a small part of reading it.
func (p *Past) base(ctx context.Context, size uint64, to string) error {
	p.mu.Lock()
	list, err := p.onDisk()
	best := uint64(0)
	for _, n := range list {
		if n < size {
			best = max(best, n)
		}
	}
	var from *os.File
	if err == nil && best > 0 {
		// Opened under the lock, so that it cannot be evicted first. It is one file: nobody writes to it any more.
		if from, err = os.Open(p.path(best)); err == nil {
			if info, werr := os.Stat(p.path(best) + "-wal"); werr == nil && info.Size() > 0 {
				err = errors.Join(from.Close())
				from = nil
			}
		}
	}
	p.mu.Unlock()
	if err != nil || from == nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	_, err = io.Copy(f, readerOf(ctx, from))
	return errors.Join(err, f.Close(), from.Close())
}

// readerOf ends with the context.
func readerOf(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(b)
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// evict makes room for need bytes and one more database by removing those used longest ago; those in use stay. The
// caller holds mu.
func (p *Past) evict(need int64) error {
	list, err := p.onDisk()
	if err != nil {
		return err
	}
	type kept struct {
		size  uint64
		bytes int64
		used  uint64
	}
	var all []kept
	total := need
	for _, n := range list {
		k := kept{size: n}
		if info, err := os.Stat(p.path(n)); err == nil {
			k.bytes = info.Size()
		}
		if one := p.moments[n]; one != nil {
			k.used = one.used
		}
		all = append(all, k)
		total += k.bytes
	}
	sort.Slice(all, func(i, j int) bool { return all[i].used < all[j].used })
	count := len(all)
	if need > 0 {
		count++
	}
	for _, k := range all {
		if count <= p.opt.Keep && total <= p.opt.MaxBytes {
			return nil
		}
		one := p.moments[k.size]
		if one != nil && (one.users > 0 || one.views == nil) {
			continue
		}
		if one != nil {
			p.drop(one)
			delete(p.moments, k.size)
		} else if err := removeDatabase(p.path(k.size)); err != nil {
			return err
		}
		count, total = count-1, total-k.bytes
	}
	if need > p.opt.MaxBytes {
		return fmt.Errorf("%w: views of that moment would take %d MiB, past views may take %d MiB together", ErrNoRoom, need>>20, p.opt.MaxBytes>>20)
	}
	return nil
}

// drop closes and removes a database without users; not the file of another that was made in its place. The caller holds mu.
func (p *Past) drop(one *moment) {
	if one.views == nil {
		return
	}
	err := one.views.Close()
	if now := p.moments[one.size]; now == nil || now == one {
		err = errors.Join(err, removeDatabase(p.path(one.size)))
	}
	if err != nil {
		p.opt.Logger.Warn("couldn't remove views of the past", "position", one.size, "error", err)
	}
	one.views = nil
}

func (p *Past) release(one *moment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	one.users--
	if one.users == 0 && one.gone {
		p.drop(one)
	}
	return nil
}

// Forget removes every database. Whoever destroys words of the record calls it afterwards, before saying that they are gone:
// databases made before still hold them. Files that a question is being answered from lose their names at once.
func (p *Past) Forget() error {
	p.mu.Lock()
	p.forgets++
	var wait []*moment
	for size, one := range p.moments {
		one.gone = true
		one.cancel()
		switch {
		case one.views == nil:
			wait = append(wait, one)
		case one.users == 0:
			p.drop(one)
		}
		delete(p.moments, size)
	}
	p.mu.Unlock()
	for _, one := range wait {
		<-one.done
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgets--
	list, err := p.onDisk()
	if err != nil {
		return err
	}
	for _, n := range list {
		if err := removeDatabase(p.path(n)); err != nil {
			return err
		}
	}
	return nil
}

// Close ends what is being made and closes every database. Whoever opened views must have closed them.
func (p *Past) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	p.parts.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for size, one := range p.moments {
		if one.views != nil {
			errs = append(errs, one.views.Close())
		}
		delete(p.moments, size)
	}
	return errors.Join(errs...)
}
