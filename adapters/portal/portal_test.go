package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"golang.org/x/net/html"
)

// visitor is a browser without a window: it keeps cookies, does not follow redirects, fills in form tokens.
type visitor struct {
	t      testing.TB
	server *httptest.Server
	client *http.Client
}

type answer struct {
	*http.Response
	body string
}

func (p *testPortal) visitor(t testing.TB, tls bool) *visitor {
	t.Helper()
	server := httptest.NewUnstartedServer(p.Handler())
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return newVisitor(t, server)
}

func newVisitor(t testing.TB, server *httptest.Server) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: server.Client().Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &visitor{t, server, client}
}

func (v *visitor) send(method, path string, form url.Values, change ...func(*http.Request)) answer {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.server.URL+"/portal"+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(r)
	}
	res, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{res, string(b)}
}

func (v *visitor) get(path string) answer { v.t.Helper(); return v.send("GET", path, nil) }

var formField = regexp.MustCompile(`name="form" value="([^"]+)"`)

// token reads the form token from a page.
func (v *visitor) token() string {
	v.t.Helper()
	m := formField.FindStringSubmatch(v.get("/help").body)
	if m == nil {
		v.t.Fatal("no form on the page")
	}
	return m[1]
}

func (v *visitor) post(path string, pairs ...string) answer {
	v.t.Helper()
	form := url.Values{"form": {v.token()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.send("POST", path, form)
}

func (v *visitor) signIn(name string) answer {
	v.t.Helper()
	a := v.post("/signin", "username", name, "password", testPassword)
	if a.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("sign-in of %s: %s", name, a.Status)
	}
	return a
}

// TestEveryRouteForEveryRole: the table is the contract. A route that is not in it fails the test.
func TestEveryRouteForEveryRole(t *testing.T) {
	p := newTestPortal(t, nil)
	doc := p.fixture.docs[slices.IndexFunc(p.fixture.docs, func(d *fakeDoc) bool { return d.doc.Row.Number == "388/UBND-NN" })].doc
	foreign := p.fixture.add(orgDistrict, "9/UBND", "Công văn", "không liên quan", testNow, 0, orgOffice, view.StateWaiting).attach("a.pdf", "application/pdf", []byte("%PDF")).doc
	fill := func(d view.Document) *strings.Replacer {
		return strings.NewReplacer("{$}", "", "{direction}", "incoming", "{key}", d.Row.Document, "{sha256}", d.Package.SHA256, "{index}", "0", "{position}", fmt.Sprint(d.Package.Position))
	}
	const signIn, ok, gone, moved = -1, 200, 404, 303
	roles := []string{"", "vanthu.snv", "xem.snv", "kiemtra", "kiemtra.cu", "vanhanh", "moi"}
	want := map[string][]int{
		"GET /{$}":                          {signIn, ok, ok, ok, ok, moved, moved},
		"GET /signin":                       {ok, moved, moved, moved, moved, moved, moved},
		"POST /signin":                      {401, 401, 401, 401, 401, 401, 401},
		"POST /signout":                     {signIn, moved, moved, moved, moved, moved, moved},
		"POST /language":                    {400, 400, 400, 400, 400, 400, 400},
		"GET /help":                         {ok, ok, ok, ok, ok, ok, ok},
		"GET /account":                      {signIn, ok, ok, ok, ok, ok, ok},
		"POST /account/password":            {signIn, 422, 422, 422, 422, 422, 422},
		"POST /account/sessions/end":        {signIn, moved, moved, moved, moved, moved, moved},
		"POST /account/sessions/end-others": {signIn, moved, moved, moved, moved, moved, moved},
		"GET /registers/{direction}":        {signIn, ok, ok, gone, gone, gone, moved},
		"GET /registers/{direction}?org=" + orgInterior:          {signIn, ok, ok, ok, gone, gone, moved},
		"GET /registers/{direction}?org=" + orgAgri:              {signIn, ok, ok, gone, gone, gone, moved}, // a clerk's own, whatever is asked
		"GET /registers/{direction}/print":                       {signIn, ok, ok, gone, gone, gone, moved},
		"GET /search":                                            {signIn, ok, ok, moved, moved, gone, moved},
		"GET /search?q=mua":                                      {signIn, ok, ok, moved, moved, gone, moved},
		"GET /not-taken":                                         {signIn, ok, ok, gone, gone, gone, moved},
		"GET /documents/{key}":                                   {signIn, ok, ok, ok, gone, gone, moved},
		"GET /documents/{key}/package/{sha256}":                  {signIn, ok, ok, ok, gone, gone, moved},
		"GET /documents/{key}/attachments/{index}":               {signIn, ok, ok, ok, gone, gone, moved},
		"GET /documents/{key}/receipts/{position}":               {signIn, ok, ok, ok, gone, gone, moved},
		"GET /health":                                            {signIn, gone, gone, gone, gone, ok, moved},
		"GET /registers/sideways":                                {signIn, gone, gone, gone, gone, gone, moved},
		"GET /nowhere":                                           {gone, gone, gone, gone, gone, gone, gone},
		"POST /registers/incoming":                               {gone, gone, gone, gone, gone, gone, gone},
		"GET /documents/abc":                                     {signIn, gone, gone, gone, gone, gone, moved},
		"GET /documents/{key}/attachments/77":                    {signIn, gone, gone, gone, gone, gone, moved},
		"GET /documents/{key}/attachments/-1":                    {signIn, gone, gone, gone, gone, gone, moved},
		"GET /documents/{key}/receipts/1":                        {signIn, gone, gone, gone, gone, gone, moved},
		"GET /documents/{key}/package/" + keyOf("another"):       {signIn, gone, gone, gone, gone, gone, moved},
		"GET /documents/{key}/package/" + foreign.Package.SHA256: {signIn, gone, gone, gone, gone, gone, moved},
	}
	for _, rt := range routes {
		if _, ok := want[rt.method+" "+rt.path]; !ok {
			t.Errorf("route %s %s is not in the table", rt.method, rt.path)
		}
	}
	if _, err := p.accounts.CreateAccount(t.Context(), NewAccount{Username: "moi", Org: orgInterior, Role: RoleClerk, Password: testPassword, MustChange: true}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	for i, role := range roles {
		for route, statuses := range want {
			p.clock.pass(time.Hour) // the tries of this table do not lock anybody out
			v := newVisitor(t, server)
			if role != "" {
				v.signIn(role)
			}
			method, path, _ := strings.Cut(route, " ")
			path = fill(doc).Replace(path)
			var a answer
			if method == "POST" {
				a = v.post(path, "username", "x", "old", "wrong", "new", "một câu hoàn toàn mới", "again", "một câu hoàn toàn mới")
			} else {
				a = v.get(path)
			}
			expected := statuses[i]
			if expected == signIn {
				if a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/portal/signin") {
					t.Errorf("%s for nobody: %s to %q, expected the sign-in page", route, a.Status, a.Header.Get("Location"))
				}
				continue
			}
			if a.StatusCode != expected {
				t.Errorf("%s for %q: %s, expected %d", route, role, a.Status, expected)
			}
			if role == "vanhanh" && (strings.Contains(a.body, doc.Row.Subject) || strings.Contains(a.body, doc.Row.Number)) {
				t.Errorf("%s shows the operator a document", route)
			}
		}
	}
	// What is not yours looks exactly as what does not exist.
	v := newVisitor(t, server)
	v.signIn("vanthu.snv")
	for _, path := range []string{"/documents/{key}", "/documents/{key}/package/{sha256}", "/documents/{key}/attachments/{index}", "/documents/{key}/receipts/{position}"} {
		a, b := v.get(fill(foreign).Replace(path)), v.get(fill(view.Document{Row: view.RegisterRow{Document: keyOf("never was")}, Package: view.PackageInfo{SHA256: keyOf("nor this")}}).Replace(path))
		a.body, b.body = strings.ReplaceAll(a.body, foreign.Row.Document, "KEY"), strings.ReplaceAll(b.body, keyOf("never was"), "KEY")
		a.body, b.body = strings.ReplaceAll(a.body, foreign.Package.SHA256, "SUM"), strings.ReplaceAll(b.body, keyOf("nor this"), "SUM")
		a.body = strings.ReplaceAll(a.body, fmt.Sprintf("/receipts/%d", foreign.Package.Position), "/receipts/0")
		if a.StatusCode != 404 || b.StatusCode != 404 || a.body != b.body {
			t.Errorf("%s: somebody else's answers %s, one that never was %s; bodies equal: %v", path, a.Status, b.Status, a.body == b.body)
		}
	}
}

func TestFormsNeedTheirToken(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	good := url.Values{"username": {"vanthu.snv"}, "password": {testPassword}}
	if a := v.send("POST", "/signin", good); a.StatusCode != 403 {
		t.Errorf("sign-in without a token: %s", a.Status)
	}
	other := newVisitor(t, v.server)
	good.Set("form", other.token())
	if a := v.send("POST", "/signin", good); a.StatusCode != 403 {
		t.Errorf("sign-in with another visitor's token: %s", a.Status)
	}
	before := v.token()
	v.signIn("vanthu.snv")
	for _, rt := range routes {
		if rt.method != "POST" {
			continue
		}
		for name, token := range map[string]string{"none": "", "of before the sign-in": before, "of another": other.token()} {
			if a := v.send("POST", rt.path, url.Values{"form": {token}}); a.StatusCode != 403 {
				t.Errorf("%s with token %s: %s, expected 403", rt.path, name, a.Status)
			}
		}
		a := v.send("POST", rt.path, url.Values{"form": {v.token()}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
		if a.StatusCode != 403 {
			t.Errorf("%s sent from another site: %s, expected 403", rt.path, a.Status)
		}
	}
	if a := v.send("POST", "/language", url.Values{"form": {v.token()}, "x": {strings.Repeat("x", bodyMax)}}); a.StatusCode != 413 {
		t.Errorf("a form of 64 KiB: %s, expected 413", a.Status)
	}
	if a := v.get("/"); a.StatusCode != 200 {
		t.Errorf("after all that the session is gone: %s", a.Status)
	}
}

func TestSessionsOverHTTP(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, true)
	a := v.get("/registers/outgoing?state=failed")
	if to := a.Header.Get("Location"); to != "/portal/signin?next=%2Fregisters%2Foutgoing%3Fstate%3Dfailed" {
		t.Errorf("sent to %q", to)
	}
	for _, c := range v.get("/signin").Cookies() {
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("cookie before sign-in: %v", c)
		}
	}
	a = v.post("/signin", "username", "vanthu.snv", "password", testPassword, "next", "/registers/outgoing?state=failed")
	if to := a.Header.Get("Location"); to != "/portal/registers/outgoing?state=failed" {
		t.Errorf("after sign-in sent to %q", to)
	}
	var session string
	for _, c := range a.Cookies() {
		if c.Value != "" && (!c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "") {
			t.Errorf("cookie %v", c)
		}
		if c.Name == "__Host-"+sessionCookie {
			session = c.Value
		}
	}
	if len(session) != 43 {
		t.Fatalf("session cookie is %q, expected 256 bits", session)
	}
	// A token that somebody planted before the sign-in is worth nothing after it.
	planted := newVisitor(t, v.server)
	u, _ := url.Parse(v.server.URL)
	planted.client.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-" + sessionCookie, Value: strings.Repeat("A", 43), Path: "/", Secure: true}})
	a = planted.signIn("vanthu.snv")
	if i := slices.IndexFunc(a.Cookies(), func(c *http.Cookie) bool { return c.Name == "__Host-"+sessionCookie && c.Value != "" }); i < 0 || a.Cookies()[i].Value == strings.Repeat("A", 43) {
		t.Error("the session was not renewed at sign-in")
	}
	for _, evil := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x=y", "javascript:alert(1)"} {
		e := newVisitor(t, v.server)
		if to := e.post("/signin", "username", "vanthu.snv", "password", testPassword, "next", evil).Header.Get("Location"); to != "/portal/" {
			t.Errorf("next=%q leads to %q", evil, to)
		}
		if to := e.post("/language", "language", "en", "back", evil).Header.Get("Location"); to != "/portal/" {
			t.Errorf("back=%q leads to %q", evil, to)
		}
	}
	stolen := newVisitor(t, v.server)
	stolen.client.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-" + sessionCookie, Value: session, Path: "/", Secure: true}})
	if a := stolen.get("/"); a.StatusCode != 200 {
		t.Fatalf("the copy of the cookie: %s", a.Status)
	}
	v.post("/signout")
	if a := stolen.get("/"); a.StatusCode != 303 {
		t.Errorf("after sign-out a copy of the cookie still works: %s", a.Status)
	}
	v.signIn("vanthu.snv")
	p.clock.pass(31 * time.Minute)
	if a := v.post("/account/password"); a.Header.Get("Location") != "/portal/signin?ended=1" && a.StatusCode != 403 {
		t.Errorf("idle session: %s to %q", a.Status, a.Header.Get("Location"))
	}
	if a := v.get("/"); a.StatusCode != 303 {
		t.Errorf("idle session: %s", a.Status)
	}
}

