package portal

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// access says who may use a route. Whoever may not gets the answer for "does not exist".
type access int

const (
	everyone  access = iota // also without a session
	signedIn                // any account, even one that must change its password first
	anyRole                 // any account that is ready to work
	readers                 // clerk, viewer, auditor: never the operator
	operators               // the operator alone
	provers                 // auditor and operator
	staff                   // people of an agency's office who work on documents: never one who only administers it
	readersAndStaff
	inOffice       // everybody of an agency's office
	administrators // of an agency's office
)

// route is one page. Everything a page needs of the request is in the visit.
type route struct {
	method, path string // path below Config.Base
	access       access
	serve        func(*Portal, *visit) error
	takes        takes // what a POST brings
}

// takes says how large the form of a route may be.
type takes int

const (
	noForm    takes = iota
	smallForm       // 64 KiB
	longForm        // words of people: 512 KiB
	filesForm       // fields, then files, streamed: uploadMost
)

// routes of the portal, in one list so that a test can try each with each role.
var routes = slices.Concat(readerRoutes, staffRoutes, madeRoutes, noticeRoutes, adminRoutes)

// readerRoutes are for those who read the record, and for every account.
var readerRoutes = []route{
	{"GET", "/{$}", anyRole, (*Portal).home, noForm},
	{"GET", "/signin", everyone, (*Portal).signInPage, noForm},
	{"POST", "/signin", everyone, (*Portal).signIn, smallForm},
	{"POST", "/signout", signedIn, (*Portal).signOut, smallForm},
	{"POST", "/language", everyone, (*Portal).setLanguage, smallForm},
	{"GET", "/help", everyone, (*Portal).help, noForm},
	{"GET", "/account", signedIn, (*Portal).accountPage, noForm},
	{"POST", "/account/password", signedIn, (*Portal).changePassword, smallForm},
	{"POST", "/account/sessions/end", signedIn, (*Portal).endSession, smallForm},
	{"POST", "/account/sessions/end-others", signedIn, (*Portal).endOtherSessions, smallForm},
	{"GET", "/registers/{direction}", readers, (*Portal).register, noForm},
	{"GET", "/registers/{direction}/print", readers, (*Portal).printRegister, noForm},
	{"GET", "/search", readersAndStaff, (*Portal).search, noForm},
	{"GET", "/not-taken", readers, (*Portal).notTaken, noForm},
	{"GET", "/documents/{key}", readers, (*Portal).document, noForm},
	{"GET", "/documents/{key}/package/{sha256}", readers, (*Portal).downloadPackage, noForm},
	{"GET", "/documents/{key}/attachments/{index}", readers, (*Portal).downloadAttachment, noForm},
	{"GET", "/documents/{key}/attachments/{index}/signatures", readers, (*Portal).fileSignatures, noForm},
	{"GET", "/documents/{key}/receipts/{position}", readers, (*Portal).downloadReceipt, noForm},
	{"GET", "/documents/{key}/evidence", readers, (*Portal).downloadEvidence, noForm},
	{"GET", "/trust", anyRole, (*Portal).trust, noForm},
	{"GET", "/proofs", provers, (*Portal).proofs, noForm},
	{"POST", "/proofs/verify", provers, (*Portal).verifyNow, smallForm},
	{"GET", "/proofs/checkpoint", provers, (*Portal).downloadCheckpoint, noForm},
	{"GET", "/proofs/reports/{id}", provers, (*Portal).verificationReport, noForm},
	{"GET", "/health", operators, (*Portal).health, noForm},
}

// pageTime bounds the work for one page; downloads are bounded by the server's own limits.
const (
	pageTime = 20 * time.Second
	bodyTime = 20 * time.Second // for a form to arrive
	bodyMax  = 64 << 10
	longMax  = 512 << 10
)

// visit is one request with what is known of the visitor.
type visit struct {
	w        http.ResponseWriter
	r        *http.Request
	words    words
	path     string // below Config.Base, for the navigation
	account  *Account
	session  Session
	token    string // of the session
	before   string // value of the cookie that form tokens hang on before there is a session
	org      Organisation
	right    *ReadingRight  // auditor: the right in force, nil if none
	person   string         // staff: id in the agency's office
	office   *officeLists   // see officeOf
	settings *view.Settings // see settingsOf
	held     []heldFile     // files of the form: those that came before, then those that came now
	arrived  []heldFile     // those that came now

	follows  view.Target // what the page watches, see follow
	followed uint64
	noted    uint64 // latest note shown in this visit
}

