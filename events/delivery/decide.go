package delivery

import (
	"time"

	"github.com/tram-exchange/tram/events"
)

func record(name string, data any) Decision {
	return Decision{Outcome: OutcomeRecord, Events: []events.New{{Name: name, Data: data}}}
}

func earlier(at events.Address) Decision { return Decision{Outcome: OutcomeEarlier, Earlier: at} }

// DecideOffer judges an offer. Whatever happened to the entry since, it is the same entry: only one that has failed is
// revived.
func DecideOffer(s State, c Offer) (Decision, error) {
	d := c.Offered
	switch {
	case d.Item == "" || d.ItemID == "" || d.Org == "" || d.From == "" || d.Package.IsZero():
		return Decision{}, &Refusal{Reason: ReasonIncomplete}
	case s.Phase == PhaseNone:
		return record(NameOffered, d), nil
	case d.Item != s.Offer.Item || d.ItemID != s.Offer.ItemID || d.Org != s.Offer.Org:
		return Decision{}, &Refusal{Reason: ReasonOtherItem, Detail: d.Org}
	case s.Phase == PhaseFailed && (c.Cause.Origin != s.Cause.Origin || c.Cause.Position > s.Cause.Position):
		return record(NameOffered, d), nil
	}
	return earlier(s.Address), nil
}

// DecideTake judges a taking. Who holds a running lease keeps it, even against another worker of the same client, so that
// parallel takers get different entries; only the repetition of the very request that got the lease is answered with it
// again. After the end of the lease everyone of the recipient may take it.
func DecideTake(s State, c Take) (Decision, error) {
	switch {
	case c.Client == "" || c.Lease <= 0:
		return Decision{}, &Refusal{Reason: ReasonIncomplete}
	case s.Phase == PhaseNone:
		return Decision{}, &Refusal{Reason: ReasonUnknown}
	case s.Offer.Node != "":
		return Decision{}, &Refusal{Reason: ReasonElsewhere, Detail: s.Offer.Node}
	case s.Phase == PhaseAcknowledged:
		return Decision{}, &Refusal{Reason: ReasonAcknowledged}
	case s.Phase == PhaseWithdrawn:
		return Decision{}, &Refusal{Reason: ReasonWithdrawn}
	case s.Leased(c.At):
		if c.Request != nil && *c.Request == s.Request && c.Client == s.Client {
			d := earlier(s.TakenAt)
			d.Until = s.Until
			return d, nil
		}
		return Decision{}, &Refusal{Reason: ReasonLeased, Until: s.Until}
	}
	until := c.At.Add(c.Lease).UTC().Truncate(time.Microsecond)
	d := record(NameTaken, Taken{Client: c.Client, Until: until, Request: c.Request})
	d.Until = until
	return d, nil
}

// DecideAcknowledge judges an acknowledgement. Any client of the recipient may acknowledge what one of them has taken,
// even after the lease has ended.
func DecideAcknowledge(s State, c Acknowledge) (Decision, error) {
	switch {
	case c.Client == "":
		return Decision{}, &Refusal{Reason: ReasonIncomplete}
	case s.Phase == PhaseNone:
		return Decision{}, &Refusal{Reason: ReasonUnknown}
	case s.Phase == PhaseAcknowledged:
		return earlier(s.AcknowledgedAt), nil
	case s.Phase == PhaseTaken:
		return record(NameAcknowledged, Acknowledged(c)), nil
	case s.Offer.Node != "":
		return Decision{}, &Refusal{Reason: ReasonElsewhere, Detail: s.Offer.Node}
	case s.Phase == PhaseWithdrawn:
		return Decision{}, &Refusal{Reason: ReasonWithdrawn}
	}
	return Decision{}, &Refusal{Reason: ReasonNotTaken}
}

