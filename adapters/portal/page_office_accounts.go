package portal

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Accounts of the agency's people. One administrator asks, another grants; see accounts_asks.go for why. Each such act is logged with
// the accounts concerned, without any password.

// accountCard is what an administrator sees of a person's way in.
type accountCard struct {
	Path     string
	Me, Gone bool
	Account  *Account // nil: none
	Operator bool     // the operator stopped it
	Ask      *askLine // nil: none waits
	Alone    bool     // there is no other administrator who could grant
	Proposed string   // user name
	Command  string   // what the operator types instead
	Trouble  []string
}

// askLine is an ask that waits.
type askLine struct {
	accountAsk
	Name, By string
	Path     string
	Mine     bool // the reader asked it himself, or it is about him
}

func (p *Portal) askLines(v *visit, s *view.Settings) ([]askLine, error) {
	asks, err := p.cfg.Accounts.asks(v.ctx(), v.account.Org)
	if err != nil {
		return nil, err
	}
	var out []askLine
	for _, q := range asks {
		person, _ := personIn(s, q.Person)
		by, _ := personIn(s, q.ByPerson)
		out = append(out, askLine{accountAsk: q, Name: personWords(person.PersonRef), By: personWords(by.PersonRef), Path: "/office/persons/" + q.Person,
			Mine: q.ByAccount == v.account.ID || q.ByPerson == v.person || q.Person == v.person})
	}
	return out, nil
}

func (p *Portal) accountCard(v *visit, s *view.Settings, x view.PersonSettings, trouble []string) (*accountCard, error) {
	c := &accountCard{Path: "/office/persons/" + x.ID + "/account", Me: x.ID == v.person, Gone: x.Gone, Trouble: trouble, Proposed: proposedUsername(x.Name)}
	acc, by, err := p.cfg.Accounts.accountOf(v.ctx(), v.account.Org, x.ID)
	switch {
	case err == nil:
		c.Account, c.Operator = &acc, acc.Disabled && by == ""
		c.Command = "tram account password " + acc.Username
	case errors.Is(err, ErrNoAccount):
		c.Command = "tram account add " + c.Proposed + " --org " + v.account.Org + " --person " + x.ID
	default:
		return nil, err
	}
	asks, err := p.askLines(v, s)
	if err != nil {
		return nil, err
	}
	for _, q := range asks {
		if q.Person == x.ID {
			c.Ask = &q
		}
	}
	now := p.cfg.Node.Now()
	c.Alone = !slices.ContainsFunc(s.Persons, func(o view.PersonSettings) bool {
		return o.ID != v.person && o.ID != x.ID && hasDuty(s, o.ID, roleAdministrator, now)
	})
	return c, nil
}

// proposedUsername is the usual form: the given name, and the first letters of the others: "binh.tv".
func proposedUsername(name string) string {
	words := strings.FieldsFunc(strings.ToLower(withoutMarks(name)), func(r rune) bool { return r < 'a' || r > 'z' })
	if len(words) == 0 {
		return ""
	}
	out := words[len(words)-1]
	for i, w := range words[:len(words)-1] {
		if i == 0 {
			out += "."
		}
		out += w[:1]
	}
	return out
}

// givenBody shows one half of a one-time password, this once.
type givenBody struct {
	Half     string
	Granted  bool // the second half: the account is open
	Username string
	Name     string
	Back     string
	Until    time.Time
}

// personAccount does what an administrator asks about the account of a person of the own agency, never about the own.
func (p *Portal) personAccount(v *visit) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	id := v.r.PathValue("id")
	x, ok := personIn(s, id)
	if !ok {
		return errGone
	}
	if id == v.person {
		return p.showPersonWith(v, id, nil, []string{v.words.say("login.own")})
	}
	act := v.r.PostForm.Get("act")
	switch act {
	case "AskAccount":
		return p.askAccount(v, x)
	case "GrantAccount":
		return p.grantAccount(v, s, x)
	case "DropAsk":
		err = p.cfg.Accounts.dropAsk(v.ctx(), v.account.Org, v.r.PostForm.Get("ask"))
	case "DisableAccount", "EnableAccount":
		var done bool
		done, err = p.cfg.Accounts.disableFor(v.ctx(), v.account.Org, id, *v.account, act == "DisableAccount")
		if err == nil && !done {
			return p.showPersonWith(v, id, nil, []string{v.words.say("login.operator")})
		}
	default:
		return fail(http.StatusBadRequest)
	}
	if errors.Is(err, ErrNoAccount) {
		return p.showPersonWith(v, id, nil, []string{v.words.say("login.none")})
	}
	if err != nil {
		return err
	}
	p.cfg.Log.Info("portal account act", "account", v.account.ID, "act", act, "org", v.account.Org, "person", id)
	return p.redirect(v, "/office/persons/"+id)
}

func (p *Portal) askAccount(v *visit, x view.PersonSettings) error {
	if x.Gone {
		return p.showPersonWith(v, x.ID, nil, []string{v.words.say("login.gone")})
	}
	username := v.r.PostForm.Get("username")
	half, err := p.cfg.Accounts.ask(v.ctx(), accountAsk{Org: v.account.Org, Person: x.ID, Username: username, Display: x.Name, ByAccount: v.account.ID, ByPerson: v.person})
	switch {
	case errors.Is(err, ErrTaken):
		return p.showPersonWith(v, x.ID, nil, []string{v.words.say("login.taken", "name", username)})
	case err != nil && checkUsername(normalUsername(username)) != nil:
		return p.showPersonWith(v, x.ID, nil, []string{v.words.say("login.username")})
	case err != nil:
		return err
	}
	p.cfg.Log.Warn("portal account asked for", "account", v.account.ID, "org", v.account.Org, "person", x.ID)
	return p.show(v, "accountgiven", "office", v.words.say("login.asked"), givenBody{Half: half, Username: normalUsername(username), Name: personWords(x.PersonRef),
		Back: "/office/persons/" + x.ID, Until: p.cfg.Node.Now().Add(askLife)})
}

func (p *Portal) grantAccount(v *visit, s *view.Settings, x view.PersonSettings) error {
	now := p.cfg.Node.Now()
	if x.Gone {
		return p.showPersonWith(v, x.ID, nil, []string{v.words.say("login.gone")})
	}
	q, half, err := p.cfg.Accounts.grant(v.ctx(), v.account.Org, v.r.PostForm.Get("ask"), *v.account, func(q accountAsk) bool {
		return q.Person == x.ID && hasDuty(s, q.ByPerson, roleAdministrator, now)
	})
	for known, key := range map[error]string{ErrNoAsk: "login.noask", ErrOneAdministrator: "login.another", ErrTaken: "login.takensince", ErrBusy: "signin.busy"} {
		if errors.Is(err, known) {
			p.cfg.Log.Warn("portal account not granted", "account", v.account.ID, "org", v.account.Org, "person", x.ID, "error", err)
			return p.showPersonWith(v, x.ID, nil, []string{v.words.say(key)})
		}
	}
	if err != nil {
		return err
	}
	p.cfg.Log.Warn("portal account granted", "account", v.account.ID, "asked", q.ByAccount, "org", v.account.Org, "person", x.ID)
	return p.show(v, "accountgiven", "office", v.words.say("login.granted"), givenBody{Half: half, Granted: true, Username: q.Username, Name: personWords(x.PersonRef), Back: "/office/persons/" + x.ID})
}
