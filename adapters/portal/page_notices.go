package portal

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// NoticeRules says how people may be told outside the portal that there is work. Zero: not at all.
type NoticeRules struct {
	Email    bool
	Domains  []string // of the e-mail addresses that may be named; none: all
	Webhook  bool
	Escalate notice.Escalation // who else is told of what is late
}

// noticeRoutes are the forms of the account page by which people choose how they are told.
var noticeRoutes = []route{
	{"POST", "/account/notices", staff, (*Portal).chooseNotices, smallForm},
	{"POST", "/account/notices/address", staff, (*Portal).setNoticeAddress, smallForm},
	{"POST", "/account/notices/confirm", staff, (*Portal).confirmNoticeEmail, smallForm},
	{"POST", "/account/notices/change", staff, (*Portal).changeNotices, smallForm},
}

// noticesBody is how the person is told outside the portal.
type noticesBody struct {
	Channels []noticeChannel
	Paces    []notice.Pace
	Asked    notice.Asking
	Secret   string // of the webhook, shown this once
	Problem  string
	Of       notice.Channel // that the problem is about
	Typed    string         // address that could not be taken
}

// noticeChannel is one channel, set up or not.
type noticeChannel struct {
	Channel notice.Channel
	Set     bool
	Way     notice.Way
	Kinds   []noticeKind
	At      string // HH:MM
}

type noticeKind struct {
	notice.Kind
	Chosen bool
}

// allows says whether a channel is open on this node.
func (r NoticeRules) allows(c notice.Channel) bool {
	return c == notice.ByEmail && r.Email || c == notice.ByWebhook && r.Webhook
}

// notices is the part of the account page; nil for who has no work of an agency, or where the node tells nobody.
func (p *Portal) notices(v *visit) (*noticesBody, error) {
	if v.person == "" || !p.cfg.Notices.Email && !p.cfg.Notices.Webhook {
		return nil, nil
	}
	if _, err := p.untold(v); err != nil {
		if errors.Is(err, view.ErrNotFound) {
			return nil, nil
		}
		return nil, err
	}
	store := p.cfg.Accounts.Notices()
	ways, err := store.Ways(v.ctx(), v.account.ID)
	if err != nil {
		return nil, err
	}
	b := &noticesBody{Paces: notice.Paces}
	for _, c := range notice.Channels {
		if !p.cfg.Notices.allows(c) {
			continue
		}
		n := noticeChannel{Channel: c, Way: notice.Way{Choice: notice.Usual()}}
		if i := slices.IndexFunc(ways, func(w notice.Way) bool { return w.Channel == c }); i >= 0 {
			n.Set, n.Way = true, ways[i]
		}
		n.At = fmt.Sprintf("%02d:%02d", n.Way.Minute/60, n.Way.Minute%60)
		for _, k := range notice.Kinds {
			n.Kinds = append(n.Kinds, noticeKind{k, n.Way.Wants(k)})
		}
		b.Channels = append(b.Channels, n)
	}
	b.Asked, err = store.Asked(v.ctx(), v.account.ID)
	return b, err
}

// untold is the first position after all that has happened: what was before a choice is not told.
func (p *Portal) untold(v *visit) (uint64, error) {
	last, err := p.cfg.OfficeViews.Notes(v.ctx(), p.staffOf(v), 0, 1)
	if err != nil || len(last) == 0 {
		return 0, err
	}
	return last[0].Position + 1, nil
}

// noticeForm is what every form of a channel brings.
func (p *Portal) noticeForm(v *visit) (notice.Channel, uint64, error) {
	c := notice.Channel(v.r.PostForm.Get("channel"))
	if !p.cfg.Notices.allows(c) {
		return "", 0, errGone
	}
	from, err := p.untold(v)
	return c, from, err
}

// setNoticeAddress takes an e-mail address, which gets a code, or a webhook, whose secret is shown.
func (p *Portal) setNoticeAddress(v *visit) error {
	c, from, err := p.noticeForm(v)
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(v.r.PostForm.Get("address"))
	store, secret := p.cfg.Accounts.Notices(), ""
	if c == notice.ByEmail {
		err = store.AskEmail(v.ctx(), v.account.ID, typed, p.cfg.Notices.Domains)
	} else {
		secret, err = store.SetWebhook(v.ctx(), v.account.ID, typed, from)
	}
	if err != nil {
		return p.noticeProblem(v, c, typed, err)
	}
	p.cfg.Log.Info("portal notices: address named", "account", v.account.ID, "channel", string(c))
	if secret != "" {
		return p.showSecret(v, secret)
	}
	return p.redirect(v, "/account?done=code#notices")
}

