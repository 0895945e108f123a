package main

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/adapters/notify"
	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/internal/notice"
)

// NotifyConfig says how people are told outside the portal that there is work (docs/operations.md). What they are told is how much of
// which kind, never anything of a document. Without an e-mail server and without webhooks nobody is told anything.
type NotifyConfig struct {
	// PortalURL is where people reach the portal, for the link in every message, e.g. https://tram.bacgiang.gov.vn/portal. A trial node
	// with portal.plain_http may leave it out.
	PortalURL string `yaml:"portal_url"`
	// Email says by which mail server e-mail leaves.
	Email EmailConfig `yaml:"email"`
	// Webhook says which URLs are called.
	Webhook WebhookConfig `yaml:"webhook"`
	// RemindAt is the time of day (+07:00) from which on working days people are told what is due and late, if they want to be told more than
	// once a day; who wants it once a day names a time. Default "07:30".
	RemindAt string `yaml:"remind_at"`
	// HeadAfterDays: what is late for more working days than this is also told to the head of the unit that has it. Default 2; negative: never.
	// It decides who is told, not what anybody may do, so it is no part of the record.
	HeadAfterDays int `yaml:"head_after_days"`
	// LeaderAfterDays: … and to the agency's leaders. Default 5; negative: never.
	LeaderAfterDays int `yaml:"leader_after_days"`
}

// EmailConfig is the mail server by which e-mail leaves.
type EmailConfig struct {
	// Server is host:port; empty: no e-mail.
	Server string `yaml:"server"`
	// Security is "starttls" (needed, not only tried), "tls" (from the first byte), or "none": only to a loopback address. Default "starttls".
	Security string `yaml:"security"`
	// Roots is a PEM file of the authorities of its certificate; empty: the system's.
	Roots string `yaml:"roots"`
	// Username and PasswordSource (file:PATH, mode 0600, or env:NAME); empty: no password.
	Username       string `yaml:"username"`
	PasswordSource string `yaml:"password_source"`
	// From is the sender, e.g. "Trạm tỉnh <khong-tra-loi@bacgiang.gov.vn>".
	From string `yaml:"from"`
	// Domains are those of addresses that people may name, e.g. [gov.vn]; none: all.
	Domains []string `yaml:"domains"`
}

// WebhookConfig is about the URLs that people may name.
type WebhookConfig struct {
	// Enabled lets people name webhooks: https only, and never into the node's own network.
	Enabled bool `yaml:"enabled"`
	// PrivateHosts are host names that may lead there all the same.
	PrivateHosts []string `yaml:"private_hosts"`
	// Roots is a PEM file of the authorities of their certificates; empty: the system's.
	Roots string `yaml:"roots"`
}

// on says whether anybody can be told.
func (n *NotifyConfig) on() bool { return n.Email.Server != "" || n.Webhook.Enabled }

func (c *Config) notifyDefaults() {
	n := &c.Notify
	if n.RemindAt == "" {
		n.RemindAt = "07:30"
	}
	if n.HeadAfterDays == 0 {
		n.HeadAfterDays = 2
	}
	if n.LeaderAfterDays == 0 {
		n.LeaderAfterDays = 5
	}
	if n.Email.Security == "" {
		n.Email.Security = string(notify.StartTLS)
	}
	if n.PortalURL == "" && c.Trial && c.Portal.PlainHTTP {
		n.PortalURL = "http://" + c.Portal.Listen + "/portal"
	}
	n.PortalURL = strings.TrimRight(n.PortalURL, "/")
}

func (c *Config) checkNotify() error {
	n := &c.Notify
	var errs []error
	if _, err := time.Parse("15:04", n.RemindAt); err != nil {
		errs = append(errs, fmt.Errorf("notify.remind_at %q: want a time of day, e.g. 07:30", n.RemindAt))
	}
	if n.HeadAfterDays > 0 && n.LeaderAfterDays > 0 && n.LeaderAfterDays < n.HeadAfterDays {
		errs = append(errs, fmt.Errorf("notify.leader_after_days %d: leaders are told after heads (%d)", n.LeaderAfterDays, n.HeadAfterDays))
	}
	if !n.on() {
		return errors.Join(errs...)
	}
	if c.Portal.Listen == "" {
		errs = append(errs, errors.New("notify: needs the portal, where people choose (portal.listen)"))
	}
	if u, err := url.Parse(n.PortalURL); err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && c.Trial) {
		errs = append(errs, fmt.Errorf("notify.portal_url %q: want the https address of the portal", n.PortalURL))
	}
	if n.Email.Server != "" {
		errs = append(errs, n.Email.check())
	}
	return errors.Join(errs...)
}

func (e *EmailConfig) check() error {
	host, port, err := net.SplitHostPort(e.Server)
	number, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || host == "" || number == 0 {
		return fmt.Errorf("notify.email.server %q: want host:port", e.Server)
	}
	switch notify.Security(e.Security) {
	case notify.StartTLS, notify.TLS:
	case notify.NoTLS:
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return fmt.Errorf("notify.email.security none: only to a loopback address, got %q", host)
		}
		if e.Username != "" {
			return errors.New("notify.email.security none: no password goes out without TLS")
		}
	default:
		return fmt.Errorf("notify.email.security %q: want starttls, tls or none", e.Security)
	}
	if (e.Username == "") != (e.PasswordSource == "") {
		return errors.New("notify.email: want username and password_source together")
	}
	if _, err := mail.ParseAddress(e.From); err != nil {
		return fmt.Errorf("notify.email.from %q: want an address: %w", e.From, err)
	}
	return nil
}

func (n *NotifyConfig) escalation() notice.Escalation {
	return notice.Escalation{Head: max(n.HeadAfterDays, 0), Leader: max(n.LeaderAfterDays, 0)}
}

// rules are what the portal lets people choose.
func (n *NotifyConfig) rules() portal.NoticeRules {
	return portal.NoticeRules{Email: n.Email.Server != "", Domains: n.Email.Domains, Webhook: n.Webhook.Enabled, Escalate: n.escalation()}
}
