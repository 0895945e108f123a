package portal

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

//go:embed all:templates
var templateFiles embed.FS

// pages holds every page in every language, parsed once.
type pages struct {
	base   string
	assets *assets
	parsed map[string]*template.Template // by language + "/" + page
}

func loadPages(base string, a *assets, now func() time.Time) (*pages, error) {
	p := &pages{base: base, assets: a, parsed: map[string]*template.Template{}}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("couldn't list pages: %w", err)
	}
	for _, language := range languages {
		w := words{language, allMessages}
		shared, err := template.New("").Funcs(p.functions(w)).Funcs(officeFunctions(w, now)).ParseFS(templateFiles, "templates/_*.html")
		if err != nil {
			return nil, fmt.Errorf("couldn't parse pages: %w", err)
		}
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "_") {
				continue
			}
			t, err := template.Must(shared.Clone()).ParseFS(templateFiles, path.Join("templates", f.Name()))
			if err != nil {
				return nil, fmt.Errorf("couldn't parse page %s: %w", f.Name(), err)
			}
			p.parsed[language+"/"+strings.TrimSuffix(f.Name(), ".html")] = t
		}
	}
	return p, nil
}

// functions of the templates in one language. None of them makes HTML out of data.
func (p *pages) functions(w words) template.FuncMap {
	return template.FuncMap{
		"t":        w.text,
		"in":       w.in,
		"has":      w.has,
		"url":      func(s string) string { return p.base + s },
		"asset":    func(name string) string { return p.assets.url[name] },
		"hasAsset": p.assets.has,
		"icon": func(kind any) template.HTML { // name is a constant of the template or of iconOf, never data
			name := fmt.Sprint(kind)
			return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false"><use href="` +
				template.HTMLEscapeString(p.assets.url["icons.svg"]+"#"+name) + `"/></svg>`)
		},
		"moment":       moment,
		"documentPath": func(key, at string) string { return with("/documents/"+key, "at", at) },
		"iso":          func(t time.Time) string { return t.In(vietnamTime).Format(time.RFC3339) },
		"day":          day,
		"date":         dateWords,
		"bytes":        w.bytes,
		"number":       func(n int) string { return w.number(int64(n)) },
		"unumber":      func(n uint64) string { return w.number(int64(n)) },
		"file":         fileName,
		"short": func(s string) string {
			head, more := cut(s, listSubject)
			if more {
				head += " …"
			}
			return head
		},
		"priority":   w.priority,
		"status":     w.status,
		"reason":     w.reason,
		"tone":       toneOf,
		"state":      func(s string) string { return w.named("state.", s, "state.unknown") },
		"who":        func(s string) string { return w.named("who.", s, "who.unknown") },
		"hex":        groupHex,
		"span":       w.span,
		"lnumber":    w.number,
		"query":      with,
		"add":        func(a, b int) int { return a + b },
		"more":       func(to []view.Party, shown int) int { return len(to) - shown },
		"list":       pairs,
		"browser":    browserName,
		"kind":       kindOf,
		"resultTone": resultTone,

		"signatureTone": conclusionTone,
		"conclusion":    w.conclusion,
		"checkTone":     checkTone,
		"checkText":     w.checkText,
		"pdf":           isPDF,
	}
}

// pairs makes a map for a part that takes several values.
func pairs(list ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		m[fmt.Sprint(list[i])] = list[i+1]
	}
	return m
}

// listSubject is how many characters of a subject a list shows.
const listSubject = 220

// frame is what every page has around its own content.
type frame struct {
	Language string
	Title    string
	Path     string // below Config.Base with query, to come back to
	Section  string // which entry of the navigation is the current one
	Nav      []navItem
	Form     string // form token
	Account  *Account
	OrgName  string
	Node     string
	Trial    bool
	Query    string // in the search box
	Notice   string
	Search   bool        // show the search box
	Staff    *staffFrame // nil for all who are none
	Live     *liveFrame  // what the page follows, nil: nothing
	Body     any
}

type navItem struct {
	Section, Path, Icon, Key string
	Jump                     string // second key of its shortcut
	Rest                     bool   // on a telephone it stands on the page "more"
	Narrow                   bool   // on a telephone only
	Counted                  bool
	Count                    string // which count, as in view.OfficeViews.WorkCounts
	N                        int
}

