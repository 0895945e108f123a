package portal

import (
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/bilingual"
	"github.com/tram-exchange/tram/internal/view"
	"golang.org/x/net/html"
)

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
	p.fixture.log.Ours = append(p.fixture.log.Ours, Witness{Name: nasty, State: nasty, Error: nasty, Since: testNow})
	p.fixture.log.Others = append(p.fixture.log.Others, WitnessedLog{Origin: nasty, Name: nasty, Bad: true})
	p.fixture.log.Alarms = append(p.fixture.log.Alarms, LogAlarm{Log: nasty, Kind: nasty, Detail: nasty, First: nasty}, LogAlarm{Log: nasty, Own: true, Kind: AlarmSplit, Detail: nasty})
	p.fixture.proofs.published.Text, p.fixture.proofs.published.Key = []byte(nasty), nasty
	p.fixture.proofs.runs = append([]Verification{{ID: nasty, By: nasty, Stage: nasty, Started: testNow, Done: 5, Total: 4},
		{ID: nasty, By: nasty, Started: testNow, Ended: testNow, Outcome: OutcomeWrong, Problem: nasty, Has: true, Means: bilingual.Raw(nasty), Open: []bilingual.Text{bilingual.Raw(nasty)}, Report: true}}, p.fixture.proofs.runs...)
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	q := url.QueryEscape(nasty[:300])
	for role, paths := range map[string][]string{
		"vanthu.snv": {"/", "/registers/incoming", "/registers/incoming?words=" + q + "&number=" + q + "&from=" + q + "&with=" + q + "&type=" + q + "&state=" + q + "&after=" + q, "/registers/incoming/print", "/registers/outgoing", "/search?q=" + q,
			"/not-taken", "/documents/" + d.doc.Row.Document, "/account", "/help", "/" + url.PathEscape(nasty[:200])},
		"vanhanh": {"/health", "/proofs"}, "kiemtra": {"/", "/registers/incoming?org=" + orgInterior, "/proofs"},
		"thanhtra": {"/", "/?agency=" + q, "/search", "/search?q=" + q + "&from=" + q + "&sender=" + q + "&recipient=" + q + "&type=" + q + "&after=" + q}, "": {"/signin?next=" + q},
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
	if a := v.get(base); a.StatusCode != 200 || !strings.Contains(a.body, "12/QĐ-TTLT") || !strings.Contains(a.body, "Văn bản đã huỷ nội dung") ||
		strings.Contains(a.body, "Chưa rõ số") || strings.Contains(a.body, "/attachments/") {
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
		orgDistrict + "388/UBND-NN": {"Tờ trình số 388/UBND-NN", "Cơ quan bảo đảm thay", "Chưa đủ căn cứ kết luận", "Chữ ký hợp lệ", "OUT_OF_BOUNDS_NO_POE", "PKCS#1 v1.5 còn được nhận", "Tải hồ sơ bằng chứng", "Xem chữ ký trong tệp", "Chữ ký chỉ bao trùm một phần", "1 trong 3 nơi nhận đã nhận",
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
