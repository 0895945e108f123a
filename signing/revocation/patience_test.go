package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

// silent answers when the one who asks gives up.
type silent struct{ asked int }

func (s *silent) Find(ctx context.Context, _, _ *x509.Certificate, _ time.Time) ([]Answer, error) {
	s.asked++
	<-ctx.Done()
	return nil, ctx.Err()
}

// fixed says the same of every certificate.
type fixed struct {
	answers []Answer
	err     error
	asked   int
}

func (f *fixed) Find(context.Context, *x509.Certificate, *x509.Certificate, time.Time) ([]Answer, error) {
	f.asked++
	return f.answers, f.err
}

// Whoever shows a page goes on without those who do not answer, however many there are, and the page's own end is told from theirs.
func TestWithin(t *testing.T) {
	asking, stop := context.WithCancel(t.Context())
	stop()
	s := &silent{}
	w := Within(asking, s)
	for range 3 {
		if _, err := w.Find(t.Context(), nil, nil, time.Time{}); !errors.Is(err, errNotInTime) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Find(ended, nil, nil, time.Time{}); !errors.Is(err, context.Canceled) || s.asked != 3 {
		t.Errorf("got %v after asking %d times", err, s.asked)
	}
	if Within(asking, nil) != nil {
		t.Error("nobody to ask became somebody")
	}
}

func TestOtherwise(t *testing.T) {
	down := errors.New("down")
	knows := []Answer{{Status: Good}}
	for _, c := range []struct {
		name          string
		first, second fixed
		answers       int
		err           error
		asked         int // of second
	}{
		{"first knows", fixed{answers: knows}, fixed{answers: knows}, 1, nil, 0},
		{"first knows in part", fixed{answers: knows, err: down}, fixed{answers: knows}, 1, down, 0},
		{"only second knows", fixed{}, fixed{answers: knows}, 1, nil, 1},
		{"first fails, second knows", fixed{err: down}, fixed{answers: knows}, 1, nil, 1},
		{"nobody knows", fixed{}, fixed{}, 0, nil, 1},
		{"both fail", fixed{err: errNotInTime}, fixed{err: down}, 0, down, 1},
	} {
		answers, err := Otherwise(&c.first, &c.second).Find(t.Context(), nil, nil, time.Time{})
		if len(answers) != c.answers || !errors.Is(err, c.err) || c.second.asked != c.asked {
			t.Errorf("%s: %d answers, %v, second asked %d times; want %d, %v, %d", c.name, len(answers), err, c.second.asked, c.answers, c.err, c.asked)
		}
	}
	if Otherwise(nil, nil) != nil {
		t.Error("two nobodies became somebody")
	}
}