func TestLockOutOverHTTP(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	for range 5 {
		if a := v.post("/signin", "username", "vanthu.snv", "password", "sai rồi sai rồi"); a.StatusCode != 401 || !strings.Contains(a.body, "không đúng") {
			t.Fatalf("wrong password: %s", a.Status)
		}
	}
	a := v.post("/signin", "username", "vanthu.snv", "password", testPassword)
	if a.StatusCode != 429 || !strings.Contains(a.body, "09:41:30") {
		t.Errorf("locked: %s", a.Status)
	}
	p.clock.pass(31 * time.Second)
	v.signIn("vanthu.snv")
	log := p.log.String()
	for _, s := range []string{"portal sign-in refused", "status=429", `msg="portal sign-in" account=tk-`} {
		if !strings.Contains(log, s) {
			t.Errorf("log lacks %q", s)
		}
	}
	if strings.Contains(log, "vanthu") || strings.Contains(log, "sai rồi") {
		t.Error("the log holds what was typed")
	}
}

func TestOpeningsAreLoggedWithoutContent(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("kiemtra")
	d := p.fixture.docs[slices.IndexFunc(p.fixture.docs, func(d *fakeDoc) bool { return d.doc.Row.Number == "388/UBND-NN" })]
	base := "/documents/" + d.doc.Row.Document
	for _, path := range []string{"", "/package/" + d.doc.Package.SHA256, "/attachments/0", fmt.Sprintf("/receipts/%d", d.doc.Package.Position)} {
		if a := v.get(base + path); a.StatusCode != 200 {
			t.Fatalf("%s: %s", path, a.Status)
		}
	}
	log := p.log.String()
	for _, s := range []string{"what=page", "what=package", "what=attachment", "what=receipt", "right=kt-2026-07", "document=" + d.doc.Row.Document} {
		if !strings.Contains(log, s) {
			t.Errorf("log lacks %q", s)
		}
	}
	for _, s := range []string{"388", "mưa lũ", "Tờ trình", "Lục Ngạn"} {
		if strings.Contains(log, s) {
			t.Errorf("log holds %q of the document", s)
		}
	}
}

