// Package notice keeps how each person wants to be told outside the portal that there is work, and how far each has been told. It stands
// between two adapters that may not know each other: the portal, where people choose, and notify, which tells them. Its tables lie in the
// portal's accounts file (portal.db), beside the account that they belong to and go with.
//
// A message says how much of which kind there is, and nothing else. So a Kind is all that this package knows of a document.
package notice

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Channel is a way out of the portal.
type Channel string

// Channels.
const (
	ByEmail   Channel = "email"
	ByWebhook Channel = "webhook"
)

// Channels are all of them.
var Channels = []Channel{ByEmail, ByWebhook}

// Kind is what a message counts.
type Kind string

// Kinds. The last three are no events: they are found once a working day.
const (
	Work   Kind = "work"   // work that has come to the person
	Back   Kind = "back"   // something was given back, or its sender wants it back
	Done   Kind = "done"   // what the person gave to others is done
	Status Kind = "status" // a recipient has said something
	Due    Kind = "due"    // due today or on the next working day
	Late   Kind = "late"   // late, with the person
	Above  Kind = "above"  // late for long, with others, and the person heads them
)

// Kinds are all of them, in the order in which messages name them.
var Kinds = []Kind{Late, Above, Due, Work, Back, Done, Status}

// Deadlines are the kinds found once a working day.
var Deadlines = []Kind{Late, Above, Due}

// Pace is how often a person is told.
type Pace string

// Paces.
const (
	AtOnce Pace = "once"  // as it happens
	Hourly Pace = "hour"  // at most once an hour
	Daily  Pace = "day"   // once a working day, at a time
	Never  Pace = "never" // not now, but the address is kept
)

// Paces are all of them.
var Paces = []Pace{AtOnce, Hourly, Daily, Never}

// Choice is what a person chooses for a channel.
type Choice struct {
	Kinds  []Kind
	Pace   Pace
	Minute int // of the day at +07:00, for Daily
}

// Usual is what a channel begins with.
func Usual() Choice {
	return Choice{Kinds: []Kind{Late, Above, Due, Work, Back}, Pace: Daily, Minute: 7*60 + 30}
}

// Check says what is wrong with a choice.
func (c Choice) Check() error {
	for _, k := range c.Kinds {
		if !slices.Contains(Kinds, k) {
			return fmt.Errorf("couldn't take choice: no kind %q", k)
		}
	}
	if !slices.Contains(Paces, c.Pace) {
		return fmt.Errorf("couldn't take choice: no pace %q", c.Pace)
	}
	if c.Minute < 0 || c.Minute >= 24*60 {
		return fmt.Errorf("couldn't take choice: minute %d is in no day", c.Minute)
	}
	return nil
}

// Wants says whether one of the kinds was chosen.
func (c Choice) Wants(kinds ...Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return slices.Contains(c.Kinds, k) })
}

// Way is one person's channel as it stands.
type Way struct {
	Account  string // id
	Org      string
	Person   string // id in the agency's office
	Language string // of the account
	Channel  Channel
	Choice
	Address   string    // e-mail address or URL
	Confirmed time.Time // when the address was: before that it is not here (Asking)
	Secret    string    // of a webhook
	Set       int64     // tells this address from those before it

	From uint64 // first position that was not told
	Day  string // last day on which deadlines were told, yyyy-MM-dd

	// What is being told: notes up to UpTo (0: none), and the deadlines of the day Telling ("": none). It stays until it has arrived, so
	// that a repeat is known by its id.
	UpTo    uint64
	Telling string

	Tries   int       // that failed in a row
	Next    time.Time // not before then
	Paused  bool      // after too many
	Trouble Trouble   // of the last try
	Told    time.Time // last
}

// Begun says whether something is being told.
func (w *Way) Begun() bool { return w.UpTo > 0 || w.Telling != "" }

// Trouble is why the last try did not arrive, in a word that the portal has a sentence for.
type Trouble string

// Troubles.
const (
	NoTrouble   Trouble = ""
	Unreachable Trouble = "unreachable" // nobody answered, or not in time, or not by TLS
	Answered    Trouble = "answer"      // with an error, that may pass
	Refused     Trouble = "refused"     // for good: the mailbox or the webhook does not exist any more
	Private     Trouble = "private"     // the address leads into the node's own network
)

// Troubles are all of them.
var Troubles = []Trouble{Unreachable, Answered, Refused, Private}

// Escalation says who else is told of what is late, by how many working days. 0: nobody.
type Escalation struct {
	Head   int // late for more than this: the head of the unit
	Leader int // late for more than this: the leaders of the agency
}

// To names the highest that is told of what is late for so many working days: "", head or leader.
func (e Escalation) To(late int) string {
	switch {
	case e.Leader > 0 && late > e.Leader:
		return "leader"
	case e.Head > 0 && late > e.Head:
		return "head"
	}
	return ""
}

var (
	// ErrAddress: it is no e-mail address or URL that can be taken. Say so.
	ErrAddress = errors.New("the address cannot be used")
	// ErrForeign: the node takes no addresses of this domain.
	ErrForeign = errors.New("the address is of another domain than the node takes")
)

// Longest addresses.
const (
	maxEmail = 254
	maxURL   = 500
)

// Letters that need quotes or UTF-8 in SMTP are left out: no agency's mailbox has them, and every one is a risk in a header.
var emailForm = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`)

// CheckEmail judges an e-mail address. With domains, it must be of one of them or below one.
func CheckEmail(address string, domains []string) error {
	local, domain, _ := strings.Cut(address, "@")
	if len(address) > maxEmail || len(local) > 64 || !emailForm.MatchString(address) {
		return fmt.Errorf("couldn't take e-mail address: %w", ErrAddress)
	}
	domain = strings.ToLower(domain)
	if len(domains) > 0 && !slices.ContainsFunc(domains, func(d string) bool {
		d = strings.ToLower(d)
		return domain == d || strings.HasSuffix(domain, "."+d)
	}) {
		return fmt.Errorf("couldn't take e-mail address: %w", ErrForeign)
	}
	return nil
}

// CheckURL judges the URL of a webhook. Where it leads is judged when it is called.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" ||
		strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("couldn't take webhook: %w", ErrAddress)
	}
	return nil
}
