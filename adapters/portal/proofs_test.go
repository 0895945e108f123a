package portal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// TestFindAcrossAgencies: one box finds by words, number or date over every agency the right covers, and nothing beyond it.
func TestFindAcrossAgencies(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("thanhtra")
	for _, c := range []struct {
		path  string
		has   []string
		lacks []string
	}{
		{"/search?q=mua+l%C5%A9", []string{"388/UBND-NN", "6188/CĐ-UBND", "Hiểu là từ"}, []string{"1042/SNV"}},
		{"/search?q=1042/SNV", []string{"1042/SNV-TCCC"}, []string{"388/UBND-NN"}},
		{"/search?q=22/11/2026", []string{"388/UBND-NN", "6188/CĐ-UBND", "1041/SNV-CCHC"}, []string{"512/SNN-TL"}},
		{"/search?sender=H02.09", []string{"512/SNN-TL", "513/SNN-TL"}, []string{"388/UBND-NN"}},
		{"/search?sender=H02.31&recipient=H02.09", []string{"388/UBND-NN"}, []string{"512/SNN-TL"}},
		{"/search?from=30/02/2026", []string{"không phải ngày", "388/UBND-NN"}, nil},
		{"/search?from=23/11/2026&to=01/11/2026", []string{"Hãy đổi lại"}, nil},
		{"/search?sender=nobody", []string{"không có cơ quan nào là"}, nil},
		{"/search?q=kh%C3%B4ng+h%E1%BB%81+c%C3%B3", []string{"Không có văn bản nào khớp"}, nil},
		{"/search?after=bogus", []string{"không mở được nữa", "388/UBND-NN"}, nil},
		{"/", []string{"6188/CĐ-UBND", "Sở Nội vụ tỉnh Bắc Giang", `name="q"`}, nil},
	} {
		a := v.get(c.path)
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", c.path, a.Status)
		}
		for _, s := range c.has {
			if !strings.Contains(a.body, s) && !strings.Contains(strings.ToLower(a.body), strings.ToLower(s)) {
				t.Errorf("%s lacks %q", c.path, s)
			}
		}
		for _, s := range c.lacks {
			if strings.Contains(a.body, s) {
				t.Errorf("%s shows %q", c.path, s)
			}
		}
	}
	next := v.get("/search")
	if !strings.Contains(next.body, "after=30") {
		t.Fatal("no way to the second page")
	}
	if a := v.get("/search?after=30&n=30"); !strings.Contains(a.body, "Mục 31–") {
		t.Error("the second page does not say where it is")
	}
	// A right over one agency finds that agency's documents only.
	one := p.visitor(t, false)
	one.signIn("kiemtra")
	p.fixture.add(orgDistrict, "77/UBND", "Công văn", "riêng của huyện", testNow, 0, orgAgri, view.StateWaiting)
	if a := one.get("/search?q=rieng+cua+huyen"); strings.Contains(a.body, "77/UBND") {
		t.Error("shows a document of agencies that the right does not cover")
	}
	if a := v.get("/search?q=rieng+cua+huyen"); !strings.Contains(a.body, "77/UBND") {
		t.Error("the auditor of all agencies does not find it")
	}
}