// confirmNoticeEmail takes the code that came by e-mail.
func (p *Portal) confirmNoticeEmail(v *visit) error {
	if !p.cfg.Notices.Email {
		return errGone
	}
	from, err := p.untold(v)
	if err != nil {
		return err
	}
	code := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, v.r.PostForm.Get("code"))
	if err := p.cfg.Accounts.Notices().Confirm(v.ctx(), v.account.ID, code, from); err != nil {
		return p.noticeProblem(v, notice.ByEmail, "", err)
	}
	p.cfg.Log.Info("portal notices: e-mail address confirmed", "account", v.account.ID)
	return p.redirect(v, "/account?done=email#notices")
}

// chooseNotices takes what the person wants to be told, and how often.
func (p *Portal) chooseNotices(v *visit) error {
	c, from, err := p.noticeForm(v)
	if err != nil {
		return err
	}
	choice := notice.Choice{Pace: notice.Pace(v.r.PostForm.Get("pace"))}
	for _, k := range v.r.PostForm["kind"] {
		choice.Kinds = append(choice.Kinds, notice.Kind(k))
	}
	at, err := time.Parse("15:04", v.r.PostForm.Get("at"))
	if err != nil {
		return fail(http.StatusBadRequest)
	}
	choice.Minute = at.Hour()*60 + at.Minute()
	if choice.Check() != nil { // no form of ours sends such a thing
		return fail(http.StatusBadRequest)
	}
	if err := p.cfg.Accounts.Notices().Choose(v.ctx(), v.account.ID, c, choice, from); err != nil {
		return p.noticeProblem(v, c, "", err)
	}
	return p.redirect(v, "/account?done=notices#notices")
}

// changeNotices does what a button asks: try again, take away, another secret.
func (p *Portal) changeNotices(v *visit) error {
	c, _, err := p.noticeForm(v)
	if err != nil {
		return err
	}
	store, secret, done := p.cfg.Accounts.Notices(), "", ""
	switch what := v.r.PostForm.Get("do"); {
	case what == "resume":
		done, err = "resumed", store.Resume(v.ctx(), v.account.ID, c)
	case what == "remove":
		done, err = "removed", store.Remove(v.ctx(), v.account.ID, c)
	case what == "secret" && c == notice.ByWebhook:
		secret, err = store.NewSecret(v.ctx(), v.account.ID)
	default:
		return fail(http.StatusBadRequest)
	}
	if err != nil {
		return p.noticeProblem(v, c, "", err)
	}
	p.cfg.Log.Info("portal notices: changed", "account", v.account.ID, "channel", string(c), "to", v.r.PostForm.Get("do"))
	if secret != "" {
		return p.showSecret(v, secret)
	}
	return p.redirect(v, "/account?done="+done+"#notices")
}

// showSecret answers the form itself: after a redirect nobody would know the secret any more.
func (p *Portal) showSecret(v *visit, secret string) error {
	b, err := p.notices(v)
	if err != nil {
		return err
	}
	if b == nil {
		return errGone
	}
	b.Secret = secret
	return p.showAccount(v, http.StatusOK, "", "", b)
}

// noticeProblem says what is wrong beside the form.
func (p *Portal) noticeProblem(v *visit, c notice.Channel, typed string, cause error) error {
	key, status := "", http.StatusUnprocessableEntity
	switch {
	case errors.Is(cause, notice.ErrAddress):
		key = "notices.bad." + string(c)
	case errors.Is(cause, notice.ErrForeign):
		key = "notices.bad.domain"
	case errors.Is(cause, notice.ErrCode):
		key = "notices.bad.code"
	case errors.Is(cause, notice.ErrTooOften):
		key, status = "notices.bad.often", http.StatusTooManyRequests
	case errors.Is(cause, notice.ErrNoWay):
		key, status = "notices.bad.gone", http.StatusConflict
	default:
		return cause
	}
	b, err := p.notices(v)
	if err != nil {
		return err
	}
	if b == nil {
		return errGone
	}
	b.Of, b.Typed, b.Problem = c, typed, v.words.say(key, "domains", strings.Join(p.cfg.Notices.Domains, ", "))
	return p.showAccount(v, status, "", "", b)
}
