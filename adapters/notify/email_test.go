package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	smtpserver "github.com/emersion/go-smtp"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// mailbox is a true mail server that does what a test says.
type mailbox struct {
	mu       sync.Mutex
	mails    []string
	rcpt     error // the answer to the recipient
	data     error // the answer to the content
	keep     bool  // content is kept although the answer is an error
	from     error
	password string // "": none is asked for
	port     int
	roots    *x509.CertPool
}

func (m *mailbox) NewSession(*smtpserver.Conn) (smtpserver.Session, error) {
	return &mailSession{m: m}, nil
}

type mailSession struct {
	m      *mailbox
	signed bool
	to     string
}

func (s *mailSession) AuthMechanisms() []string {
	if s.m.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "tram" || password != s.m.password {
			return smtpserver.ErrAuthFailed
		}
		s.signed = true
		return nil
	}), nil
}

func (s *mailSession) Mail(string, *smtpserver.MailOptions) error {
	if s.m.password != "" && !s.signed {
		return smtpserver.ErrAuthRequired
	}
	return s.m.from
}

func (s *mailSession) Rcpt(to string, _ *smtpserver.RcptOptions) error {
	s.to = to
	return s.m.rcpt
}

func (s *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.data == nil || s.m.keep {
		s.m.mails = append(s.m.mails, "Envelope-To: "+s.to+"\r\n"+string(b))
	}
	return s.m.data
}

func (*mailSession) Reset()        {}
func (*mailSession) Logout() error { return nil }

func (m *mailbox) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.mails
	m.mails = nil
	return out
}

// certificate is that of httptest, for 127.0.0.1, with who vouches for it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.TLS.Certificates[0], roots
}

