package gateway

import (
	"testing"

	"github.com/tram-exchange/tram/events/directory"
)

// TestCoversAll: a right over less than everything is none over everything, though there be nothing else.
func TestCoversAll(t *testing.T) {
	for _, c := range []struct {
		over map[string]bool
		want bool
	}{{nil, false}, {map[string]bool{"H02.02": true}, false}, {map[string]bool{"": true}, true}} {
		if got := coversAll(directory.State{}, "tram.example/log", c.over); got != c.want {
			t.Errorf("rights over %v in an empty directory: %t", c.over, got)
		}
	}
}