func TestHeaders(t *testing.T) {
	p := newTestPortal(t, nil)
	plain, tls := p.visitor(t, false), p.visitor(t, true)
	for _, v := range []*visitor{plain, tls} {
		for _, path := range []string{"/signin", "/help", "/nowhere", strings.TrimPrefix(p.assets.url["portal.css"], "/portal")} {
			a := v.get(path)
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "Content-Security-Policy": contentPolicy} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q, expected %q", path, name, got, want)
				}
			}
			if hsts := a.Header.Get("Strict-Transport-Security"); (hsts != "") != (v == tls) {
				t.Errorf("%s: HSTS is %q", path, hsts)
			}
		}
	}
	for _, bad := range []string{"unsafe-inline", "unsafe-eval", "*", "data:", "http:"} {
		if strings.Contains(contentPolicy, bad) {
			t.Errorf("the policy allows %s", bad)
		}
	}
	if a := plain.get(strings.TrimPrefix(p.assets.url["portal.css"], "/portal")); a.StatusCode != 200 || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/css") {
		t.Errorf("stylesheet: %s %v", a.Status, a.Header)
	}
	if a := plain.get("/assets/../portal.go"); a.StatusCode == 200 {
		t.Error("assets serve something else")
	}
}

// TestPagesHoldNothingInline: what the content policy forbids is not there in the first place.
func TestPagesHoldNothingInline(t *testing.T) {
	p := newTestPortal(t, nil)
	nasty := `"><script>alert(1)</script><img src=x onerror=alert(2)>` + "\u202e\u2066{{.}}\x00" + strings.Repeat("dài", 1700)
	d := p.fixture.add(orgOffice, nasty, nasty, nasty, testNow, 3, orgInterior, view.StateAcknowledged)
	d.attach(nasty, "text/html", []byte("<script>"))
	d.doc.DocumentID, d.doc.Place, d.doc.Content, d.doc.DueDate, d.doc.ToPlaces = nasty, nasty, nasty, nasty, []string{nasty}
	d.doc.Row.Signer, d.doc.Row.Note, d.doc.Row.Copies, d.doc.Row.From.Name, d.doc.Row.Date = nasty, nasty, nasty, nasty, nasty
	d.doc.Row.To[0].Name, d.doc.Row.KeptBy, d.doc.Row.Handler, d.doc.Row.ArrivalNumber, d.doc.Row.Assurance = nasty, nasty, nasty, nasty, nasty
	d.doc.Recipients[0].Name, d.doc.Recipients[0].Reason, d.doc.Recipients[0].State, d.doc.Recipients[0].LastStatus, d.doc.Recipients[0].Peer = nasty, nasty, nasty, nasty, nasty
	d.doc.Statuses[0].Description, d.doc.Statuses[0].Staff, d.doc.Statuses[0].Code, d.doc.Statuses[0].Timestamp = nasty, nasty, nasty, nasty
	d.doc.Attachments[0].Description = nasty
	d.doc.History = append(d.doc.History, view.HistoryEntry{Name: nasty, Actor: nasty, Client: nasty, Org: nasty, Code: nasty, Detail: map[string]string{"reason": nasty, "mark": nasty}},
		view.HistoryEntry{Name: "delivery.marked.v1", Actor: nasty, Client: "cert:" + nasty, Org: nasty, Detail: map[string]string{"mark": nasty}})
	d.doc.Related = []view.Relation{{Kind: nasty, Document: keyOf("x"), Number: nasty}, {Kind: "replaced-by", Number: nasty}}
	s := &d.verdict.Signatures[0]
	s.Kind, s.Signer, s.Organisation, s.Subject, s.Issuer, s.Serial, s.Algorithm, s.Refusal, s.Whole = nasty, nasty, nasty, nasty, nasty, nasty, nasty, nasty, false
	s.Results, s.Parts = append(s.Results, nasty), []string{nasty}
	p.fixture.checks = append(p.fixture.checks, Check{Name: nasty, Subject: nasty, State: nasty, Detail: nasty}, Check{Name: CheckPeerQueue, Subject: nasty, Detail: nasty})
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	q := url.QueryEscape(nasty[:300])
	for role, paths := range map[string][]string{
		"vanthu.snv": {"/", "/registers/incoming", "/registers/incoming?words=" + q + "&number=" + q + "&from=" + q + "&with=" + q + "&type=" + q + "&state=" + q + "&after=" + q, "/registers/incoming/print", "/registers/outgoing", "/search?q=" + q,
			"/not-taken", "/documents/" + d.doc.Row.Document, "/account", "/help", "/" + url.PathEscape(nasty[:200])},
		"vanhanh": {"/health"}, "kiemtra": {"/", "/registers/incoming?org=" + orgInterior}, "": {"/signin?next=" + q},
	} {
		v := newVisitor(t, server)
		if role != "" {
			v.signIn(role)
		}
		for _, language := range languages {
			v.post("/language", "language", language)
			for _, path := range paths {
				a := v.get(path)
				if a.StatusCode >= 500 {
					t.Errorf("%s: %s", path, a.Status)
				}
				checkMarkup(t, path, language, a.body)
			}
		}
	}
}

