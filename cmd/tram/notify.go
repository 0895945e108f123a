package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/adapters/notify"
	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
)

// openNotify makes what tells people outside the portal. Of several nodes on one log each tells those whose accounts it has.
func (a *app) openNotify() error {
	n := &a.c.Notify
	if !n.on() || a.accounts == nil {
		return nil
	}
	at, err := time.Parse("15:04", n.RemindAt)
	if err != nil {
		return fmt.Errorf("couldn't read notify.remind_at: %w", err)
	}
	o := notify.Options{Views: a.views, Choices: a.accounts.Notices(), Senders: map[notice.Channel]notify.Sender{}, Now: time.Now, Link: n.PortalURL,
		Remind: at.Hour()*60 + at.Minute(), Escalate: n.escalation(), Changed: a.viewsChanged(), Logger: a.log, Metrics: a.metrics}
	if n.Email.Server != "" {
		mail, err := a.newEmail()
		if err != nil {
			return err
		}
		o.Senders[notice.ByEmail], o.Codes = mail, mail
	}
	if n.Webhook.Enabled {
		roots, err := a.c.roots(n.Webhook.Roots)
		if err != nil {
			return err
		}
		o.Senders[notice.ByWebhook] = notify.NewWebhook(notify.WebhookOptions{PrivateHosts: n.Webhook.PrivateHosts, Roots: roots})
	}
	a.notify, err = notify.New(o)
	return err
}

func (a *app) newEmail() (*notify.Email, error) {
	e := &a.c.Notify.Email
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil {
		return nil, fmt.Errorf("couldn't read notify.email.server: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("couldn't read notify.email.server: %w", err)
	}
	roots, err := a.c.roots(e.Roots)
	if err != nil {
		return nil, err
	}
	list, _, _ := strings.Cut(a.c.Origin, "/")
	o := notify.EmailOptions{Host: host, Port: number, Security: notify.Security(e.Security), Roots: roots, From: e.From, Node: a.c.Name, ListID: "viec." + list}
	if e.Username != "" {
		o.Username = e.Username
		o.Password = func() (string, error) { return keystore.ReadSecret(e.PasswordSource, a.c.base, nil) }
		if _, err := o.Password(); err != nil {
			return nil, fmt.Errorf("couldn't read notify.email.password_source: %w", err)
		}
	}
	return notify.NewEmail(o)
}

// roots are the authorities in a PEM file; nil for "": those of the system.
func (c *Config) roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	certs, err := signing.LoadCertificates(c.path(file))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, cert := range certs {
		pool.AddCert(cert)
	}
	return pool, nil
}

// viewsChanged gives a wait for something that the views did not have when the last wait ended.
func (a *app) viewsChanged() func(context.Context) {
	seen := uint64(0)
	return func(ctx context.Context) {
		if a.views.WaitFor(ctx, seen+1) != nil {
			return
		}
		if h, err := a.views.Health(ctx); err == nil {
			seen = h.Position
		}
	}
}

// notifyLong is how long a mail server may take nothing before somebody must look.
const notifyLong = time.Hour

// notifyChecks says how those who want to be told outside the portal are served; none when nobody can be.
func (a *app) notifyChecks(ctx context.Context, now time.Time) ([]portal.Check, error) {
	if a.notify == nil {
		return nil, nil
	}
	s, err := a.notify.Status(ctx)
	if err != nil {
		return nil, err
	}
	return []portal.Check{notifyCheck(s, now)}, nil
}

func notifyCheck(s notify.Status, now time.Time) portal.Check {
	c := portal.Check{Name: portal.CheckNotices, State: portal.StateOK, Number: float64(s.Waiting), Unit: portal.UnitCount}
	var parts []string
	if s.Stopped != "" {
		c.State = portal.StateWarn
		parts = append(parts, s.Stopped)
	}
	if !s.MailSince.IsZero() {
		c.State, c.Since = portal.StateWarn, s.MailSince
		if now.Sub(s.MailSince) > notifyLong {
			c.State = portal.StateBad
		}
		parts = append(parts, s.MailError)
	}
	if s.Failing+s.Paused > 0 { // addresses of people; the person sees it on the account page
		parts = append(parts, fmt.Sprintf("%d đang gửi lại, %d tạm dừng / %d are tried again, %d paused", s.Failing, s.Paused, s.Failing, s.Paused))
	}
	c.Detail = strings.Join(parts, "; ")
	return c
}
