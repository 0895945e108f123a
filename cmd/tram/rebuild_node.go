package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
)

// rebuildPath is on the operations listener: POST begins to rebuild the views, GET tells how far it is.
const (
	rebuildPath      = "/views/rebuild"
	rebuildOperation = "rebuild-views"
)

// rebuildState is the node's answer to both.
type rebuildState struct {
	Running  bool       `json:"running"`
	Read     uint64     `json:"read"`
	Size     uint64     `json:"size"`
	Started  *time.Time `json:"started"`
	Ended    *time.Time `json:"ended"`
	Error    string     `json:"error,omitempty"` // of the last one
	Position uint64     `json:"position"`        // of the views now
}

// rebuilder rebuilds the views of the running node, one time after the other. It belongs to the node, not to a request:
// whoever asked may go away.
type rebuilder struct {
	a     *app
	asked chan struct{}

	mu    sync.Mutex
	state rebuildState
}

func newRebuilder(a *app) *rebuilder { return &rebuilder{a: a, asked: make(chan struct{}, 1)} }

func (r *rebuilder) run(ctx context.Context) error {
	for {
		select {
		case <-r.asked:
			err := r.a.views.Rebuild(ctx, func(read, size uint64) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.state.Read, r.state.Size = read, size
			})
			if err != nil {
				r.a.log.Error("views were not rebuilt; the present ones stay", "error", err)
			}
			r.end(err)
		case <-ctx.Done():
			return nil
		}
	}
}

// begin says whether it was begun by this call: one runs at a time.
func (r *rebuilder) begin(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Running {
		return false
	}
	r.state = rebuildState{Running: true, Size: r.a.store.Head().Size, Started: &now}
	r.asked <- struct{}{}
	return true
}

func (r *rebuilder) end(err error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Running, r.state.Ended = false, &now
	if err != nil {
		r.state.Error = err.Error()
	}
}

func (r *rebuilder) now() rebuildState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Position = r.a.views.Position()
	return s
}

// serve answers both methods.
func (r *rebuilder) serve(w http.ResponseWriter, req *http.Request) {
	status := http.StatusOK
	if req.Method == http.MethodPost {
		if status = http.StatusAccepted; !r.begin(time.Now()) {
			status = http.StatusConflict
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(r.now()); err != nil {
		r.a.log.Debug("couldn't answer rebuild", "error", err)
	}
}

// checks tells health of a rebuild that runs, or of one that failed.
func (r *rebuilder) checks() []portal.Check {
	s := r.now()
	c := portal.Check{Name: portal.CheckRebuild, State: portal.StateOK, Number: float64(s.Read), Unit: portal.UnitCount}
	switch {
	case s.Running:
		c.Since = *s.Started
		if s.Size > 0 {
			c.Share = float64(s.Read) / float64(s.Size)
		}
	case s.Error != "":
		c.State, c.Detail, c.At = portal.StateWarn, s.Error, *s.Ended
	default:
		return nil
	}
	return []portal.Check{c}
}

// askRebuild asks the running node.
func askRebuild(ctx context.Context, c *Config, method string) (s rebuildState, status int, err error) {
	status, err = askOperations(ctx, c, method, rebuildPath, rebuildOperation, 30*time.Second, &s)
	return s, status, err
}