// checkMarkup reads a page as a browser does.
func checkMarkup(t *testing.T, path, language, body string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	ids := map[string]bool{}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			src := ""
			for _, a := range n.Attr {
				switch {
				case a.Key == "style", strings.HasPrefix(a.Key, "on"):
					t.Errorf("%s: <%s> has an inline %s", path, n.Data, a.Key)
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("%s: id %q stands twice", path, a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				case a.Key == "src":
					src = a.Val
				case a.Key == "lang" && n.Data == "html" && a.Val != language:
					t.Errorf("%s: language is %q, expected %q", path, a.Val, language)
				case a.Key == "href" && strings.HasPrefix(strings.ToLower(a.Val), "javascript:"):
					t.Errorf("%s: link to a script", path)
				}
			}
			if n.Data == "style" || n.Data == "script" && (src == "" || n.FirstChild != nil) {
				t.Errorf("%s: inline <%s>", path, n.Data)
			}
			if n.Data == "img" && !strings.HasPrefix(src, "/portal/assets/") {
				t.Errorf("%s: <img src=%q>", path, src)
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	if !strings.HasPrefix(body, "<!doctype html>") || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
		t.Errorf("%s: the page is not whole", path)
	}
}

func TestDownloads(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	d := p.fixture.add(orgOffice, "7816/VPCP-TTĐT", "Công văn", "tải về", testNow, 0, orgInterior, view.StateAcknowledged)
	names := []struct{ name, claimed, want, contentType string }{
		{"Báo cáo số 9 – bão.pdf", "application/pdf", "Báo cáo số 9 – bão.pdf", "application/pdf"},
		{"trang.html", "text/html; charset=utf-8", "trang.html", "application/octet-stream"},
		{"hình.svg", "image/svg+xml", "hình.svg", "application/octet-stream"},
		{"../../etc/passwd", "text/plain", "etc_passwd", "text/plain"},
		{"C:\\Temp\\a.docx", "application/x-evil\r\nX: y", "C__Temp_a.docx", "application/octet-stream"},
		{"hoadon\u202efdp.exe", "application/pdf", "hoadonfdp.exe", "application/pdf"},
		{"a\r\nSet-Cookie: x=y.pdf", "application/pdf", "a__Set-Cookie_ x=y.pdf", "application/pdf"},
		{"", "", "7816-VPCP-TTDT-8", "application/octet-stream"},
		{strings.Repeat("dài ", 200) + ".xlsx", "", strings.TrimSpace(strings.Repeat("dài ", 35)) + ".xlsx", "application/octet-stream"},
		{"\"ngoặc; kép%\".pdf", "application/pdf", "ngoặc; kép%_.pdf", "application/pdf"},
	}
	for _, n := range names {
		d.attach(n.name, n.claimed, []byte("<script>alert(1)</script>"))
	}
	v.signIn("vanthu.snv")
	base := "/documents/" + d.doc.Row.Document
	check := func(path, name, contentType string, body []byte) {
		t.Helper()
		a := v.get(base + path)
		kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
		if a.StatusCode != 200 || err != nil || kind != "attachment" || a.body != string(body) {
			t.Errorf("%s: %s, %q, %v", path, a.Status, a.Header.Get("Content-Disposition"), err)
		}
		if params["filename"] != name {
			t.Errorf("%s: name %q, expected %q", path, params["filename"], name)
		}
		if got := a.Header.Get("Content-Type"); got != contentType || a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: type %q, policy %q", path, got, a.Header.Get("Content-Security-Policy"))
		}
		if a.Header.Get("Set-Cookie") != "" || a.Header.Get("X") != "" {
			t.Errorf("%s: a header was smuggled in", path)
		}
		head := v.send("HEAD", base+path, nil)
		if head.StatusCode != 200 || head.body != "" || head.ContentLength != int64(len(body)) {
			t.Errorf("%s: HEAD says %s, %d bytes", path, head.Status, head.ContentLength)
		}
	}
	for i, n := range names {
		check(fmt.Sprintf("/attachments/%d", i), n.want, n.contentType, []byte("<script>alert(1)</script>"))
	}
	check("/package/"+d.doc.Package.SHA256, "7816-VPCP-TTDT.edxml", "application/octet-stream", d.pkg)
	status := d.doc.Statuses[0].Package
	check("/package/"+status, "7816-VPCP-TTDT-"+status[:8]+".edxml", "application/octet-stream", d.statuses[status])
	check(fmt.Sprintf("/receipts/%d", d.doc.Package.Position), fmt.Sprintf("7816-VPCP-TTDT-%d.tlog-proof", d.doc.Package.Position), "text/plain; charset=utf-8",
		fmt.Appendf(nil, "c2sp.org/tlog-proof@v1\nindex %d\n", d.doc.Package.Position))
	a := v.send("GET", base+"/package/"+d.doc.Package.SHA256, nil, func(r *http.Request) { r.Header.Set("Range", "bytes=2-5") })
	if a.StatusCode != 206 || a.body != string(d.pkg[2:6]) {
		t.Errorf("a part of the package: %s %q", a.Status, a.body)
	}
	d.doc.Row.Destroyed = "12/QĐ-TTLT"
	if a := v.get(base + "/attachments/0"); a.StatusCode != 404 {
		t.Errorf("attachment of a destroyed document: %s", a.Status)
	}
	if a := v.get(base); a.StatusCode != 200 || !strings.Contains(a.body, "12/QĐ-TTLT") || strings.Contains(a.body, "/attachments/") {
		t.Errorf("page of a destroyed document: %s", a.Status)
	}
}