// newMailbox starts a mail server with STARTTLS, or with TLS from the first byte, or with none.
func newMailbox(t testing.TB, security Security) *mailbox {
	t.Helper()
	m := &mailbox{}
	cert, roots := certificate(t)
	m.roots = roots
	server := smtpserver.NewServer(m)
	server.Domain, server.ErrorLog = "mail.example", log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	switch security {
	case TLS:
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	case StartTLS:
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return m
}

func (m *mailbox) options(security Security) EmailOptions {
	return EmailOptions{Host: "127.0.0.1", Port: m.port, Security: security, Roots: m.roots, From: "Trạm tỉnh <tram@tinh.example>", Node: "Trạm tỉnh", ListID: "viec.tram.example"}
}

func newEmail(t testing.TB, o EmailOptions) *Email {
	t.Helper()
	e, err := NewEmail(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func lanEmail() notice.Way {
	return notice.Way{Account: "tk-lan", Channel: notice.ByEmail, Address: "lan@snv.example", Language: "vi"}
}

func testMessage() Message {
	return Message{ID: strings.Repeat("ab", 32), Counts: []Count{{notice.Late, 1}, {notice.Work, 2}}, Link: "https://tram.example/portal/notes", Account: "https://tram.example/portal/account", Language: "vi", At: tuesday}
}

// parts are the texts of a mail by their type.
func parts(t *testing.T, raw string) (mail.Header, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		out[kind] = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
}

func TestEmail(t *testing.T) {
	for _, security := range []Security{StartTLS, TLS, NoTLS} {
		m := newMailbox(t, security)
		o := m.options(security)
		if security != NoTLS {
			m.password, o.Username = "bí mật", "tram"
			o.Password = func() (string, error) { return "bí mật", nil }
		}
		if err := newEmail(t, o).Send(t.Context(), lanEmail(), testMessage()); err != nil {
			t.Errorf("%s: %v", security, err)
			continue
		}
		mails := m.take()
		if len(mails) != 1 {
			t.Fatalf("%s: %d mails", security, len(mails))
		}
		h, text := parts(t, mails[0])
		for name, want := range map[string]string{"Envelope-To": "lan@snv.example", "To": "<lan@snv.example>", "Message-Id": "<" + strings.Repeat("ab", 32) + "@viec.tram.example>",
			"Auto-Submitted": "auto-generated", "List-Id": "<viec.tram.example>", "List-Unsubscribe": "<https://tram.example/portal/account>", "User-Agent": "", "X-Mailer": ""} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", security, name, got, want)
			}
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
		if err != nil || subject != "Trạm tỉnh: 1 việc quá hạn, 2 việc mới" {
			t.Errorf("%s: subject %q, %v", security, subject, err)
		}
		want := "Bạn có:\n- 1 việc quá hạn\n- 2 việc mới\n\nMở cổng để xem:\nhttps://tram.example/portal/notes\n"
		if !strings.HasPrefix(text["text/plain"], want) {
			t.Errorf("%s: text is %q", security, text["text/plain"])
		}
		if !strings.Contains(text["text/html"], "<li>2 việc mới</li>") || !strings.Contains(text["text/html"], `<a href="https://tram.example/portal/notes">`) {
			t.Errorf("%s: page is %q", security, text["text/html"])
		}
	}
}

func TestEmailInEnglish(t *testing.T) {
	m := testMessage()
	m.Language = "en"
	text, page, err := render(m)
	if err != nil || !strings.HasPrefix(text, "You have:\n- 1 late task\n- 2 new tasks\n") || !strings.Contains(page, `<html lang="en">`) {
		t.Errorf("text %q, page %q, %v", text, page, err)
	}
}

func TestCodeByEmail(t *testing.T) {
	m := newMailbox(t, StartTLS)
	c := notice.Code{Account: "tk-lan", Address: "lan@snv.example", Language: "vi", Code: "01234567", Ends: tuesday.Add(time.Hour)}
	e := newEmail(t, m.options(StartTLS))
	if err := errors.Join(e.SendCode(t.Context(), c), e.SendCode(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	mails := m.take()
	h, text := parts(t, mails[0])
	again, _ := parts(t, mails[1])
	if !strings.Contains(text["text/plain"], "01234567") || !strings.Contains(text["text/plain"], "10:00 01/12/2026") || h.Get("Message-Id") != again.Get("Message-Id") {
		t.Errorf("code mail is %v %q", h, text["text/plain"])
	}
	if subject, _ := new(mime.WordDecoder).DecodeHeader(h.Get("Subject")); strings.Contains(subject, c.Code) {
		t.Errorf("the subject, which lock screens show, has the code: %q", subject)
	}
}

// Without TLS, or with a certificate that nobody vouches for, nothing leaves: neither password nor address.
func TestEmailNeedsTLS(t *testing.T) {
	plain := newMailbox(t, NoTLS)
	o := plain.options(StartTLS)
	o.Username, o.Password = "tram", func() (string, error) { return "bí mật", nil }
	stranger := newMailbox(t, StartTLS)
	unknown := stranger.options(StartTLS)
	unknown.Roots = x509.NewCertPool()
	wrong := newMailbox(t, StartTLS)
	wrong.password = "đúng"
	badPassword := wrong.options(StartTLS)
	badPassword.Username, badPassword.Password = "tram", func() (string, error) { return "sai", nil }
	noPassword := wrong.options(StartTLS)
	noPassword.Username, noPassword.Password = "tram", func() (string, error) { return "", errors.New("no such file") }
	for name, o := range map[string]EmailOptions{"no STARTTLS": plain.options(StartTLS), "no STARTTLS for a password": o, "unknown certificate": unknown, "wrong password": badPassword, "no password": noPassword} {
		var f *Failure
		if err := newEmail(t, o).Send(t.Context(), lanEmail(), testMessage()); !errors.As(err, &f) || !f.Own {
			t.Errorf("%s: %v, want it to be the node's own trouble", name, err)
		}
	}
	if n := len(plain.take()) + len(stranger.take()) + len(wrong.take()); n > 0 {
		t.Errorf("%d mails went out", n)
	}
	for name, o := range map[string]EmailOptions{
		"password in the clear": {Host: "h", From: "a@b.vn", ListID: "l", Security: NoTLS, Username: "u"}, "sender": {Host: "h", From: "no address", ListID: "l"},
		"security": {Host: "h", From: "a@b.vn", ListID: "l", Security: "perhaps"}, "host": {From: "a@b.vn", ListID: "l"}, "list": {Host: "h", From: "a@b.vn"},
	} {
		if _, err := NewEmail(o); err == nil {
			t.Errorf("taken: %s", name)
		}
	}
}

func TestWhoseFaultItIs(t *testing.T) {
	said := func(code int, text string) error {
		return &smtpserver.SMTPError{Code: code, EnhancedCode: smtpserver.EnhancedCode{code / 100, 1, 1}, Message: text}
	}
	for name, c := range map[string]struct {
		set     func(m *mailbox)
		own     bool
		trouble notice.Trouble
	}{
		"no such mailbox":        {func(m *mailbox) { m.rcpt = said(550, "no lan@snv.example here") }, false, notice.Refused},
		"mailbox full":           {func(m *mailbox) { m.rcpt = said(452, "full") }, false, notice.Answered},
		"content refused":        {func(m *mailbox) { m.data = said(554, "spam") }, false, notice.Answered},
		"not now":                {func(m *mailbox) { m.data = said(451, "later") }, false, notice.Answered},
		"sender may not send":    {func(m *mailbox) { m.from = said(550, "who are you") }, true, ""},
		"server busy for sender": {func(m *mailbox) { m.from = said(451, "later") }, true, ""},
	} {
		m := newMailbox(t, StartTLS)
		c.set(m)
		var f *Failure
		err := newEmail(t, m.options(StartTLS)).Send(t.Context(), lanEmail(), testMessage())
		if !errors.As(err, &f) || f.Own != c.own || f.Trouble != c.trouble {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), "snv.example") {
			t.Errorf("%s: the address stands in what is logged: %v", name, err)
		}
	}
}

// A server that is not there, that hangs up, or that says nothing at all, is given up in time.
func TestEmailServerAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	quit := make(chan struct{})
	var conns sync.WaitGroup
	hangUp := true
	var mu sync.Mutex
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			hang := hangUp
			mu.Unlock()
			if hang {
				c.Close()
				continue
			}
			conns.Go(func() { <-quit; c.Close() })
		}
	})
	o := EmailOptions{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "a@b.vn", ListID: "l.example"}
	want := func(name string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		var f *Failure
		if err := newEmail(t, o).Send(ctx, lanEmail(), testMessage()); !errors.As(err, &f) || !f.Own {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: given up after %v", name, took)
		}
	}
	want("hangs up")
	mu.Lock()
	hangUp = false
	mu.Unlock()
	want("says nothing")
	close(quit)
	l.Close()
	conns.Wait()
	want("refuses")
}

