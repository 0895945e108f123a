package notify

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/mail"
	"strings"
	"time"

	smtp "github.com/wneessen/go-mail"

	"github.com/tram-exchange/tram/internal/notice"
)

// Security of the connection to the mail server.
type Security string

// Securities. Without TLS neither password nor address is safe on the way: NoTLS is for a server on this machine.
const (
	StartTLS Security = "starttls" // TLS is asked for after the greeting, and needed
	TLS      Security = "tls"      // from the first byte
	NoTLS    Security = "none"
)

// EmailOptions say how e-mail leaves.
type EmailOptions struct {
	Host     string // of the mail server
	Port     int    // 0: 587, or 465 with TLS
	Security Security
	Roots    *x509.CertPool // of its certificate; nil: the system's
	Username string         // "": none
	Password func() (string, error)
	From     string           // address, or "Name <address>"
	Node     string           // what the node is called, for the subject
	Now      func() time.Time // default time.Now
	ListID   string           // host-like name of the list that these messages are: what mail programs sort by
}

// Email brings messages by e-mail. It is a Sender and a CodeSender.
type Email struct {
	o    EmailOptions
	from *mail.Address
}

// NewEmail checks the options. It connects to nobody.
func NewEmail(o EmailOptions) (*Email, error) {
	from, err := mail.ParseAddress(o.From)
	if err != nil {
		return nil, fmt.Errorf("couldn't read sender's address %q: %w", o.From, err)
	}
	switch o.Security {
	case StartTLS, TLS, NoTLS:
	case "":
		o.Security = StartTLS
	default:
		return nil, fmt.Errorf("couldn't take security %q: want starttls, tls or none", o.Security)
	}
	if o.Host == "" || o.ListID == "" {
		return nil, errors.New("couldn't make mail client: the server and the list's name are needed")
	}
	if o.Security == NoTLS && o.Username != "" {
		return nil, errors.New("couldn't make mail client: a password needs TLS")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Port == 0 {
		o.Port = 587
		if o.Security == TLS {
			o.Port = 465
		}
	}
	return &Email{o: o, from: from}, nil
}

// Place is the mail server, whoever the message is for.
func (e *Email) Place(notice.Way) string { return codePlace }

// Send brings one message.
func (e *Email) Send(ctx context.Context, w notice.Way, m Message) error {
	text, page, err := render(m)
	if err != nil {
		return &Failure{Own: true, Err: err}
	}
	return e.mail(ctx, w.Address, m.ID, m.subject(e.o.Node), text, page, m.Account, m.At)
}

// SendCode brings one code.
func (e *Email) SendCode(ctx context.Context, c notice.Code) error {
	until := c.Ends.In(vietnam).Format("15:04 02/01/2006")
	first, second := fmt.Sprintf(say(sentenceCode, c.Language), c.Code), fmt.Sprintf(say(sentenceType, c.Language), until)
	page := &strings.Builder{}
	if err := codePage.Execute(page, []string{first, second}); err != nil {
		return &Failure{Own: true, Err: err}
	}
	id := sha256.Sum256(fmt.Appendf(nil, "tram notice code v1\n%s\n%s\n", c.Account, c.Code))
	return e.mail(ctx, c.Address, hex.EncodeToString(id[:]), fmt.Sprintf(say(subjectCode, c.Language), e.o.Node), first+"\n\n"+second+"\n", page.String(), "", e.o.Now())
}

var codePage = template.Must(template.New("").Parse(`<!doctype html><meta charset="utf-8">{{range .}}<p>{{.}}</p>{{end}}` + "\n"))

var messagePage = template.Must(template.New("").Parse(`<!doctype html><html lang="{{.Language}}"><meta charset="utf-8"><p>{{.Have}}</p><ul>{{range .Lines}}<li>{{.}}</li>{{end}}</ul>` +
	`<p>{{.Open}} <a href="{{.Link}}">{{.Link}}</a></p><p><small>{{.Why}} <a href="{{.Account}}">{{.Account}}</a></small></p></html>` + "\n"))

// render writes a message as text and as a page.
func render(m Message) (text, page string, _ error) {
	var lines []string
	for _, c := range m.Counts {
		lines = append(lines, c.words(m.Language))
	}
	have, open, why := say(sentenceYouHave, m.Language), say(sentenceOpen, m.Language), say(sentenceWhy, m.Language)
	var b, h strings.Builder
	b.WriteString(have + "\n")
	for _, l := range lines {
		b.WriteString("- " + l + "\n")
	}
	fmt.Fprintf(&b, "\n%s\n%s\n\n-- \n%s\n%s\n", open, m.Link, why, m.Account)
	err := messagePage.Execute(&h, map[string]any{"Language": m.Language, "Have": have, "Lines": lines, "Open": open, "Link": m.Link, "Why": why, "Account": m.Account})
	return b.String(), h.String(), err
}

// mail hands one message to the mail server. Message-ID and the headers of lists let a mail program tell a repeat, sort these messages,
// and answer none of them by itself (RFC 3834, RFC 2919).
func (e *Email) mail(ctx context.Context, to, id, subject, text, page, unsubscribe string, at time.Time) error {
	msg := smtp.NewMsg(smtp.WithNoDefaultUserAgent())
	msg.FromMailAddress(e.from)
	if err := msg.To(to); err != nil {
		return &Failure{Trouble: notice.Refused, Err: errors.New("the address cannot be written")}
	}
	msg.Subject(subject)
	msg.SetMessageIDWithValue(id + "@" + e.o.ListID)
	msg.SetDateWithValue(at)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(smtp.HeaderXAutoResponseSuppress, "All")
	msg.SetGenHeader("List-Id", "<"+e.o.ListID+">")
	if unsubscribe != "" {
		msg.SetGenHeader(smtp.HeaderListUnsubscribe, "<"+unsubscribe+">")
	}
	msg.SetBodyString(smtp.TypeTextPlain, text)
	msg.AddAlternativeString(smtp.TypeTextHTML, page)
	client, err := e.client(ctx)
	if err != nil {
		return &Failure{Own: true, Err: err}
	}
	if err := client.DialWithContext(ctx); err != nil {
		return &Failure{Own: true, Err: withoutAddresses(err)}
	}
	err = client.Send(msg)
	client.Close() // what it says no longer matters: the server has the message, or has not
	if msg.IsDelivered() {
		return nil
	}
	return mailFailure(err)
}

// client is made for each message: a changed password counts at once, and a connection is never kept past what the server likes.
func (e *Email) client(ctx context.Context) (*smtp.Client, error) {
	left := sendTime
	if end, ok := ctx.Deadline(); ok {
		left = max(time.Until(end), time.Second)
	}
	policy := smtp.TLSMandatory
	if e.o.Security == NoTLS {
		policy = smtp.NoTLS
	}
	options := []smtp.Option{smtp.WithPort(e.o.Port), smtp.WithTimeout(left), smtp.WithTLSPolicy(policy), smtp.WithHELO(e.helo()), smtp.WithoutNoop(),
		smtp.WithTLSConfig(&tls.Config{ServerName: e.o.Host, RootCAs: e.o.Roots, MinVersion: tls.VersionTLS12})}
	if e.o.Security == TLS {
		options = append(options, smtp.WithSSL())
	}
	if e.o.Username != "" {
		password, err := e.o.Password()
		if err != nil {
			return nil, err
		}
		options = append(options, smtp.WithSMTPAuth(smtp.SMTPAuthAutoDiscover), smtp.WithUsername(e.o.Username), smtp.WithPassword(password))
	}
	return smtp.NewClient(e.o.Host, options...)
}

// helo is the sender's domain: the name of this machine need not leave.
func (e *Email) helo() string { return e.from.Address[strings.LastIndexByte(e.from.Address, '@')+1:] }

// mailFailure says whose fault it is. What the server says of this mailbox counts against its way; everything else is between the node and
// its own server.
func mailFailure(err error) *Failure {
	var said *smtp.SendError
	if !errors.As(err, &said) {
		return &Failure{Own: true, Err: withoutAddresses(err)}
	}
	why := fmt.Errorf("%s: %d %s", said.Reason, said.ErrorCode(), said.EnhancedStatusCode())
	switch said.Reason {
	case smtp.ErrSMTPRcptTo:
		if said.ErrorCode() == 0 {
			break // nothing was said: the connection broke
		}
		if !said.IsTemp() {
			return &Failure{Trouble: notice.Refused, Err: why}
		}
		return &Failure{Trouble: notice.Answered, Err: why}
	case smtp.ErrSMTPData, smtp.ErrSMTPDataClose:
		if said.ErrorCode() != 0 {
			return &Failure{Trouble: notice.Answered, Err: why}
		}
	}
	return &Failure{Own: true, Err: why}
}

// withoutAddresses keeps what people have named out of the log.
func withoutAddresses(err error) error {
	if err == nil {
		return errors.New("nobody knows why")
	}
	if strings.Contains(err.Error(), "@") {
		return errors.New("the mail server refused")
	}
	return err
}