func (v *visit) ctx() context.Context { return v.r.Context() }

func (v *visit) role() Role {
	if v.account == nil {
		return ""
	}
	return v.account.Role
}

// formToken is what every form on the page must send back.
func (v *visit) formToken() string {
	if v.token != "" {
		return csrfToken(v.token)
	}
	return csrfToken(v.before)
}

// reader is as whom every question about documents is asked.
func (p *Portal) reader(v *visit) view.Reader {
	r := view.Reader{Now: p.cfg.Node.Now()}
	switch v.role() {
	case RoleClerk, RoleViewer:
		r.Orgs = v.org.Identities
	case RoleStaff: // what the person's duties allow
		s := p.staffOf(v)
		r.Orgs, r.Person = []string{s.Org}, s.Person
	case RoleAuditor:
		if v.right != nil {
			r.Right = v.right.ID
		}
	}
	return r
}

// problem is an answer other than a page: its status and what the page says.
type problem struct {
	status int
	key    string // message key, default "error.<status>"
	cause  error
}

func (e *problem) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return http.StatusText(e.status)
}
func (e *problem) Unwrap() error { return e.cause }

func fail(status int) error { return &problem{status: status} }

var errGone = fail(http.StatusNotFound)

func (p *Portal) routes() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes {
		mux.HandleFunc(rt.method+" "+p.cfg.Base+rt.path, func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, rt) })
	}
	mux.Handle("GET "+p.cfg.Base+"/assets/", p.assets)
	mux.HandleFunc(p.cfg.Base+"/", func(w http.ResponseWriter, r *http.Request) {
		p.serve(w, r, route{access: everyone, serve: func(*Portal, *visit) error { return errGone }})
	})
	return mux
}

// serve finds out who comes, judges access and form token, runs the page and answers its errors.
func (p *Portal) serve(w http.ResponseWriter, r *http.Request, rt route) {
	v := &visit{w: w, r: r, path: strings.TrimPrefix(r.URL.Path, p.cfg.Base), words: words{language: Vietnamese, all: allMessages}}
	if !strings.Contains(rt.path, "{sha256}") && !strings.Contains(rt.path, "{index}") {
		ctx, cancel := context.WithTimeout(r.Context(), pageTime)
		defer cancel()
		v.r = r.WithContext(ctx)
	}
	defer func() {
		if x := recover(); x != nil {
			if x == http.ErrAbortHandler {
				panic(x)
			}
			p.cfg.Log.Error("portal page panicked", "path", rt.path, "panic", x, "stack", string(debug.Stack()))
			p.answer(v, fail(http.StatusInternalServerError))
		}
	}()
	err := p.meet(v, rt)
	if err == nil {
		err = p.admit(v, rt)
	}
	if err == nil {
		err = rt.serve(p, v)
	}
	if err != nil {
		p.answer(v, err)
	}
}

// meet reads the cookies: language, session, and the cookie that forms hang on before sign-in.
func (p *Portal) meet(v *visit, rt route) error {
	v.words.language = p.languageOf(v.r)
	v.token = p.cookie(v.r, sessionCookie)
	if v.token != "" {
		find := p.cfg.Accounts.session
		if rt.path == livePath {
			find = p.cfg.Accounts.peek
		}
		acc, s, err := find(v.ctx(), v.token)
		switch {
		case errors.Is(err, ErrNoSession):
			v.token = ""
			if rt.path != livePath {
				p.clearCookie(v.w, v.r, sessionCookie)
			}
		case err != nil:
			v.token = ""
			return err
		default:
			v.account, v.session = &acc, s
			v.words.language = acc.Language
		}
	}
	if v.account == nil {
		v.before = p.cookie(v.r, formCookie)
		if rt.path == livePath {
			return nil // it may end after the sign-in page has got its cookie, and must not change that
		}
		if len(v.before) != 43 {
			token, err := p.cfg.Accounts.newToken()
			if err != nil {
				return err
			}
			v.before = token
			p.setCookie(v.w, v.r, formCookie, token, 0, http.SameSiteStrictMode)
		}
		return nil
	}
	if p.cfg.Office != nil {
		v.person = v.account.Person
	}
	if v.account.Org != "" {
		org, err := p.names.organisation(v.ctx(), v.account.Org)
		if err != nil {
			return err
		}
		v.org = org
	}
	if v.account.Role == RoleAuditor {
		right, err := p.cfg.Node.ReadingRight(v.ctx(), v.account.Right, p.cfg.Node.Now())
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			return err
		}
		if err == nil {
			v.right = &right
		}
	}
	return nil
}