func TestRegisterFilters(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	for query, want := range map[string]struct {
		rows int
		text string
	}{
		"words=mua+lu&from=22/11/2026":                 {2, "6188/CĐ-UBND"},
		"number=6188":                                  {1, "6188/CĐ-UBND"},
		"from=22/11/2026&to=22/11/2026":                {2, "388/UBND-NN"},
		"from_date=2026-11-22":                         {2, "388/UBND-NN"},
		"from=1-11-2026&to=1.11.2026":                  {0, "khớp với bộ lọc"},
		"with=Ủy+ban+nhân+dân+huyện+Lục+Ngạn+(H02.31)": {1, "388/UBND-NN"},
		"with=luc+ngan":                                {1, "388/UBND-NN"},
		"with=bac+giang":                               {50, "khớp với nhiều cơ quan"},
		"with=nowhere":                                 {50, "không có cơ quan nào"},
		"from=31/02/2026":                              {50, "không phải ngày"},
		"from=22/11/2026&to=21/11/2026":                {50, "đứng sau ngày cuối"},
		"state=waiting":                                {2, "6188/CĐ-UBND"},
		"state=nonsense":                               {50, ""},
		"type=Công+điện":                               {1, "6188/CĐ-UBND"},
		"after=nonsense":                               {50, "không mở được nữa"},
		"after=50&n=50":                                {2, "Mục 51–52 trong 52"},
	} {
		a := v.get("/registers/incoming?" + query)
		rows := strings.Count(a.body, `<td class="st"`)
		if a.StatusCode != 200 || rows != want.rows || !strings.Contains(a.body, want.text) {
			t.Errorf("%s: %s, %d rows, expected %d and %q", query, a.Status, rows, want.rows, want.text)
		}
	}
	a := v.get("/registers/incoming?words=mua+lu&state=waiting")
	if !strings.Contains(a.body, `value="mua lu"`) || !strings.Contains(a.body, `/portal/registers/incoming/print?state=waiting&amp;words=mua&#43;lu`) && !strings.Contains(a.body, `/portal/registers/incoming/print?state=waiting&amp;words=mua+lu`) {
		t.Error("filters are not kept for the form and the print")
	}
}