// TestVerifyNow goes through a verification as the page shows it: begun, under way, ended well and ended badly.
func TestVerifyNow(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("kiemtra")
	if a := v.get("/proofs"); !strings.Contains(a.body, "Kiểm chứng ngay") || !strings.Contains(a.body, "Đúng: không có gì bị sửa") || strings.Contains(a.body, "every 2s") {
		t.Error("the page does not show the last verification and how to begin another")
	}
	if a := v.post("/proofs/verify"); a.StatusCode != http.StatusSeeOther {
		t.Fatal(a.Status)
	}
	a := v.get("/proofs")
	for _, s := range []string{"Đang kiểm chứng", "37 %", `aria-valuenow="37"`, "every 2s"} {
		if !strings.Contains(a.body, s) {
			t.Errorf("the running verification lacks %q", s)
		}
	}
	if strings.Contains(a.body, "Kiểm chứng ngay") {
		t.Error("a second one could be begun")
	}
	if a := v.post("/proofs/verify"); a.StatusCode != http.StatusSeeOther || len(p.fixture.proofs.runs) != 3 {
		t.Errorf("begun twice: %s, %d runs", a.Status, len(p.fixture.proofs.runs))
	}
	p.fixture.proofs.end(func(r *Verification) {
		r.Outcome, r.Problem, r.Position, r.Has = OutcomeWrong, "statement: hash differs", 4123, true
	})
	if a := v.get("/proofs"); !strings.Contains(a.body, "Tại vị trí 4.123") || !strings.Contains(a.body, "statement: hash differs") || !strings.Contains(a.body, "Sai: có điều không khớp") {
		t.Error("what is wrong is not said")
	}
	if a := v.get("/proofs/reports/20261121-070000"); !strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") || a.Header.Get("Content-Disposition") != "inline" {
		t.Errorf("the report comes with %q, %q", a.Header.Get("Content-Security-Policy"), a.Header.Get("Content-Disposition"))
	}
	if a := v.get("/proofs/checkpoint"); a.body != string(p.fixture.proofs.published.Text) || !strings.Contains(a.Header.Get("Content-Disposition"), "checkpoint-4300.txt") {
		t.Errorf("the head to keep is %q as %q", a.body, a.Header.Get("Content-Disposition"))
	}
	// Whose right has ended may look, and begin nothing.
	old := p.visitor(t, false)
	old.signIn("kiemtra.cu")
	if a := old.get("/proofs"); strings.Contains(a.body, "Kiểm chứng ngay") {
		t.Error("an auditor without a right could begin one")
	}
	if a := old.get("/proofs/reports/20261121-070000"); a.StatusCode != http.StatusNotFound {
		t.Errorf("an auditor without a right gets a report: %s", a.Status)
	}
}

// TestAlarmsStandFirst: a witness that saw another history is shown in red where auditor and operator begin.
func TestAlarmsStandFirst(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("kiemtra")
	for _, path := range []string{"/", "/proofs"} {
		a := v.get(path)
		at := strings.Index(a.body, `role="alert"`)
		if at < 0 || at > strings.Index(a.body, `class="card`) || !strings.Contains(a.body, "ngắn hơn sổ mà bên chứng kiến đã thấy") {
			t.Errorf("%s: the alarm does not stand first", path)
		}
	}
	p.fixture.log, p.fixture.proofs.published, p.fixture.proofs.runs = Witnesses{}, nil, nil
	if a := v.get("/proofs"); !strings.Contains(a.body, "Chưa cấu hình bên chứng kiến") || !strings.Contains(a.body, "Chưa có đầu nhật ký nào") || !strings.Contains(a.body, "chưa được kiểm chứng") {
		t.Error("an empty state is not said")
	}
	if a := v.get("/proofs/checkpoint"); a.StatusCode != http.StatusNotFound {
		t.Errorf("no published head: %s", a.Status)
	}
}

// TestFindAsOfADay: an auditor searches the record as it stood, and what is found leads to the document as it stood.
func TestFindAsOfADay(t *testing.T) {
	p, past := newPastPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("thanhtra")
	if a := v.get("/search"); !strings.Contains(a.body, `type="date" name="at"`) || !strings.Contains(a.body, "6188/CĐ-UBND") || past.opened > 0 {
		t.Error("the search of now has no date control, or is of the past")
	}
	day := testNow.AddDate(0, 0, -2).Format(time.DateOnly)
	a := v.get("/search?at=" + day)
	for _, want := range []string{"Bạn đang xem quá khứ", "6120/UBND-TH", "?at=" + day + `"`, `<input type="hidden" name="at" value="` + day} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s on the page", want)
		}
	}
	if strings.Contains(a.body, "6188/CĐ-UBND") || past.opened != 1 {
		t.Errorf("it finds what came later, or the past was opened %d times", past.opened)
	}
	past.err = &view.BuildingError{Read: 40, Size: 100}
	if a := v.get("/search?at=" + day); a.StatusCode != http.StatusAccepted || a.Header.Get("Refresh") == "" {
		t.Errorf("while the past is made: %s", a.Status)
	}
}
