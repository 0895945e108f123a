package httpapi

import (
	"io"
	"net/http"
	"time"
)

// pacedBody reads a body under a minimum rate. Each wait for bytes ends after idle; after the grace the average must
// reach rate. It moves the connection's read deadline at most a few times a second.
type pacedBody struct {
	r       io.Reader
	control *http.ResponseController
	now     func() time.Time
	idle    time.Duration
	grace   time.Duration
	rate    int64

	start time.Time
	moved time.Time // when the deadline was last moved
	read  int64
}

func (a *API) paced(w *recorder, r *http.Request) *pacedBody {
	b := &pacedBody{
		r: r.Body, control: http.NewResponseController(w.ResponseWriter), now: time.Now,
		idle: a.c.BodyIdle, grace: a.c.BodyGrace, rate: a.c.BodyRate,
	}
	b.start = b.now()
	return b
}

func (b *pacedBody) Read(p []byte) (int, error) {
	now := b.now()
	if now.Sub(b.moved) > b.idle/8 {
		// When the average allows less time than the pause, the average decides.
		deadline := now.Add(b.idle)
		if least := b.start.Add(b.grace + time.Duration(float64(b.read)/float64(b.rate)*float64(time.Second)) + b.idle/8); least.Before(deadline) {
			deadline = least
		}
		if err := b.control.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		b.moved = now
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	return n, err
}

// done takes the deadline away: the server watches the idle connection for the client leaving, and must not take the
// old deadline for that.
func (b *pacedBody) done() { _ = b.control.SetReadDeadline(time.Time{}) }