// The whole way by e-mail: the address is confirmed by the code in the mail; what arrived although its answer was lost comes again under
// the same Message-ID, also after a restart.
func TestEmailFromEndToEnd(t *testing.T) {
	f := newFixture(t)
	m := newMailbox(t, StartTLS)
	e := newEmail(t, m.options(StartTLS))
	f.o.Senders = map[notice.Channel]Sender{notice.ByEmail: e}
	f.o.Codes = e
	f.restart()
	if _, err := f.db.Exec(`INSERT INTO accounts VALUES('tk-lan', 'H02.02', 'lan', 'vi', 0)`); err != nil {
		t.Fatal(err)
	}
	if err := f.store.AskEmail(t.Context(), "tk-lan", "lan@snv.example", nil); err != nil {
		t.Fatal(err)
	}
	f.views.note("lan", 10, view.WorkHandle)
	f.step()
	mails := m.take()
	if len(mails) != 1 {
		t.Fatalf("%d mails, want the code", len(mails))
	}
	if f.step(); len(m.take()) > 0 {
		t.Error("the code came twice, or somebody was told before the address was confirmed")
	}
	_, text := parts(t, mails[0])
	code := text["text/plain"][strings.Index(text["text/plain"], ": ")+2:][:8]
	if err := f.store.Confirm(t.Context(), "tk-lan", code, 10); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Choose(t.Context(), "tk-lan", notice.ByEmail, notice.Choice{Kinds: notice.Kinds, Pace: notice.AtOnce}, 10); err != nil {
		t.Fatal(err)
	}
	m.data, m.keep = &smtpserver.SMTPError{Code: 451, Message: "the answer was lost"}, true
	f.step()
	m.data = nil
	f.restart()
	f.clock.pass(time.Hour)
	f.step()
	f.clock.pass(time.Hour)
	f.step()
	var ids []string
	for _, raw := range m.take() {
		h, _ := parts(t, raw)
		ids = append(ids, h.Get("Message-Id"))
	}
	if len(ids) != 2 || len(slices.Compact(ids)) != 1 {
		t.Errorf("ids are %v, want the same one twice", ids)
	}
}
