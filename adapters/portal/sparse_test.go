package portal

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestSparseLists: a page on which nothing has matched yet leads on, and is not said to be all; a sheet reads on to the end, and no further
// than its bound.
func TestSparseLists(t *testing.T) {
	p := newTestPortal(t, nil)
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	v := newVisitor(t, server)
	v.signIn("lan.snv")
	for _, path := range []string{"/incoming", "/outgoing"} {
		full := v.get(path + "/print?list=all")
		lines := strings.Count(full.body, "<tr")
		if full.StatusCode != 200 || lines < 3 {
			t.Fatalf("%s: status %d, %d lines", path, full.StatusCode, lines)
		}
		p.office.sparse = 3
		a := v.get(path + "?list=all")
		if !strings.Contains(a.body, "Chưa thấy văn bản nào khớp") || !strings.Contains(a.body, "after=e1") || strings.Contains(a.body, "bỏ bớt điều kiện") {
			t.Errorf("%s: an empty page does not lead on", path)
		}
		if b := v.get(path + "?list=all&after=e3"); !strings.Contains(b.body, "<tbody") {
			t.Errorf("%s: nothing on the page led to", path)
		}
		if got := strings.Count(v.get(path+"/print?list=all").body, "<tr"); got != lines {
			t.Errorf("%s: %d lines printed behind empty pages, expected %d", path, got, lines)
		}
		p.office.sparse = sheetPages
		unread := v.get(path + "/print?list=all")
		if got := strings.Count(unread.body, "<tr"); got >= lines || !strings.Contains(unread.body, "dài quá mức đọc một lần") || strings.Contains(unread.body, "bỏ bớt điều kiện") {
			t.Errorf("%s: %d lines printed behind more pages than may be read, or it does not say so", path, got)
		}
		p.office.sparse = 0
	}
	if s := v.get("/search?q=" + url.QueryEscape("đầu tư")); s.StatusCode != 200 || strings.Contains(s.body, "Chưa thấy văn bản nào khớp") {
		t.Errorf("search: status %d, or what is all is said not to be", s.StatusCode)
	}
	p.office.sparse = 3
	s := v.get("/search?q=" + url.QueryEscape("đầu tư"))
	if n := strings.Count(s.body, "Chưa thấy văn bản nào khớp"); n != 2 || !strings.Contains(s.body, "after=e1&amp;list=all&amp;words=") || !strings.Contains(s.body, "/outgoing?list=all&amp;words=") {
		t.Errorf("search: %d sections lead on, expected those of incoming and outgoing documents", n)
	}
}
