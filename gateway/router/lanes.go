package router

import "sync"

// lanes runs tasks side by side, but those that share a key one after the other in the order they were given.
// One goroutine gives tasks; the first error stops the rest.
type lanes struct {
	slots chan struct{}
	wg    sync.WaitGroup

	mu    sync.Mutex
	tails map[string]chan struct{} // closed when the last task of the key has ended
	err   error
}

func newLanes(width int) *lanes {
	return &lanes{slots: make(chan struct{}, width), tails: make(map[string]chan struct{})}
}

// run starts f when every earlier task of its keys has ended. It blocks while all slots are in use. A task holds its
// slot while it waits, which cannot lock up: those it waits for have theirs already.
func (l *lanes) run(keys []string, f func() error) {
	l.slots <- struct{}{}
	done := make(chan struct{})
	var before []chan struct{}
	l.mu.Lock()
	for _, k := range keys {
		if b := l.tails[k]; b != nil && b != done {
			before = append(before, b)
		}
		l.tails[k] = done
	}
	l.mu.Unlock()
	l.wg.Go(func() {
		for _, b := range before {
			<-b
		}
		l.mu.Lock()
		stopped := l.err != nil
		l.mu.Unlock()
		var err error
		if !stopped {
			err = f()
		}
		l.mu.Lock()
		if l.err == nil {
			l.err = err
		}
		for _, k := range keys {
			if l.tails[k] == done {
				delete(l.tails, k)
			}
		}
		l.mu.Unlock()
		close(done)
		<-l.slots
	})
}

// stop keeps later tasks from running, as the error of a task does.
func (l *lanes) stop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// wait returns when every task has ended, with the first error. The lanes may be used again if there was none.
func (l *lanes) wait() error {
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
