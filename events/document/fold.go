package document

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of a document stream. It never changes s. An unknown event name, or an event that
// cannot follow, is an error. It does not read facts.
func Fold(s State, e events.Event) (State, error) {
	at := events.Address{Origin: e.Statement.Origin, Position: e.Position}
	var err error
	next := s
	switch e.Statement.Name {
	case NameReceived:
		var d Received
		if d, err = decodeReceived(e.Statement.Data); err == nil {
			next, err = s.received(d, e, at)
		}
	case NameResent:
		var d Resent
		if err = json.Unmarshal(e.Statement.Data, &d); err == nil {
			next, err = s.resent(d, e, at)
		}
	case NameStatusReported:
		var d StatusReported
		if d, err = decodeStatus(e.Statement.Data); err == nil {
			next, err = s.reported(d, at)
		}
	case NameRecalled:
		var d Recalled
		if err = json.Unmarshal(e.Statement.Data, &d); err == nil {
			next, err = s.affected(d.Document, Effect{
				Kind: EffectRecall, By: d.By, Sender: d.Sender, Recipients: d.Recipients, Address: at,
			})
		}
	case NameUpdated:
		var d Updated
		if err = json.Unmarshal(e.Statement.Data, &d); err == nil {
			next, err = s.affected(d.Document, Effect{
				Kind: EffectUpdate, By: d.By, Sender: d.Sender, Added: d.Added, Removed: d.Removed, Address: at,
			})
		}
	case NameReplaced:
		var d Replaced
		if err = json.Unmarshal(e.Statement.Data, &d); err == nil {
			next, err = s.affected(d.Document, Effect{
				Kind: EffectReplace, By: d.By, Sender: d.Sender, Recipients: d.Recipients, Address: at,
			})
		}
	default:
		err = fmt.Errorf("unknown event")
	}
	if err != nil {
		return s, fmt.Errorf("couldn't fold document: %q at position %d: %w", e.Statement.Name, e.Position, err)
	}
	next.events++
	return next, nil
}

// known says whether the event speaks of this document. An event in another document's stream is a damaged record.
func (s *State) known(document string) error {
	if s.Document == "" {
		s.Document = document
	}
	if s.Document != document {
		return fmt.Errorf("document is %s, expected %s", document, s.Document)
	}
	return nil
}

func (s State) received(d Received, e events.Event, at events.Address) (State, error) {
	if s.Received {
		return s, fmt.Errorf("received before, at position %d", s.Address.Position)
	}
	if err := s.known(d.Document); err != nil {
		return s, err
	}
	if e.Statement.Package == nil {
		return s, fmt.Errorf("no package")
	}
	s.Received = true
	s.Business, s.Sender, s.SenderNode = d.Business, d.Sender, d.SenderNode
	s.Content, s.Assurance, s.Priority, s.Package = d.Content, d.Assurance, d.Priority, e.Statement.Package.SHA256
	s.Address, s.At = at, e.Statement.Time
	s.Packages = []Carried{{Package: s.Package, Address: at}}
	early := s.Recipients
	s.Recipients = d.Recipients
	// Recipients that an update had added before the document came.
	s.Recipients = s.with(early)
	return s, nil
}

// with gives the recipients and those of more that are new, or that this node serves from now on.
func (s State) with(more []Recipient) []Recipient {
	out := slices.Clone(s.Recipients)
	index := make(map[string]int, len(out))
	for i, r := range out {
		index[r.Org] = i
	}
	for _, r := range more {
		i, ok := index[r.Org]
		switch {
		case !ok:
			index[r.Org] = len(out)
			out = append(out, r)
		case out[i].Elsewhere && !r.Elsewhere:
			out[i] = r
		}
	}
	return out
}

func (s State) resent(d Resent, e events.Event, at events.Address) (State, error) {
	if !s.Received {
		return s, fmt.Errorf("not received before")
	}
	if err := s.known(d.Document); err != nil {
		return s, err
	}
	if e.Statement.Package == nil {
		return s, fmt.Errorf("no package")
	}
	s.Packages = append(slices.Clip(s.Packages), Carried{Package: e.Statement.Package.SHA256, Address: at})
	s.Recipients = s.with(d.Recipients)
	return s, nil
}

func (s State) affected(document string, e Effect) (State, error) {
	if err := s.known(document); err != nil {
		return s, err
	}
	if _, ok := s.effect(e.Kind, e.By); ok {
		return s, fmt.Errorf("%s by %s recorded before", e.Kind, e.By)
	}
	s.Effects = append(slices.Clip(s.Effects), e)
	if len(e.Added) > 0 {
		s.Recipients = s.with(e.Added)
	}
	return s, nil
}

// statusKey is the business key of a status message within the stream of its document.
func statusKey(reporter, about, code, timestamp string) string {
	return reporter + "\x00" + about + "\x00" + code + "\x00" + timestamp
}

func (s State) reported(d StatusReported, at events.Address) (State, error) {
	if !s.Received {
		return s, fmt.Errorf("document not received")
	}
	if err := s.known(d.Document); err != nil {
		return s, err
	}
	key := statusKey(d.Reporter, d.About, d.Code, d.Timestamp)
	if _, ok := s.statuses.Get(key); ok {
		return s, fmt.Errorf("reported before")
	}
	s.statuses = s.statuses.Set(key, seen{content: d.Content, address: at})
	if d.Code == codeTakeBack {
		return s, nil // what it asks follows in document.recalled
	}
	p, _ := s.progress.Get(d.About)
	s.progress = s.progress.Set(d.About, s.step(p, d.About, d.Code, at))
	return s, nil
}

// Status codes with a meaning here.
const (
	codeArrived    = "01"
	codeRefused    = "02"
	codeAccepted   = "03"
	codeAssigned   = "04"
	codeProcessing = "05"
	codeDone       = "06"
	codeTakeBack   = "13"
	codeAgreed     = "15"
	codeDenied     = "16"
)

var stages = map[string]Stage{
	codeArrived: StageArrived, codeAccepted: StageAccepted, codeAssigned: StageAssigned, codeProcessing: StageProcessing,
	codeDone: StageDone,
}

// bit is the bit of a two-digit code below 32 in progress.reported.
func bit(code string) uint32 {
	return 1 << (int(code[0]-'0')*10 + int(code[1]-'0'))
}

// step gives the progress after one more status. Messages may come out of order: a stage once reached is kept.
func (s State) step(p progress, org, code string, at events.Address) progress {
	ended := p.stage == StageRefused || p.stage == StageTakenBack
	switch code {
	case codeRefused:
		if !ended {
			p.stage = StageRefused
		}
	case codeAgreed, codeDenied:
		if code == codeAgreed && !ended && s.asked(org, p) == EffectRecall {
			p.stage = StageTakenBack
		}
		p.answer, p.answered = code, len(s.Effects)
	default:
		if stage := stages[code]; !ended && stage > p.stage {
			p.stage = stage
		}
	}
	if twoDigits(code) {
		p.reported |= bit(code)
	}
	p.last, p.address = code, at
	return p
}

func twoDigits(code string) bool {
	return len(code) == 2 && code[0] >= '0' && code[0] <= '9' && code[1] >= '0' && code[1] <= '9'
}