// admit judges access and, for a POST, the form token.
func (p *Portal) admit(v *visit, rt route) error {
	if v.r.Method == http.MethodPost {
		if v.account == nil && rt.access != everyone {
			return p.sessionEnded(v, rt)
		}
		judge := func() error {
			if subtle.ConstantTimeCompare([]byte(v.r.PostForm.Get("form")), []byte(v.formToken())) != 1 {
				return fail(http.StatusForbidden)
			}
			return p.allowed(v, rt)
		}
		if kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type")); rt.takes == filesForm && kind == "multipart/form-data" {
			return p.readUpload(v, judge)
		}
		most := int64(bodyMax)
		if rt.takes != smallForm {
			most = longMax
		}
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, most)
		control := http.NewResponseController(v.w)
		if err := control.SetReadDeadline(time.Now().Add(p.bodyTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if err := v.r.ParseForm(); err != nil { // the deadline stays: the server must not wait for the rest either
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return fail(http.StatusRequestEntityTooLarge)
			}
			return fail(http.StatusBadRequest)
		}
		if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return judge()
	}
	return p.allowed(v, rt)
}

// allowed judges access.
func (p *Portal) allowed(v *visit, rt route) error {
	if rt.access == everyone {
		return nil
	}
	if v.account == nil {
		target := "/signin"
		if next := v.path; next != "/" && next != "" {
			if v.r.URL.RawQuery != "" {
				next += "?" + v.r.URL.RawQuery
			}
			if len(next) <= 2000 {
				target += "?next=" + url.QueryEscape(next)
			}
		}
		return p.redirect(v, target)
	}
	if v.account.MustChange && rt.access != signedIn {
		return p.redirect(v, "/account")
	}
	switch rt.access {
	case readers:
		if !slices.Contains([]Role{RoleClerk, RoleViewer, RoleAuditor}, v.role()) {
			return errGone
		}
	case operators:
		if v.role() != RoleOperator {
			return errGone
		}
	case provers:
		if v.role() != RoleAuditor && v.role() != RoleOperator {
			return errGone
		}
	case staff:
		return p.worksOnDocuments(v)
	case inOffice:
		if v.person == "" {
			return errGone
		}
	case administrators:
		return p.administersOffice(v)
	case readersAndStaff:
		if v.person != "" {
			return p.worksOnDocuments(v)
		}
		if !slices.Contains([]Role{RoleClerk, RoleViewer, RoleAuditor}, v.role()) {
			return errGone
		}
	}
	return nil
}

// errAnswered is "not an error": the answer is already written.
var errAnswered = errors.New("errAnswered")

func (p *Portal) redirect(v *visit, path string) error {
	http.Redirect(v.w, v.r, p.cfg.Base+path, http.StatusSeeOther)
	return errAnswered
}

// answer turns an error into a page that says what to do. This is the one place where errors become statuses.
func (p *Portal) answer(v *visit, err error) {
	if errors.Is(err, errAnswered) {
		return
	}
	var pr *problem
	if v.r.Context().Err() == context.Canceled && !errors.As(err, &pr) {
		return // nobody listens any more
	}
	status, key, id := http.StatusInternalServerError, "", ""
	switch {
	case errors.As(err, &pr):
		status, key = pr.status, pr.key
	case errors.Is(err, view.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
	}
	if status >= 500 {
		b := make([]byte, 4)
		rand.Read(b) // never fails
		id = hex.EncodeToString(b)
		p.cfg.Log.Error("portal page failed", "id", id, "path", p.routeOf(v.r), "account", v.accountID(), "error", err)
		if status == http.StatusServiceUnavailable {
			v.w.Header().Set("Retry-After", "10")
		}
	}
	p.renderError(v, status, key, id)
}

func (v *visit) accountID() string {
	if v.account == nil {
		return ""
	}
	return v.account.ID
}

// routeOf names the page for the log without what people typed into the address.
func (p *Portal) routeOf(r *http.Request) string {
	if r.Pattern != "" {
		return r.Pattern
	}
	return r.Method + " " + p.cfg.Base + "/…"
}
