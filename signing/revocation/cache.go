package revocation

import (
	lru "container/list"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"
)

// maxKept bounds the files of OnlineOptions.Folder; the oldest go first.
const maxKept = 4096

// cache holds what was fetched and what failed, least recently used last.
type cache struct {
	mu      sync.Mutex
	entries map[string]*lru.Element
	order   *lru.List
	size    int64
	limit   int64
}

type cached struct {
	key        string
	value      information // nil: nothing yet
	until      time.Time   // when to ask again
	validators validators
	failures   int
	retry      time.Time
	err        error
}

func newCache(limit int64) *cache {
	return &cache{entries: make(map[string]*lru.Element), order: lru.New(), limit: limit}
}

// look gives what is known, whether it is current, and the error if the place is to be left alone for now.
func (c *cache) look(key string, now time.Time) (value information, fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[key]
	if el == nil {
		return nil, false, nil
	}
	c.order.MoveToFront(el)
	e := el.Value.(*cached)
	if e.value != nil && now.Before(e.until) {
		return e.value, true, nil
	}
	if now.Before(e.retry) {
		return e.value, false, fmt.Errorf("not asked again before %s: %w", when(e.retry), e.err)
	}
	return e.value, false, nil
}

func (c *cache) validators(key string) validators {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.entries[key]; el != nil {
		return el.Value.(*cached).validators
	}
	return validators{}
}

// entry gives the entry of a key, new if need be. The lock is held.
func (c *cache) entry(key string) *cached {
	el := c.entries[key]
	if el == nil {
		el = c.order.PushFront(&cached{key: key})
		c.entries[key] = el
	}
	c.order.MoveToFront(el)
	return el.Value.(*cached)
}

func (c *cache) put(key string, i information, until time.Time, v validators) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(key)
	if e.value != nil {
		c.size -= e.value.size()
	}
	c.size += i.size()
	e.value, e.until, e.validators = i, until, v
	e.failures, e.retry, e.err = 0, time.Time{}, nil
	c.shrink()
}

// fail remembers a failure; what was known stays known.
func (c *cache) fail(key string, err error, now time.Time, wait func(failures int) time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(key)
	e.failures++
	e.retry, e.err = now.Add(wait(e.failures)), err
	c.shrink()
}

// shrink forgets what was not used for longest, but never the newest entry.
func (c *cache) shrink() {
	for c.order.Len() > 1 && (c.size > c.limit || c.order.Len() > maxEntries) {
		el := c.order.Back()
		e := c.order.Remove(el).(*cached)
		delete(c.entries, e.key)
		if e.value != nil {
			c.size -= e.value.size()
		}
	}
}

// readKept reads what an earlier process has fetched, if it can still be believed.
func (n *Online) readKept(key string, q question) (information, time.Time, bool) {
	path := filepath.Join(n.o.Folder, key)
	st, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, false
	}
	b, err := readBounded(path, MaxCRL)
	if err != nil {
		return nil, time.Time{}, false
	}
	i, err := q.parse(b)
	if err != nil || q.believe(i) != nil {
		return nil, time.Time{}, false
	}
	return i, st.ModTime(), true
}

// keep writes what was fetched into the folder: whole, or not at all.
func (n *Online) keep(key string, i information) (err error) {
	if err := os.MkdirAll(n.o.Folder, 0o755); err != nil {
		return fmt.Errorf("couldn't keep revocation answer: %w", err)
	}
	f, err := os.CreateTemp(n.o.Folder, ".new-*")
	if err != nil {
		return fmt.Errorf("couldn't keep revocation answer: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("couldn't keep revocation answer: %w", err)
		}
	}()
	if _, err := f.Write(i.bytes()); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	now := n.o.Now()
	if err := os.Chtimes(f.Name(), now, now); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(n.o.Folder, key)); err != nil {
		return err
	}
	return prune(n.o.Folder, maxKept)
}

// prune removes the oldest files beyond the limit.
func prune(dir string, limit int) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= limit {
		return err
	}
	type file struct {
		name string
		at   time.Time
	}
	var files []file
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, file{e.Name(), info.ModTime()})
		}
	}
	sort.Slice(files, func(i, j int) bool { return files[i].at.Before(files[j].at) })
	for _, f := range files[:max(0, len(files)-limit)] {
		if err := os.Remove(filepath.Join(dir, f.name)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
