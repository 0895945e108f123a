package gateway

import (
	"testing"

	"github.com/tram-exchange/tram/events/document/outgoing"
)

func TestEveryReasonOfOutgoingHasANumber(t *testing.T) {
	for _, c := range constants(t, "../events/document/outgoing", "Reason") {
		if _, ok := byCode[outgoingCodes[outgoing.Reason(c)]]; !ok {
			t.Errorf("outgoing.Reason %q has no number", c)
		}
	}
}