// TestPrintedRegisters: ten columns in the order of the law, oldest first, nothing invented.
func TestPrintedRegisters(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	cells := func(body, tag string) [][]string {
		root, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]string
		var walk func(*html.Node)
		text := func(n *html.Node) string {
			var b strings.Builder
			for d := range n.Descendants() {
				if d.Type == html.TextNode {
					b.WriteString(d.Data)
				}
			}
			return strings.Join(strings.Fields(b.String()), " ")
		}
		walk = func(n *html.Node) {
			if n.Data == "tr" {
				var row []string
				for c := range n.ChildNodes() {
					if c.Data == tag {
						row = append(row, text(c))
					}
				}
				if row != nil {
					rows = append(rows, row)
				}
			}
			for c := range n.ChildNodes() {
				walk(c)
			}
		}
		walk(root)
		return rows
	}
	for direction, want := range map[string][]string{
		"outgoing": {"Số, ký hiệu văn bản", "Ngày tháng văn bản", "Tên loại và trích yếu nội dung văn bản", "Người ký", "Nơi nhận văn bản",
			"Đơn vị, người nhận bản lưu", "Số lượng bản", "Ngày chuyển", "Ký nhận", "Ghi chú"},
		"incoming": {"Ngày đến", "Số đến", "Tác giả", "Số, ký hiệu văn bản", "Ngày tháng văn bản", "Tên loại và trích yếu nội dung văn bản",
			"Đơn vị hoặc người nhận", "Ngày chuyển", "Ký nhận", "Ghi chú"},
	} {
		a := v.get("/registers/" + direction + "/print?from=21/11/2026&to=22/11/2026")
		if head := cells(a.body, "th"); len(head) != 1 || !slices.Equal(head[0], want) {
			t.Errorf("%s: columns are %q", direction, head)
		}
		rows := cells(a.body, "td")[1:] // the first is (1) … (10)
		var dates []string
		for _, r := range rows {
			if len(r) != 10 {
				t.Fatalf("%s: a row of %d: %q", direction, len(r), r)
			}
			date := r[7]
			if direction == "incoming" {
				date = r[0]
				if r[1] != "" || r[6] != "" || r[7] != "" {
					t.Errorf("invented: %q", r)
				}
			} else if r[5] != "" {
				t.Errorf("invented: %q", r)
			}
			at, err := time.Parse("02/01/2006 15:04", date)
			if err != nil {
				t.Fatalf("%s: %v", direction, err)
			}
			dates = append(dates, at.Format(time.RFC3339))
		}
		if len(dates) < 4 || !slices.IsSorted(dates) {
			t.Errorf("%s: %d rows, sorted %v", direction, len(dates), slices.IsSorted(dates))
		}
		for _, s := range []string{"Từ ngày 21/11/2026 đến ngày 22/11/2026", "Sở Nội vụ tỉnh Bắc Giang", "SỔ ĐĂNG KÝ VĂN BẢN"} {
			if !strings.Contains(a.body, s) {
				t.Errorf("%s: head lacks %q", direction, s)
			}
		}
	}
}

