package main

import (
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tram-exchange/tram/adapters/notify"
	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/internal/notice"
)

func notifyConfig(t *testing.T, text string) *Config {
	t.Helper()
	c := &Config{}
	must(t, yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(c))
	c.defaults()
	return c
}

func TestNotifyConfig(t *testing.T) {
	const portalPart = "portal: {listen: \"127.0.0.1:1\"}\nnotify: {portal_url: \"https://tram.example/portal/\", "
	for text, want := range map[string]string{
		"notify: {remind_at: \"25:00\"}":                     "remind_at",
		"notify: {head_after_days: 5, leader_after_days: 2}": "leader_after_days",
		"notify: {webhook: {enabled: true}}":                 "portal",
		"portal: {listen: \"127.0.0.1:1\"}\nnotify: {portal_url: \"http://tram.example/portal\", webhook: {enabled: true}}":      "portal_url",
		"portal: {listen: \"127.0.0.1:1\"}\nnotify: {webhook: {enabled: true}}":                                                  "portal_url",
		portalPart + "email: {server: mail.example, from: a@b.vn}}":                                                              "host:port",
		portalPart + "email: {server: \"mail.example:0\", from: a@b.vn}}":                                                        "host:port",
		portalPart + "email: {server: \"mail.example:25\", from: nobody}}":                                                       "from",
		portalPart + "email: {server: \"mail.example:25\", from: a@b.vn, security: none}}":                                       "loopback",
		portalPart + "email: {server: \"127.0.0.1:25\", from: a@b.vn, security: none, username: u, password_source: \"env:X\"}}": "TLS",
		portalPart + "email: {server: \"mail.example:25\", from: a@b.vn, security: sometimes}}":                                  "security",
		portalPart + "email: {server: \"mail.example:25\", from: a@b.vn, username: u}}":                                          "password_source",
	} {
		if err := notifyConfig(t, text).checkNotify(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %s", text, err, want)
		}
	}
	for _, text := range []string{"{}", portalPart + "webhook: {enabled: true}}", portalPart + "email: {server: \"mail.example:587\", from: \"Trạm <a@b.vn>\", username: u, password_source: \"env:X\"}}",
		"trial: true\nportal: {listen: \"127.0.0.1:1\", plain_http: true}\nnotify: {webhook: {enabled: true}}"} {
		if err := notifyConfig(t, text).checkNotify(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	c := notifyConfig(t, "{}")
	if c.Notify.on() || c.Notify.escalation() != (notice.Escalation{Head: 2, Leader: 5}) || c.Notify.rules().Email || c.Notify.rules().Webhook {
		t.Errorf("the defaults are %+v", c.Notify)
	}
	if c := notifyConfig(t, portalPart+"head_after_days: -1, leader_after_days: -1}"); c.Notify.PortalURL != "https://tram.example/portal" || c.Notify.escalation() != (notice.Escalation{}) {
		t.Errorf("read %+v", c.Notify)
	}
}

func TestNotifyCheck(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, vietnam)
	for name, c := range map[string]struct {
		status notify.Status
		state  string
		detail string
	}{
		"well":                  {notify.Status{Standing: notice.Standing{Ways: 3, Waiting: 1}}, portal.StateOK, ""},
		"paused":                {notify.Status{Standing: notice.Standing{Ways: 3, Paused: 1}}, portal.StateOK, "1 paused"},
		"mail server away":      {notify.Status{MailSince: now.Add(-time.Minute), MailError: "no route"}, portal.StateWarn, "no route"},
		"mail server away long": {notify.Status{MailSince: now.Add(-2 * time.Hour), MailError: "no route"}, portal.StateBad, "no route"},
		"not everybody":         {notify.Status{Stopped: "couldn't read notes"}, portal.StateWarn, "couldn't read"},
	} {
		if got := notifyCheck(c.status, now); got.State != c.state || !strings.Contains(got.Detail, c.detail) || got.Number != float64(c.status.Waiting) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
