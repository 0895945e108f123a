package portal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
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
		return strings.NewReplacer("{$}", "", "{direction}", "incoming", "{key}", d.Row.Document, "{sha256}", d.Package.SHA256, "{index}", "0", "{id}", "20261121-070000", "{position}", fmt.Sprint(d.Package.Position))
	}
	const signIn, ok, gone, moved = -1, 200, 404, 303
	roles := []string{"", "vanthu.snv", "xem.snv", "kiemtra", "kiemtra.cu", "vanhanh", "moi", "lan.snv", "thao.snv", "quan.snv"}
	want := map[string][]int{
		"GET /{$}":                          {signIn, ok, ok, ok, ok, moved, moved, ok, ok, ok},
		"GET /signin":                       {ok, moved, moved, moved, moved, moved, moved, moved, moved, moved},
		"POST /signin":                      {401, 401, 401, 401, 401, 401, 401, 401, 401, 401},
		"POST /signout":                     {signIn, moved, moved, moved, moved, moved, moved, moved, moved, moved},
		"POST /language":                    {400, 400, 400, 400, 400, 400, 400, 400, 400, 400},
		"GET /help":                         {ok, ok, ok, ok, ok, ok, ok, ok, ok, ok},
		"GET /account":                      {signIn, ok, ok, ok, ok, ok, ok, ok, ok, ok},
		"POST /account/password":            {signIn, 422, 422, 422, 422, 422, 422, 422, 422, 422},
		"POST /account/sessions/end":        {signIn, moved, moved, moved, moved, moved, moved, moved, moved, moved},
		"POST /account/sessions/end-others": {signIn, moved, moved, moved, moved, moved, moved, moved, moved, moved},
		"GET /registers/{direction}":        {signIn, ok, ok, gone, gone, gone, moved, gone, gone, gone},
		"GET /registers/{direction}?org=" + orgInterior:          {signIn, ok, ok, ok, gone, gone, moved, gone, gone, gone},
		"GET /registers/{direction}?org=" + orgAgri:              {signIn, ok, ok, gone, gone, gone, moved, gone, gone, gone}, // a clerk's own, whatever is asked
		"GET /registers/{direction}/print":                       {signIn, ok, ok, gone, gone, gone, moved, gone, gone, gone},
		"GET /search":                                            {signIn, ok, ok, ok, moved, gone, moved, ok, ok, gone},
		"GET /search?q=mua":                                      {signIn, ok, ok, ok, moved, gone, moved, ok, ok, gone},
		"GET /proofs":                                            {signIn, gone, gone, ok, ok, ok, moved, gone, gone, gone},
		"POST /proofs/verify":                                    {signIn, gone, gone, moved, gone, moved, moved, gone, gone, gone},
		"GET /proofs/checkpoint":                                 {signIn, gone, gone, ok, ok, ok, moved, gone, gone, gone},
		"GET /proofs/reports/{id}":                               {signIn, gone, gone, ok, gone, ok, moved, gone, gone, gone},
		"GET /proofs/reports/none":                               {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /not-taken":                                         {signIn, ok, ok, gone, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}":                                   {signIn, ok, ok, ok, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/package/{sha256}":                  {signIn, ok, ok, ok, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/attachments/{index}":               {signIn, ok, ok, ok, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/receipts/{position}":               {signIn, ok, ok, ok, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/attachments/{index}/signatures":    {signIn, ok, ok, ok, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/evidence":                          {signIn, ok, ok, ok, gone, gone, moved, gone, gone, gone},
		"GET /trust":                                             {signIn, ok, ok, ok, ok, ok, moved, ok, ok, ok},
		"GET /documents/{key}/attachments/77/signatures":         {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /health":                                            {signIn, gone, gone, gone, gone, ok, moved, gone, gone, gone},
		"GET /registers/sideways":                                {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /nowhere":                                           {gone, gone, gone, gone, gone, gone, gone, gone, gone, gone},
		"POST /registers/incoming":                               {gone, gone, gone, gone, gone, gone, gone, gone, gone, gone},
		"GET /documents/abc":                                     {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/attachments/77":                    {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/attachments/-1":                    {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/receipts/1":                        {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/package/" + keyOf("another"):       {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /documents/{key}/package/" + foreign.Package.SHA256: {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		// Staff: a clerk, a specialist whom the document does not concern, an administrator.
		"GET /live?mark=0":                          {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /menu":                                 {signIn, gone, gone, gone, gone, gone, moved, ok, ok, ok},
		"GET /notes":                                {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /incoming":                             {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /incoming/print":                       {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /incoming/export":                      {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /incoming/new":                         {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"POST /incoming/new":                        {signIn, gone, gone, gone, gone, gone, moved, 400, gone, gone},
		"GET /incoming/{id}":                        {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"POST /incoming/{id}/act":                   {signIn, gone, gone, gone, gone, gone, moved, 400, gone, gone},
		"GET /incoming/{id}/files/{sha256}/{index}": {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /incoming/{id}/files/{sha256}/{index}/signatures": {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /incoming/{id}/package/{sha256}":                  {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /incoming/{id}/receipts/{position}":               {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /incoming/{id}/evidence":                          {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /incoming/{id}/files/{sha256}/77":                 {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /incoming/{id}/package/" + keyOf("another") + "":  {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /incoming/{id}/receipts/1":                        {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /incoming/UP..":                                   {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		// What the agency makes: the documents and the dossier are not the specialist's to see, and an administrator makes none.
		"GET /drafts":     {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /drafts/new": {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /drafts/new?kind=C%C3%B4ng+v%C4%83n":              {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"POST /drafts/new":                                     {signIn, gone, gone, gone, gone, gone, moved, 400, 400, gone},
		"GET /drafts/recipients":                               {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /drafts/copy?outgoing=di-1":                       {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"POST /drafts/copy":                                    {signIn, gone, gone, gone, gone, gone, moved, 400, gone, gone},
		"GET /outgoing":                                        {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /outgoing/print":                                  {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /outgoing/export":                                 {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /outgoing/{id}":                                   {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"POST /outgoing/{id}/act":                              {signIn, gone, gone, gone, gone, gone, moved, 400, gone, gone},
		"GET /outgoing/{id}/edit":                              {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"POST /outgoing/{id}/edit":                             {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /outgoing/{id}/files/{sha256}/{index}":            {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /outgoing/{id}/files/{sha256}/{index}/signatures": {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /outgoing/{id}/files/{sha256}/77":                 {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /outgoing/{id}/package/{sha256}":                  {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /outgoing/{id}/package/" + keyOf("another"):       {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /outgoing/UP..":                                   {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /dossiers":                                        {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /dossiers/new":                                    {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"POST /dossiers/new":                                   {signIn, gone, gone, gone, gone, gone, moved, 400, 400, gone},
		"GET /dossiers/put?outgoing=di-1":                      {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"POST /dossiers/put":                                   {signIn, gone, gone, gone, gone, gone, moved, 400, 400, gone},
		"GET /dossiers/{id}":                                   {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"POST /dossiers/{id}/act":                              {signIn, gone, gone, gone, gone, gone, moved, 400, gone, gone},
		"POST /dossiers/{id}/files":                            {signIn, gone, gone, gone, gone, gone, moved, 400, gone, gone},
		"GET /dossiers/{id}/files/{sha256}/{index}":            {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /dossiers/{id}/files/{sha256}/{index}/signatures": {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /dossiers/{id}/files/{sha256}/77":                 {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /dossiers/{id}/print":                             {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},
		"GET /leader":                                          {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"POST /leader/{kind}/{id}":                             {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"GET /statistics":                                      {signIn, gone, gone, gone, gone, gone, moved, ok, ok, gone},
		"GET /dossiers/{id}/export":                            {signIn, gone, gone, gone, gone, gone, moved, ok, gone, gone},

		"POST /account/notices":         {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"POST /account/notices/address": {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
		"POST /account/notices/confirm": {signIn, gone, gone, gone, gone, gone, moved, 422, 422, gone},
		"POST /account/notices/change":  {signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone},
	}
	// The administrator's pages, and everybody's own delegations.
	for _, path := range []string{"", "/units", "/units/_new", "/units/tccc", "/persons", "/persons/_new", "/persons/lan", "/delegations", "/rules", "/rules/series", "/rules/series?id=cv", "/rules/chain?id=thuong",
		"/rules/file-plan?id=01.TCCC", "/rules/retention?id=20n", "/rules/register?id=chung", "/rules/deadlines", "/rules/calendar?id=2026", "/history"} {
		want["GET /office"+path] = []int{signIn, gone, gone, gone, gone, gone, moved, gone, gone, ok}
	}
	for _, path := range []string{"/units/khong-co", "/persons/khong-co", "/units/{id}?", "/persons/{id}?", "/rules/khong-co", "/rules/{kind}?", "/rules/series?id=khong-co", "/rules/calendar?id=x", "/rules/calendar"} {
		want["GET /office"+path] = []int{signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone}
	}
	want["POST /office/change"] = []int{signIn, gone, gone, gone, gone, gone, moved, gone, gone, 400}
	want["POST /office/persons/{id}/account"] = []int{signIn, gone, gone, gone, gone, gone, moved, gone, gone, gone}
	want["POST /office/persons/lan/account"] = []int{signIn, gone, gone, gone, gone, gone, moved, gone, gone, 400}
	want["GET /away"] = []int{signIn, gone, gone, gone, gone, gone, moved, ok, ok, ok}
	want["POST /away"] = []int{signIn, gone, gone, gone, gone, gone, moved, 400, 400, 400}
	for _, rt := range routes {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(want)), func(k string) bool {
			return k == rt.method+" "+rt.path || strings.HasPrefix(k, rt.method+" "+rt.path+"?")
		}) {
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
			if strings.HasPrefix(path, "/incoming/") {
				path = strings.ReplaceAll(path, "{id}", doc.Row.Document)
			}
			path = madePath(path)
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
			if slices.Contains([]string{"vanhanh", "thao.snv", "quan.snv"}, role) && (strings.Contains(a.body, doc.Row.Subject) || strings.Contains(a.body, doc.Row.Number)) {
				t.Errorf("%s shows %s a document", route, role)
			}
		}
	}
	// What is not yours looks exactly as what does not exist.
	v := newVisitor(t, server)
	v.signIn("vanthu.snv")
	for _, path := range []string{"/documents/{key}", "/documents/{key}/package/{sha256}", "/documents/{key}/attachments/{index}", "/documents/{key}/receipts/{position}", "/documents/{key}/attachments/{index}/signatures", "/documents/{key}/evidence"} {
		a, b := v.get(fill(foreign).Replace(path)), v.get(fill(view.Document{Row: view.RegisterRow{Document: keyOf("never was")}, Package: view.PackageInfo{SHA256: keyOf("nor this")}}).Replace(path))
		a.body, b.body = strings.ReplaceAll(a.body, foreign.Row.Document, "KEY"), strings.ReplaceAll(b.body, keyOf("never was"), "KEY")
		a.body, b.body = strings.ReplaceAll(a.body, foreign.Package.SHA256, "SUM"), strings.ReplaceAll(b.body, keyOf("nor this"), "SUM")
		a.body = strings.ReplaceAll(a.body, fmt.Sprintf("/receipts/%d", foreign.Package.Position), "/receipts/0")
		if a.StatusCode != 404 || b.StatusCode != 404 || a.body != b.body {
			t.Errorf("%s: somebody else's answers %s, one that never was %s; bodies equal: %v", path, a.Status, b.Status, a.body == b.body)
		}
	}
}

// madePath fills in what belongs to the agency's own document and dossier.
func madePath(path string) string {
	for prefix, id := range map[string]string{"/outgoing/": "di-1", "/dossiers/": "ho-so-1"} {
		if strings.HasPrefix(path, prefix) {
			path = strings.NewReplacer("{id}", id, "{sha256}", keyOf(id)).Replace(path)
		}
	}
	return path
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

// TestARightToOneDocumentOpensNoRegister: and the page of the auditor leads to that document.
func TestARightToOneDocumentOpensNoRegister(t *testing.T) {
	p := newTestPortal(t, nil)
	right := p.fixture.rights["kt-2026-07"]
	one := keyOf(orgInterior + "1040/SNV-TNXH")
	right.Parts[0].Document, right.Documents, right.Orgs = one, []string{one}, nil
	p.fixture.rights[right.ID] = right
	v := p.visitor(t, false)
	v.signIn("kiemtra")
	if a := v.get("/"); !strings.Contains(a.body, "/portal/documents/"+one) || strings.Contains(a.body, "/registers/") {
		t.Error("the page does not lead to the document alone")
	}
	for _, path := range []string{"/registers/incoming?org=" + orgInterior, "/not-taken?org=" + orgInterior} {
		if a := v.get(path); a.StatusCode != 404 {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	if a := v.get("/documents/" + one); a.StatusCode != 200 {
		t.Errorf("the document itself: %s", a.Status)
	}
	if a := v.get("/search?q=" + "bao+cao"); a.StatusCode != 303 {
		t.Errorf("search: %s", a.Status)
	}
}

// TestAFormThatDoesNotArriveIsGivenUp: a slow client holds a connection for a bounded time.
func TestAFormThatDoesNotArriveIsGivenUp(t *testing.T) {
	p := newTestPortal(t, nil)
	p.bodyTime = 50 * time.Millisecond
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "POST /portal/signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nuser")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("half a form: %s, expected 400", res.Status)
	}
}
