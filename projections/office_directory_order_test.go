package projections

import (
	"fmt"
	"testing"

	"github.com/tram-exchange/tram/events/directory"
)

func TestRetentionPeriodsGoFromShortToForever(t *testing.T) {
	periods := []directory.Retention{{ID: "10", Years: 10}, {ID: "2", Years: 2}, {ID: "always"}, {ID: "50", Years: 50}, {ID: "5", Years: 5}}
	var got []string
	for _, p := range byLength(periods) {
		got = append(got, p.ID)
	}
	if want := "[2 5 10 50 always]"; fmt.Sprint(got) != want {
		t.Errorf("the periods stand as %v, want %s", got, want)
	}
	if periods[0].ID != "10" {
		t.Error("the office's own list was moved")
	}
}
