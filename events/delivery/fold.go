package delivery

import (
	"errors"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of a delivery stream. It never changes s. An unknown event name, or an event that
// cannot follow, is an error.
func Fold(s State, e events.Event) (State, error) { return s, errors.New("not built yet") }

// DecideOffer judges an offer.
func DecideOffer(s State, c Offer) (Decision, error) { return Decision{}, errors.New("not built yet") }

// DecideTake judges a taking. A refusal is a *Refusal.
func DecideTake(s State, c Take) (Decision, error) { return Decision{}, errors.New("not built yet") }

// DecideAcknowledge judges an acknowledgement.
func DecideAcknowledge(s State, c Acknowledge) (Decision, error) {
	return Decision{}, errors.New("not built yet")
}

// DecideTakeBack judges a recall.
func DecideTakeBack(s State, c TakeBack) (Decision, error) {
	return Decision{}, errors.New("not built yet")
}

// DecideMark judges a mark.
func DecideMark(s State, c SetMark) (Decision, error) { return Decision{}, errors.New("not built yet") }

// DecideForwarded judges a receipt of the recipient's node.
func DecideForwarded(s State, c RecordForwarded) (Decision, error) {
	return Decision{}, errors.New("not built yet")
}

// DecideAttempt judges an attempt that did not succeed.
func DecideAttempt(s State, c RecordAttempt) (Decision, error) {
	return Decision{}, errors.New("not built yet")
}