func navOf(r Role) []navItem {
	item := func(section, path, icon, key string) navItem {
		return navItem{Section: section, Path: path, Icon: icon, Key: key}
	}
	home := item("home", "/", "home", "nav.home")
	help := item("help", "/help", "help", "nav.help")
	account := item("account", "/account", "account", "nav.account")
	switch r {
	case RoleClerk, RoleViewer:
		return []navItem{home, item("incoming", "/registers/incoming", "incoming", "nav.incoming"),
			item("outgoing", "/registers/outgoing", "outgoing", "nav.outgoing"),
			item("nottaken", "/not-taken", "nottaken", "nav.nottaken"), help, account}
	case RoleAuditor:
		return []navItem{item("home", "/", "home", "nav.agencies"), item("find", "/search", "search", "nav.find"), item("proofs", "/proofs", "proof", "nav.proofs"), help, account}
	case RoleOperator:
		return []navItem{item("health", "/health", "health", "nav.health"), item("proofs", "/proofs", "proof", "nav.proofs"), help, account}
	}
	return nil
}

// show renders a page. It is rendered whole before the first byte goes out, so that a fault never leaves half a page.
func (p *Portal) show(v *visit, page, section, title string, body any) error {
	return p.render(v, http.StatusOK, page, section, title, "", body)
}

func (p *Portal) render(v *visit, status int, page, section, title, notice string, body any) error {
	f := frame{Language: v.words.language, Title: title, Section: section, Form: v.formToken(), Account: v.account, Nav: navOf(v.role()),
		Node: p.cfg.Name, Trial: p.cfg.Trial, Body: body, Notice: notice, OrgName: v.org.Name, Query: v.r.URL.Query().Get("q"),
		Search: slices.Contains([]Role{RoleClerk, RoleViewer}, v.role()) && !v.account.MustChange, Path: v.path}
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		f.Path = "/" + section
		if section == "home" {
			f.Path = "/"
		}
	} else if v.r.URL.RawQuery != "" {
		f.Path += "?" + v.r.URL.RawQuery
	}
	if v.account != nil && v.account.MustChange {
		f.Nav = nil
	}
	p.staffShell(v, &f)
	t, ok := p.pages.parsed[v.words.language+"/"+page]
	if !ok {
		return fmt.Errorf("couldn't find page %q", page)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", f); err != nil {
		return fmt.Errorf("couldn't render page %s: %w", page, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", v.words.language)
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		v.w.Write(b.Bytes())
	}
	return nil
}

type errorBody struct {
	Status int
	Text   string
}

// renderError shows an error page; should that fail too, plain text.
func (p *Portal) renderError(v *visit, status int, key, id string) {
	if key == "" {
		key = fmt.Sprintf("error.%d", status)
	}
	title := fmt.Sprintf("error.title.%d", status)
	if !v.words.has(key) || !v.words.has(title) {
		key, title = "error.500", "error.title.500"
	}
	err := p.render(v, status, "error", "", v.words.say(title), "", errorBody{status, v.words.say(key, "id", id)})
	if err != nil {
		p.cfg.Log.Error("portal error page failed", "id", id, "error", err)
		http.Error(v.w, v.words.say(key, "id", id), status)
	}
}

// help explains the words.
func (p *Portal) help(v *visit) error {
	return p.show(v, "help", "help", v.words.say("help.title"), helpTopics)
}

// setLanguage keeps the choice in a cookie and, when signed in, with the account.
func (p *Portal) setLanguage(v *visit) error {
	language := v.r.PostForm.Get("language")
	if !slices.Contains(languages, language) {
		return fail(http.StatusBadRequest)
	}
	p.setCookie(v.w, v.r, languageCookie, language, 365*24*time.Hour, http.SameSiteLaxMode)
	if v.account != nil {
		if err := p.cfg.Accounts.setLanguage(v.ctx(), v.account.ID, language); err != nil {
			return err
		}
	}
	back, ok := safePath(v.r.PostForm.Get("back"))
	if !ok {
		back = "/"
	}
	return p.redirect(v, back)
}

// groupHex breaks a digest into groups of eight, so that people can compare it and narrow pages can wrap it.
func groupHex(s string) []string {
	var out []string
	for len(s) > 8 {
		out = append(out, s[:8])
		s = s[8:]
	}
	return append(out, s)
}

// with gives an address below Config.Base with query pairs; empty values are left out.
func with(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
