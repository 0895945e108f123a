package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

type signInBody struct {
	Next     string
	Username string
	Problem  string
	Info     string
}

func (p *Portal) signInPage(v *visit) error {
	next, ok := safePath(v.r.URL.Query().Get("next"))
	if !ok {
		next = ""
	}
	if v.account != nil {
		if next == "" {
			next = "/"
		}
		return p.redirect(v, next)
	}
	b := signInBody{Next: next}
	switch {
	case v.r.URL.Query().Get("ended") != "":
		b.Info = v.words.say("signin.ended")
	case v.r.URL.Query().Get("out") != "":
		b.Info = v.words.say("signin.out")
	}
	return p.show(v, "signin", "signin", v.words.say("signin.title"), b)
}

// signIn begins a session under a fresh token; whatever cookie came before is worth nothing afterwards.
func (p *Portal) signIn(v *visit) error {
	form := v.r.PostForm
	next, ok := safePath(form.Get("next"))
	if !ok || strings.HasPrefix(next, "/signin") {
		next = "/"
	}
	addr := p.cfg.ClientAddr(v.r)
	in, err := p.cfg.Accounts.SignIn(v.ctx(), Attempt{Username: form.Get("username"), Password: form.Get("password"), Address: addr,
		Agent: v.r.UserAgent(), Device: p.cookie(v.r, deviceCookie)})
	if err != nil {
		return p.signInFailed(v, in, err, addr, next)
	}
	p.cfg.Log.Info("portal sign-in", "account", in.Account.ID, "session", in.Session, "address", addr)
	if v.token != "" {
		if err := p.cfg.Accounts.endSession(v.ctx(), v.token); err != nil {
			return err
		}
	}
	p.setCookie(v.w, v.r, sessionCookie, in.Token, 0, http.SameSiteLaxMode)
	if in.Device != "" {
		p.setCookie(v.w, v.r, deviceCookie, in.Device, deviceLife, http.SameSiteLaxMode)
	}
	p.clearCookie(v.w, v.r, formCookie)
	return p.redirect(v, next)
}

func (p *Portal) signInFailed(v *visit, in SignedIn, err error, addr, next string) error {
	b := signInBody{Next: next, Username: v.r.PostForm.Get("username")}
	status := http.StatusUnauthorized
	var locked *LockedError
	switch {
	case errors.Is(err, ErrWrong):
		b.Problem = v.words.say("signin.wrong")
	case errors.As(err, &locked):
		status = http.StatusTooManyRequests
		b.Problem = v.words.say("signin.locked", "time", clock(locked.Until))
	case errors.Is(err, ErrBusy):
		status = http.StatusServiceUnavailable
		v.w.Header().Set("Retry-After", "5")
		b.Problem = v.words.say("signin.busy")
	default:
		return err
	}
	// The name is not logged: people type passwords into the wrong field.
	p.cfg.Log.Warn("portal sign-in refused", "account", in.Account.ID, "address", addr, "status", status)
	return p.render(v, status, "signin", "signin", v.words.say("signin.title"), "", b)
}

// clock is a time of the day to the second, for "try again after".
func clock(t time.Time) string { return t.In(vietnamTime).Format("15:04:05") }

func (p *Portal) signOut(v *visit) error {
	if err := p.cfg.Accounts.endSession(v.ctx(), v.token); err != nil {
		return err
	}
	p.cfg.Log.Info("portal sign-out", "account", v.account.ID, "session", v.session.ID)
	p.clearCookie(v.w, v.r, sessionCookie)
	return p.redirect(v, "/signin?out=1")
}

type accountBody struct {
	Sessions []Session
	Problem  string
	Minimum  int
	Others   bool
	Notices  *noticesBody // nil: nobody is told outside the portal
}

func (p *Portal) accountPage(v *visit) error {
	notice := ""
	switch v.r.URL.Query().Get("done") {
	case "password":
		notice = v.words.say("account.password.done")
	case "session":
		notice = v.words.say("account.sessions.ended")
	default:
		if done := "notices.done." + v.r.URL.Query().Get("done"); v.words.has(done) {
			notice = v.words.say(done)
		}
	}
	return p.showAccount(v, http.StatusOK, notice, "", nil)
}

// showAccount shows the page with what was said of a form; nil notices: as they are.
func (p *Portal) showAccount(v *visit, status int, notice, trouble string, notices *noticesBody) error {
	list, err := p.cfg.Accounts.sessions(v.ctx(), v.account.ID, v.session.ID)
	if err != nil {
		return err
	}
	if notices == nil && !v.account.MustChange {
		if notices, err = p.notices(v); err != nil {
			return err
		}
	}
	return p.render(v, status, "account", "account", v.words.say("account.title"), notice,
		accountBody{Sessions: list, Problem: trouble, Minimum: MinPassword, Others: len(list) > 1, Notices: notices})
}

func (p *Portal) changePassword(v *visit) error {
	form := v.r.PostForm
	if form.Get("new") != form.Get("again") {
		return p.showAccount(v, http.StatusUnprocessableEntity, "", v.words.say("account.password.differ"), nil)
	}
	err := p.cfg.Accounts.changePassword(v.ctx(), *v.account, v.token, form.Get("old"), form.Get("new"))
	var locked *LockedError
	switch {
	case err == nil:
		p.cfg.Log.Info("portal password changed", "account", v.account.ID)
		return p.redirect(v, "/account?done=password")
	case errors.Is(err, ErrWrong):
		return p.showAccount(v, http.StatusUnprocessableEntity, "", v.words.say("account.password.wrong"), nil)
	case errors.Is(err, ErrWeakPassword):
		return p.showAccount(v, http.StatusUnprocessableEntity, "", v.words.say("account.password.weak", "n", MinPassword), nil)
	case errors.As(err, &locked):
		return p.showAccount(v, http.StatusTooManyRequests, "", v.words.say("account.password.locked", "time", clock(locked.Until)), nil)
	case errors.Is(err, ErrBusy):
		return p.showAccount(v, http.StatusServiceUnavailable, "", v.words.say("signin.busy"), nil)
	}
	return err
}

func (p *Portal) endSession(v *visit) error {
	id := v.r.PostForm.Get("session")
	if id == v.session.ID {
		return p.signOut(v)
	}
	err := p.cfg.Accounts.endSessionByID(v.ctx(), v.account.ID, id)
	if err != nil && !errors.Is(err, ErrNoSession) { // one that ended by itself meanwhile is as good as ended
		return err
	}
	return p.redirect(v, "/account?done=session")
}

func (p *Portal) endOtherSessions(v *visit) error {
	if err := p.cfg.Accounts.endOtherSessions(v.ctx(), v.account.ID, v.token); err != nil {
		return err
	}
	return p.redirect(v, "/account?done=session")
}