// DecideTakeBack judges a recall. What nobody was ever handed is withdrawn. What was handed out once stays, marked, even if the
// lease has ended without acknowledgement: the bytes have left the house, and a recall that claims otherwise would be untrue.
// An entry for another node that has not been forwarded is withdrawn; if the peer had it after all (its answer was lost), its
// receipt is recorded later and the mark with it.
func DecideTakeBack(s State, c TakeBack) (Decision, error) {
	switch {
	case c.By == "":
		return Decision{}, &Refusal{Reason: ReasonIncomplete}
	case s.Phase == PhaseNone:
		return Decision{}, &Refusal{Reason: ReasonUnknown}
	case s.Phase == PhaseWithdrawn:
		return earlier(s.WithdrawnAt), nil
	case s.untouched():
		return record(NameWithdrawn, Withdrawn(c)), nil
	}
	return s.decideMark(Marked{Mark: MarkRecalled, By: c.By}), nil
}

// DecideMark judges a mark. What was withdrawn needs none.
func DecideMark(s State, c SetMark) (Decision, error) {
	switch {
	case c.By == "" || c.Mark != MarkRecalled && c.Mark != MarkUpdated && c.Mark != MarkReplaced:
		return Decision{}, &Refusal{Reason: ReasonIncomplete, Detail: string(c.Mark)}
	case s.Phase == PhaseNone:
		return Decision{}, &Refusal{Reason: ReasonUnknown}
	case s.Phase == PhaseWithdrawn:
		return earlier(s.WithdrawnAt), nil
	}
	return s.decideMark(Marked(c)), nil
}

func (s State) decideMark(m Marked) Decision {
	if at, ok := s.mark(m); ok {
		return earlier(at)
	}
	return record(NameMarked, m)
}

// DecideForwarded judges a receipt of the recipient's node. One that comes after a withdrawal says that the peer had it
// after all: that is recorded, and the recall with it as a mark.
func DecideForwarded(s State, c RecordForwarded) (Decision, error) {
	switch {
	case c.Node == "" || c.Receipt.IsZero():
		return Decision{}, &Refusal{Reason: ReasonIncomplete}
	case s.Phase == PhaseNone:
		return Decision{}, &Refusal{Reason: ReasonUnknown}
	case s.Offer.Node == "":
		return Decision{}, &Refusal{Reason: ReasonHere}
	case s.Offer.Node != c.Node:
		return Decision{}, &Refusal{Reason: ReasonWrongNode, Detail: c.Node}
	case s.Phase == PhaseForwarded:
		return earlier(s.ForwardAt), nil
	}
	d := record(NameForwarded, c.Forwarded)
	if s.Phase == PhaseWithdrawn {
		d.Events = append(d.Events, events.New{Name: NameMarked, Data: Marked{Mark: MarkRecalled, By: s.Withdrawn}})
	}
	return d, nil
}

// day is how often a reason that stays the same is recorded again.
const day = 24 * time.Hour

// code says whether a reason is a code of at most 64 characters. A peer's sentence must not get into the record.
func code(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == ':' || c == '.' || c == '_' {
			continue
		}
		return false
	}
	return true
}

// DecideAttempt judges an attempt that did not succeed, or a local entry that nobody takes.
func DecideAttempt(s State, c RecordAttempt) (Decision, error) {
	switch {
	case !code(c.Reason):
		return Decision{}, &Refusal{Reason: ReasonIncomplete, Detail: "reason is no code"}
	case s.Phase == PhaseNone:
		return Decision{}, &Refusal{Reason: ReasonUnknown}
	}
	local := s.Offer.Node == ""
	open := s.Phase == PhaseOffered || s.Phase == PhaseRetrying
	final := c.Final && !local
	switch {
	case final && (open || s.Phase == PhaseFailed && !s.Final),
		open && c.GiveUp > 0 && c.At.Sub(s.OfferedAt) >= c.GiveUp:
		return record(NameFailed, Failed{Reason: c.Reason, Attempts: c.Attempts, Final: final}), nil
	case open && !local && (s.Phase == PhaseOffered || s.Reason != c.Reason || c.At.Sub(s.NotedAt) >= day):
		return record(NameRetrying, Retrying{Reason: c.Reason, Attempts: c.Attempts}), nil
	}
	return Decision{Outcome: OutcomeNothing}, nil
}
