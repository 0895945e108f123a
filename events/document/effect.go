package document

import (
	"slices"

	"github.com/tram-exchange/tram/events"
)

// DecideEffect records what one document does to another, on the other's stream, whether or not that has come in. A refusal
// is a *Refusal; repeating the command gives OutcomeEarlier.
func DecideEffect(s State, c RecordEffect) (Decision, error) {
	e := c.Effect
	switch {
	case e.Document == "" || c.By == "" || c.Sender == "":
		return Decision{}, &Refusal{Reason: ReasonIncomplete, Detail: string(e.Kind)}
	case c.By == e.Document:
		return Decision{}, &Refusal{Reason: ReasonOwnDocument}
	case s.Document != "" && s.Document != e.Document:
		return Decision{}, &Refusal{Reason: ReasonWrongStream, Detail: e.Document}
	case s.Received && s.Sender != c.Sender && !slices.Contains(c.Identities, s.Sender):
		return Decision{}, &Refusal{Reason: ReasonNotOwner, Codes: []string{c.Sender}, Earlier: s.Address}
	}
	if before, ok := s.effect(e.Kind, c.By); ok {
		return Decision{Outcome: OutcomeEarlier, Earlier: before.Address}, nil
	}
	var event events.New
	switch e.Kind {
	case EffectRecall:
		event = events.New{Name: NameRecalled, Data: Recalled{
			Document: e.Document, By: c.By, Sender: c.Sender, Recipients: e.Recipients,
		}}
	case EffectUpdate:
		event = events.New{Name: NameUpdated, Data: Updated{
			Document: e.Document, By: c.By, Sender: c.Sender, Content: e.Content, Added: e.Added, Removed: e.Removed,
		}}
	case EffectReplace:
		event = events.New{Name: NameReplaced, Data: Replaced{
			Document: e.Document, By: c.By, Sender: c.Sender, Recipients: e.Recipients,
		}}
	default:
		return Decision{}, &Refusal{Reason: ReasonBusiness, Detail: string(e.Kind)}
	}
	return Decision{Outcome: OutcomeRecord, Events: []events.New{event}}, nil
}