func TestDocumentPageSays(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	for number, wants := range map[string][]string{
		orgDistrict + "388/UBND-NN": {"Tờ trình số 388/UBND-NN", "Cơ quan bảo đảm thay", "Chữ ký không được tính", "Chữ ký hợp lệ", "Chữ ký chỉ bao trùm một phần", "1 trong 3 nơi nhận đã nhận",
			"Đã tiếp nhận, vào sổ văn bản đến", "Trả lời văn bản", "6120/UBND-TH", "tram receipt check", "22/11/2026 08:30", "30/11/2026", "hoa don□fdp.exe", "Biên nhận của vị trí"},
		orgAgri + "512/SNN-TL":        {"ribbon recalled", "Không dùng văn bản để giải quyết công việc", "Mở văn bản 513/SNN-TL", "thu hồi văn bản", "được đánh dấu: đã thu hồi"},
		orgAgri + "513/SNN-TL":        {"Thông báo thu hồi"},
		orgInterior + "1040/SNV-TNXH": {"Không gửi được cho Văn phòng Chính phủ", "trạm của nơi nhận không trả lời", "gửi cách khác"},
		orgOffice + "6188/CĐ-UBND":    {"Hỏa tốc", "Công điện số 6188/CĐ-UBND"},
	} {
		a := v.get("/documents/" + keyOf(number))
		for _, want := range wants {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: %s, lacks %q", number, a.Status, want)
			}
		}
		if strings.Contains(a.body, "\u202e") {
			t.Errorf("%s: an override stands on the page", number)
		}
	}
}

