package document

import (
	"slices"

	"github.com/tram-exchange/tram/events"
)

// DecideStatus judges a status message on the stream of the document it answers. A refusal is a *Refusal.
//
// Recipients report 01 (arrived), 02 (refused, an end), 03 … 06, and answer requests with 15 or 16; only the sender may ask back
// with 13. Real systems leave codes out and send them out of order, so 05 without 03 or 01 after 06 is recorded and changes
// nothing that was reached. Refused is what contradicts: 02 after 03 … 06, anything but an answer after 02 or 15, an answer to
// nothing, and the same code twice (04 and 05 may repeat). Codes that nobody has assigned are recorded and mean nothing.
func DecideStatus(s State, c ReportStatus) (Decision, error) {
	switch {
	case c.Document == "" || c.Reporter.Code == "" || c.Timestamp == "" || c.At.IsZero() || c.Package.IsZero() || c.Content.IsZero():
		return Decision{}, &Refusal{Reason: ReasonIncomplete}
	case !twoDigits(c.Code):
		return Decision{}, &Refusal{Reason: ReasonStatusCode, Detail: c.Code}
	case s.Document != "" && s.Document != c.Document:
		return Decision{}, &Refusal{Reason: ReasonWrongStream, Detail: c.Document}
	case !s.Received:
		return Decision{}, &Refusal{Reason: ReasonDocumentUnknown}
	}
	d := StatusReported{
		Document: s.Document, Code: c.Code, Reporter: c.Reporter.Org, ReporterCode: c.Reporter.Code, ReporterNode: c.Reporter.Node,
		Timestamp: c.Timestamp, Content: c.Content, Assurance: c.Assurance, Judged: c.AsOf(),
	}
	if c.Peer != nil {
		hop := c.Peer.Hop
		hop.Received = hop.Received.UTC()
		d.Peer = &hop
	}
	if r := s.parties(c, &d); r != nil {
		return Decision{}, r
	}
	if before, ok := s.statuses.Get(statusKey(d.Reporter, d.About, d.Code, d.Timestamp)); ok {
		if before.content != c.Content {
			return Decision{}, &Refusal{Reason: ReasonOtherContent, Detail: c.Code, Earlier: before.address}
		}
		return Decision{Outcome: OutcomeEarlier, Earlier: before.address}, nil
	}
	if r := from(c.Reporter, c.Peer); r != nil {
		return Decision{}, r
	}
	if r := assured(c.Assurance, c.Required); r != nil {
		return Decision{}, r
	}
	if r := s.possible(d); r != nil {
		return Decision{}, r
	}
	out := []events.New{{Name: NameStatusReported, Data: d, Facts: c.Facts}}
	if c.Code == codeTakeBack {
		back := Recalled{Document: s.Document, By: "status:" + c.Package.String(), Sender: d.Reporter}
		if d.About != "" {
			back.Recipients = []string{d.About}
		}
		out = append(out, events.New{Name: NameRecalled, Data: back})
	}
	return Decision{Outcome: OutcomeRecord, Events: out}, nil
}

// parties finds who reports about whom, and who is told.
func (s State) parties(c ReportStatus, d *StatusReported) *Refusal {
	if !c.Reporter.Known {
		return &Refusal{Reason: ReasonSenderUnknown, Codes: []string{c.Reporter.Code}}
	}
	if c.Code != codeTakeBack {
		r, ok := s.recipientOf(c.Reporter)
		if !ok {
			return &Refusal{Reason: ReasonNotRecipient, Codes: []string{c.Reporter.Code}}
		}
		d.About, d.To = r.Org, []string{s.Sender}
		return nil
	}
	if !owns(c.Reporter, s.Sender) {
		return &Refusal{Reason: ReasonNotOwner, Codes: []string{c.Reporter.Code}}
	}
	if r, ok := s.recipientOf(c.About); ok {
		d.About, d.To = r.Org, []string{r.Org}
		return nil
	}
	// Some systems name the document's sender here as in every other status: then all recipients are asked.
	if !owns(c.Reporter, c.About.Org) {
		return &Refusal{Reason: ReasonNotRecipient, Codes: []string{c.About.Code}}
	}
	for _, r := range s.Recipients {
		d.To = append(d.To, r.Org)
	}
	return nil
}

// recipientOf finds the recipient that the party is, or succeeds. From a peer it may be one that is known here by code only.
func (s State) recipientOf(p Party) (Recipient, bool) {
	if r, ok := s.Recipient(p.Org); ok && p.Org != "" {
		return r, true
	}
	for _, r := range s.Recipients {
		if slices.Contains(p.Identities, r.Org) || p.Code != "" && r.Elsewhere && slices.Contains(r.Codes, p.Code) {
			return r, true
		}
	}
	return Recipient{}, false
}

// possible judges the code against what was reported before.
func (s State) possible(d StatusReported) *Refusal {
	if d.Code == codeTakeBack {
		return s.mayAskBack(d)
	}
	p, _ := s.progress.Get(d.About)
	refuse := func(reason Reason) *Refusal {
		return &Refusal{Reason: reason, Codes: []string{d.About}, Detail: d.Code, Earlier: p.address}
	}
	stage, progresses := stages[d.Code]
	switch {
	case d.Code == codeAgreed || d.Code == codeDenied:
		switch {
		case s.asked(d.About, p) != "":
			return nil
		case p.answer != "":
			return refuse(ReasonAlreadyAnswered)
		}
		return refuse(ReasonNothingAsked)
	case !progresses && d.Code != codeRefused:
		return nil // not assigned
	case p.stage == StageTakenBack:
		return refuse(ReasonAlreadyTakenBack)
	case p.stage == StageRefused && d.Code != codeRefused:
		return refuse(ReasonAlreadyRefused)
	case d.Code == codeRefused && p.stage >= StageAccepted && p.stage <= StageDone:
		return refuse(ReasonAlreadyAccepted)
	case p.reported&bit(d.Code) != 0 && stage != StageAssigned && stage != StageProcessing:
		return refuse(ReasonAlreadyReported)
	}
	return nil
}

// mayAskBack refuses a request that would say nothing new: everyone concerned has it unanswered before him, or has agreed.
func (s State) mayAskBack(d StatusReported) *Refusal {
	taken := 0
	for _, org := range d.To {
		p, _ := s.progress.Get(org)
		if p.stage != StageTakenBack {
			if s.asked(org, p) != EffectRecall {
				return nil
			}
			continue
		}
		taken++
	}
	if taken == len(d.To) && taken > 0 {
		return &Refusal{Reason: ReasonAlreadyTakenBack, Codes: d.To, Detail: d.Code}
	}
	return &Refusal{Reason: ReasonAlreadyReported, Codes: d.To, Detail: d.Code}
}
