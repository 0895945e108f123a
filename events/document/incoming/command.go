package incoming

import (
	"strings"
	"time"

	"github.com/tram-exchange/tram/events/directory"
)

// By is who acts, as of when, and by which rules of the agency.
type By struct {
	At       time.Time // as of when it is judged
	Standing directory.Standing
	Office   *directory.Office
}

// Exchange is what the document's own stream says of it, for the agency that acts.
type Exchange struct {
	Document string // key
	Priority int
	Arrived  time.Time // zero: not known
	Back     Back
	By       string // what it is asked back by, "" not asked, or not known
}

// Back says whether the sender wants it back.
type Back string

// Whether the sender wants it back.
const (
	BackNone  Back = ""      // no, or the agency has said no (status 16)
	BackAsked Back = "asked" // and the agency has not answered yet
	BackGiven Back = "given" // and the agency has agreed (status 15)
)

// Command is one act of a person with a document.
type Command struct {
	By
	Org string // identity of the stream's agency: who acts, or one that it succeeds; "" who acts
	ID  string // of the document in the agency
	// Exchange is nil if the document is not of the exchange, or was not for the agency.
	Exchange *Exchange
	Act      Act
}

// Act is one of the types below, as a value.
type Act interface{ act() string }

// Acts. Their meaning is that of the forms of the same names.
type (
	// Register takes a document of the exchange into a register of arrivals.
	Register struct{ Register string }
	// Enter registers what came on paper or by another channel.
	Enter struct {
		Register string
		Channel  string
		From     string // identity, "" not known to the directory
		Date     string
		Received string // "" today
		Asked    string
		Priority int
		Pages    int
		Facts    PaperFacts
	}
	// Refuse gives a document of the exchange back.
	Refuse struct{ Reason string }
	// Present lays it before a leader or head.
	Present struct{ To, Note string }
	// Assign says who handles it.
	Assign struct {
		InCharge    directory.Assignee
		Cooperating []directory.Assignee
		Due         string // "" by the rule of the agency; again: as it is
		Opinion     string
	}
	// TransferBack gives an assignment back to who made it.
	TransferBack struct{ Reason string }
	// Start says that work has begun.
	Start struct{ Note string }
	// Opine gives an opinion.
	Opine struct {
		Text  string
		Files []FileFacts
	}
	// ChangeDeadline moves the day by which it is to be finished.
	ChangeDeadline struct{ Due, Reason string }
	// LinkReply says which document answers it. Own: it is one that the agency has issued, or a draft of its own.
	LinkReply struct {
		Document string // key
		Outgoing string // id
		Own      bool
	}
	// Finish ends the work.
	Finish struct {
		Result string
		Files  []FileFacts
	}
	// Agree gives it back to the sender, who asks for it.
	Agree struct{ Reason string }
	// Decline keeps it.
	Decline struct{ Reason string }
	// Reopen takes an end back.
	Reopen struct{ Reason string }
)

// Names of acts, as the forms have them. May gives these.
const (
	actRegister       = "RegisterIncoming"
	actEnter          = "RegisterPaper"
	actRefuse         = "RefuseIncoming"
	actPresent        = "Present"
	actAssign         = "Assign"
	actTransferBack   = "TransferBack"
	actStart          = "StartHandling"
	actOpine          = "GiveOpinion"
	actChangeDeadline = "ChangeDeadline"
	actLinkReply      = "LinkReply"
	actFinish         = "FinishHandling"
	actAgree          = "AgreeRecall"
	actDecline        = "DeclineRecall"
	actReopen         = "Reopen"
)

func (Register) act() string       { return actRegister }
func (Enter) act() string          { return actEnter }
func (Refuse) act() string         { return actRefuse }
func (Present) act() string        { return actPresent }
func (Assign) act() string         { return actAssign }
func (TransferBack) act() string   { return actTransferBack }
func (Start) act() string          { return actStart }
func (Opine) act() string          { return actOpine }
func (ChangeDeadline) act() string { return actChangeDeadline }
func (LinkReply) act() string      { return actLinkReply }
func (Finish) act() string         { return actFinish }
func (Agree) act() string          { return actAgree }
func (Decline) act() string        { return actDecline }
func (Reopen) act() string         { return actReopen }

// Limits of one document.
const (
	MaxCooperating = 100
	MaxReplies     = 100
	maxActs        = 10_000
)

// Reason says why an act is refused.
type Reason string

// Reasons. They are stable.
const (
	ReasonUnknown     Reason = "unknown"      // no such document, or not for this person
	ReasonRight       Reason = "right"        // the person may not do this
	ReasonIncomplete  Reason = "incomplete"   // something needed is missing
	ReasonUnnumbered  Reason = "unnumbered"   // not registered yet
	ReasonNumbering   Reason = "numbering"    // its number is being given: in a moment
	ReasonRegistered  Reason = "registered"   // registered before
	ReasonRefused     Reason = "refused"      // given back to the sender
	ReasonWithdrawn   Reason = "withdrawn"    // the sender took it back
	ReasonAsked       Reason = "asked"        // the sender asks for it back: answer first
	ReasonFinished    Reason = "finished"     // the work is at its end
	ReasonNotFinished Reason = "not-finished" // nothing to reopen
	ReasonNotAssigned Reason = "not-assigned" // nobody is in charge
	ReasonAssigned    Reason = "assigned"     // assign it again instead of presenting it
	ReasonStarted     Reason = "started"      // work had begun before
	ReasonExchange    Reason = "exchange"     // only for what did not
	ReasonRegister    Reason = "register"     // no such register, or closed
	ReasonUnit        Reason = "unit"         // no such unit, or closed
	ReasonPerson      Reason = "person"       // no such person, or gone, or without a duty that handles work
	ReasonApart       Reason = "apart"        // the person is not in the unit
	ReasonTwice       Reason = "twice"        // named twice in one assignment
	ReasonOutside     Reason = "outside"      // a head assigns within his units only
	ReasonPresentTo   Reason = "present-to"   // neither leader nor head
	ReasonSame        Reason = "same"         // nothing would change
	ReasonDate        Reason = "date"         // not a day
	ReasonFuture      Reason = "future"       // a day to come, for what has happened
	ReasonPast        Reason = "past"         // a deadline before today
	ReasonPassed      Reason = "passed"       // the deadline has passed: a leader moves it, with a reason
	ReasonBeyond      Reason = "beyond"       // later than a leader has set
	ReasonReply       Reason = "reply"        // not a document of the agency
	ReasonLinked      Reason = "linked"       // linked before
	ReasonNotAsked    Reason = "not-asked"    // the sender does not ask for it back
	ReasonAnswered    Reason = "answered"     // the sender was answered before
	ReasonFull        Reason = "full"         // over a limit
)

// Refusal is the answer to an act that is not accepted.
type Refusal struct {
	Reason Reason
	Detail []string // ids, days: what it is about
}

func (r *Refusal) Error() string {
	return strings.Join(append([]string{"refused: " + string(r.Reason)}, r.Detail...), " ")
}

func refuse(reason Reason, detail ...string) error { return &Refusal{Reason: reason, Detail: detail} }