func TestLanguage(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	if a := v.send("GET", "/signin", nil, func(r *http.Request) { r.Header.Set("Accept-Language", "en") }); !strings.Contains(a.body, `<html lang="vi">`) {
		t.Error("the portal is Vietnamese first")
	}
	if a := v.post("/language", "language", "en", "back", "/signin?next=%2Fhelp"); a.Header.Get("Location") != "/portal/signin?next=%2Fhelp" {
		t.Errorf("back to %q", a.Header.Get("Location"))
	}
	if a := v.get("/signin"); !strings.Contains(a.body, `<html lang="en">`) || !strings.Contains(a.body, "Sign in") {
		t.Error("the choice was not kept")
	}
	v.signIn("vanthu.snv") // the account's own language counts from here
	if a := v.get("/"); !strings.Contains(a.body, `<html lang="vi">`) {
		t.Error("the account's language does not count")
	}
	v.post("/language", "language", "en")
	other := newVisitor(t, v.server)
	other.signIn("vanthu.snv")
	if a := other.get("/"); !strings.Contains(a.body, "Incoming, waiting") {
		t.Error("the choice was not kept with the account")
	}
}

func TestFaultsAreAnsweredWithAPage(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	for fault, want := range map[error]int{errors.New("secret detail of the disk"): 500, context.DeadlineExceeded: 503, fmt.Errorf("no: %w", view.ErrNotFound): 404} {
		p.fixture.broken = fault
		a := v.get("/registers/incoming")
		if a.StatusCode != want || strings.Contains(a.body, "secret") || !strings.Contains(a.body, "</html>") {
			t.Errorf("%v: %s", fault, a.Status)
		}
	}
	id := regexp.MustCompile(`mã ([0-9a-f]{8})`)
	p.fixture.broken = errors.New("the disk")
	m := id.FindStringSubmatch(v.get("/not-taken").body)
	if m == nil || !strings.Contains(p.log.String(), m[1]) || !strings.Contains(p.log.String(), "the disk") {
		t.Error("the code on the page is not in the log")
	}
}

func TestPasswordMustBeChanged(t *testing.T) {
	p := newTestPortal(t, nil)
	if err := p.accounts.SetPassword(t.Context(), "vanthu.snv", testPassword, true); err != nil {
		t.Fatal(err)
	}
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	if a := v.get("/"); a.Header.Get("Location") != "/portal/account" {
		t.Errorf("sent to %q", a.Header.Get("Location"))
	}
	fresh := "một câu hoàn toàn mới"
	for _, c := range []struct {
		old, fresh, again string
		status            int
		says              string
	}{
		{"sai rồi", fresh, fresh, 422, "không đúng"}, {testPassword, fresh, "khác", 422, "không giống nhau"}, {testPassword, "ngắn", "ngắn", 422, "quá yếu"},
		{testPassword, testPassword, testPassword, 422, "quá yếu"}, {testPassword, fresh, fresh, 303, ""},
	} {
		a := v.post("/account/password", "old", c.old, "new", c.fresh, "again", c.again)
		if a.StatusCode != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("change from %q to %q: %s, expected %d and %q", c.old, c.fresh, a.Status, c.status, c.says)
		}
	}
	if a := v.get("/"); a.StatusCode != 200 {
		t.Errorf("after the change: %s", a.Status)
	}
	if a := v.get("/account"); !strings.Contains(a.body, "Phiên này") {
		t.Error("the list of sessions lacks this one")
	}
}

// TestBuildsWithoutNPM: without what npm brings, pages name nothing that is not there.
func TestPagesNameOnlyAssetsThatExist(t *testing.T) {
	p := newTestPortal(t, nil)
	delete(p.assets.url, "fonts.css")
	delete(p.assets.url, "htmx.js")
	v := p.visitor(t, false)
	a := v.get("/signin")
	for _, m := range regexp.MustCompile(`(?:href|src)="(/portal/assets/[^"#]+)`).FindAllStringSubmatch(a.body, -1) {
		if b := v.get(strings.TrimPrefix(m[1], "/portal")); b.StatusCode != 200 {
			t.Errorf("%s: %s", m[1], b.Status)
		}
	}
	if strings.Contains(a.body, "htmx") || strings.Contains(a.body, `href=""`) {
		t.Error("the page names an asset that this build does not have")
	}
}

func FuzzDownloadName(f *testing.F) {
	for _, s := range []string{"", "..", "a/b", "Báo cáo.pdf", "\u202e", strings.Repeat("đ", 300) + ".pdf", "a.\r\n", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := downloadName(s, "x")
		if name == "" || len(name) > 200 || name != strings.ToValidUTF8(name, "") || strings.ContainsAny(name, "/\\\r\n\x00\"") || name[0] == '.' {
			t.Fatalf("%q became %q", s, name)
		}
		header := disposition(name)
		if strings.ContainsFunc(header, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
			t.Fatalf("header %q", header)
		}
		_, params, err := mime.ParseMediaType(header)
		if err != nil || params["filename"] != name {
			t.Fatalf("%q reads back as %q, %v", header, params["filename"], err)
		}
	})
}
