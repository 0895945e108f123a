package projections

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/internal/view"
)

// library is a log of documents from ubnd to sxd, each found by its number.
func library(t testing.TB) (*testLog, *Views) {
	l := newTestLog("search/log")
	l.organisations(t)
	for _, p := range []paperSpec{
		{number: "1", notation: "UBND-KT", subject: "Về việc đầu tư công trung hạn", typ: "Công văn", date: "2022-01-31"},
		{number: "2", notation: "QĐ-UBND", subject: "Phê duyệt Đề án chuyển đổi số", typ: "Quyết định", date: "2022-02-01"},
		{number: "3", notation: "UBND-NN", subject: "Về việc dau tu thủy lợi", typ: "Công văn", date: "2022-02-28"},
		{number: "4", notation: "UBND-NN", subject: "Khởi công công trình thuỷ lợi Cầu Sơn", typ: "Công văn", date: "2022-11-22"},
		{number: "7816", notation: "VPCP-TTĐT", subject: "Báo cáo kết quả", typ: "Báo cáo", date: "2022-11-23"},
		{number: "781", notation: "VPCP", subject: "Giấy mời họp; \"hoà bình\" (lần 2)", typ: "Giấy mời", date: "2022-12-01"},
		{number: "17816", notation: "VPCP-TTDT", subject: "NGHỊ QUYẾT HĐND TỈNH", typ: "Nghị quyết", date: "2023-01-01"},
		{number: "9", notation: "TB-UBND", subject: norm.NFD.String("Đường sắt Kép – Hạ Long"), typ: "Thông báo", date: "2021-12-31",
			facts: func(f *document.Facts) {
				f.Content = "Nội dung đầy đủ"
				f.Signer.Name = "Lê Ánh Dương"
				f.Attachments = []document.AttachmentFacts{{Name: "Bản_đồ quy hoạch.pdf"}}
			}},
	} {
		p.from, p.to = ubnd, []string{sxd}
		if p.number == "2" {
			p.to = []string{sxd, syt}
		}
		pos := l.receive(t, p)
		l.offer(t, p, pos, p.to...)
	}
	return l, openViews(t, viewsPath(t), l, Options{})
}

// numbers asks a register and gives the first parts of the numbers found, oldest first.
func numbers(t testing.TB, v *Views, q view.RegisterQuery) string {
	t.Helper()
	if q.Org == "" {
		q.Org = ubnd
	}
	if q.Direction == "" {
		q.Direction = view.Outgoing
	}
	if len(q.Reader.Orgs) == 0 {
		q.Reader = view.Reader{Orgs: []string{q.Org}}
	}
	page, err := v.Register(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	if page.Total != len(page.Rows) && page.Next == "" && q.Cursor == "" {
		t.Errorf("%+v: total %d, rows %d", q, page.Total, len(page.Rows))
	}
	var out []string
	for _, r := range page.Rows {
		n, _, _ := strings.Cut(r.Number, "/")
		out = append(out, n)
	}
	slices.Reverse(out)
	return strings.Join(out, " ")
}

func TestSearch(t *testing.T) {
	_, v := library(t)
	for _, c := range []struct {
		q    view.RegisterQuery
		want string
	}{
		// Words without diacritics find every spelling, words with them only theirs.
		{view.RegisterQuery{Words: "dau tu"}, "1 3"},
		{view.RegisterQuery{Words: "đầu tư"}, "1"},
		{view.RegisterQuery{Words: norm.NFD.String("đầu tư")}, "1"},
		{view.RegisterQuery{Words: "ĐẦU TƯ"}, "1"},
		{view.RegisterQuery{Words: "tu dau"}, "1 3"},
		{view.RegisterQuery{Words: "đâu tu"}, ""},
		{view.RegisterQuery{Words: "de an"}, "2"},
		{view.RegisterQuery{Words: "Đề án"}, "2"},
		{view.RegisterQuery{Words: "đẻ án"}, ""},
		{view.RegisterQuery{Words: "duong sat"}, "9"},
		{view.RegisterQuery{Words: "Ðường sắt"}, "9"}, // eth, and the document decomposed
		{view.RegisterQuery{Words: "đường sat"}, "9"},
		{view.RegisterQuery{Words: "nghi quyet hdnd"}, "17816"},
		{view.RegisterQuery{Words: "Nghị quyết HĐND"}, "17816"},
		{view.RegisterQuery{Words: "cong cong"}, "1 3 4"},
		// Either placement of the tone.
		{view.RegisterQuery{Words: "thủy lợi"}, "3 4"},
		{view.RegisterQuery{Words: "thuỷ lợi"}, "3 4"},
		{view.RegisterQuery{Words: "hòa bình"}, "781"},
		{view.RegisterQuery{Words: "hoà bình"}, "781"},
		// The last word is a beginning.
		{view.RegisterQuery{Words: "thuy lo"}, "3 4"},
		{view.RegisterQuery{Words: "thủy l"}, "3 4"},
		{view.RegisterQuery{Words: "thu lợi"}, ""},
		{view.RegisterQuery{Words: "chuyển đ"}, "2"},
		{view.RegisterQuery{Words: "chuyen d"}, "2"},
		{view.RegisterQuery{Words: "k"}, "1 4 7816 9"},
		{view.RegisterQuery{Words: "hoà"}, "781"},
		// Everything a document says of itself.
		{view.RegisterQuery{Words: "noi dung"}, "9"},
		{view.RegisterQuery{Words: "Ánh Dương"}, "9"},
		{view.RegisterQuery{Words: "ban do quy hoach pdf"}, "9"},
		{view.RegisterQuery{Words: "thong bao"}, "9"},
		{view.RegisterQuery{Words: "7816"}, "7816"},
		{view.RegisterQuery{Words: "7816/VPCP"}, "7816"},
		{view.RegisterQuery{Words: "cau son thuy loi khoi cong"}, "4"},
		{view.RegisterQuery{Words: "không có"}, ""},
		// Signs are no filter and no syntax.
		{view.RegisterQuery{Words: " -- \"*\" "}, "1 2 3 4 7816 781 17816 9"},
		{view.RegisterQuery{Words: "\"hoà bình\" (lần"}, "781"},
		{view.RegisterQuery{Words: "dau AND tu"}, ""},
		{view.RegisterQuery{Words: "dau OR xyz"}, ""},
		{view.RegisterQuery{Words: "@H02.05"}, ""}, // words "h02" and "05", not a token of ours
		{view.RegisterQuery{Words: ">H02.05"}, ""},
		{view.RegisterQuery{Words: "t:dau"}, ""},
		// Number and notation, in part.
		{view.RegisterQuery{Number: "7816/VPCP"}, "7816 17816"},
		{view.RegisterQuery{Number: "7816/VPCP-TTĐT"}, "7816 17816"},
		{view.RegisterQuery{Number: "816/vpcp-ttdt"}, "7816 17816"},
		{view.RegisterQuery{Number: " 7816 / VPCP "}, "7816 17816"},
		{view.RegisterQuery{Number: "VPCP-TT"}, "7816 17816"},
		{view.RegisterQuery{Number: "781/"}, "781"},
		{view.RegisterQuery{Number: "781"}, "7816 781 17816"},
		{view.RegisterQuery{Number: "17"}, "17816"},
		{view.RegisterQuery{Number: "1"}, "1 7816 781 17816"},
		{view.RegisterQuery{Number: "qđ"}, "2"},
		{view.RegisterQuery{Number: "2/QD-U"}, "2"},
		{view.RegisterQuery{Number: "T"}, "1 7816 17816 9"},
		{view.RegisterQuery{Number: "/"}, "1 2 3 4 7816 781 17816 9"},
		{view.RegisterQuery{Number: "7816_VPCP"}, ""},
		{view.RegisterQuery{Number: "%"}, ""},
		{view.RegisterQuery{Number: strings.Repeat("7816", 100)}, ""},
		{view.RegisterQuery{Words: strings.Repeat("dau tu ", 500)}, "1 3"},
		{view.RegisterQuery{Words: strings.Repeat("dau", 5000)}, ""},
		{view.RegisterQuery{TypeName: strings.Repeat("công văn ", 500)}, ""},
		{view.RegisterQuery{Number: "816/vpcp 17"}, ""},
		// Dates, both ends included.
		{view.RegisterQuery{From: "2022-01-31", To: "2022-02-28"}, "1 2 3"},
		{view.RegisterQuery{From: "2022-02-01", To: "2022-02-01"}, "2"},
		{view.RegisterQuery{From: "2022-02-02", To: "2022-02-27"}, ""},
		{view.RegisterQuery{From: "2022-11-23"}, "7816 781 17816"},
		{view.RegisterQuery{To: "2022-01-31"}, "1 9"},
		{view.RegisterQuery{From: "2021-12-31", To: "2023-01-01"}, "1 2 3 4 7816 781 17816 9"},
		{view.RegisterQuery{From: "1990-01-01", To: "2021-12-31"}, "9"},
		{view.RegisterQuery{From: "2023-01-01", To: "2022-01-01"}, ""},
		// Type, correspondent, state, and all together.
		{view.RegisterQuery{TypeName: "công văn"}, "1 3 4"},
		{view.RegisterQuery{TypeName: "Cong Van"}, "1 3 4"},
		{view.RegisterQuery{TypeName: "công"}, ""},
		{view.RegisterQuery{Correspondent: syt}, "2"},
		{view.RegisterQuery{Correspondent: sxd, Words: "duyet"}, "2"},
		{view.RegisterQuery{Correspondent: "H02.99"}, ""},
		{view.RegisterQuery{State: view.StateWaiting, Words: "thuy loi"}, "3 4"},
		{view.RegisterQuery{State: view.StateTaken}, ""},
		{view.RegisterQuery{Words: "thuy", TypeName: "Công văn", Number: "UBND-NN", From: "2022-03-01", To: "2022-12-31", Correspondent: sxd, State: view.StateWaiting}, "4"},
		// The other side.
		{view.RegisterQuery{Org: sxd, Direction: view.Incoming, Words: "dau tu"}, "1 3"},
		{view.RegisterQuery{Org: syt, Direction: view.Incoming, Words: "de an"}, "2"},
		{view.RegisterQuery{Org: syt, Direction: view.Incoming, Words: "dau tu"}, ""},
		{view.RegisterQuery{Org: sxd, Direction: view.Incoming, Correspondent: ubnd, Number: "781"}, "7816 781 17816"},
		{view.RegisterQuery{Org: sxd, Direction: view.Incoming, Correspondent: syt}, ""},
		{view.RegisterQuery{Org: sxd, Direction: view.Outgoing, Words: "dau tu"}, ""},
		{view.RegisterQuery{Org: sxd, Direction: view.Incoming, State: view.StateWaiting, From: "2022-12-01"}, "781 17816"},
	} {
		if got := numbers(t, v, c.q); got != c.want {
			t.Errorf("%+v: %q, expected %q", c.q, got, c.want)
		}
	}
}

// TestOwnRows: what stands in several rows of words, because recipients came later, is found once by each of its agencies, however many match.
func TestOwnRows(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	for _, v.few = range []int{0, fewPlaces} {
		for _, c := range []struct {
			q    view.RegisterQuery
			want string
		}{
			{view.RegisterQuery{Org: sxd, Direction: view.Incoming}, "7"},
			{view.RegisterQuery{Org: syt, Direction: view.Incoming}, "7"},
			{view.RegisterQuery{Org: bn, Direction: view.Incoming}, "7"},
			{view.RegisterQuery{Org: stp, Direction: view.Incoming}, ""},
			{view.RegisterQuery{Org: syt, Direction: view.Incoming, Correspondent: stp}, "7"},
			{view.RegisterQuery{Org: stp}, "7"},
			{view.RegisterQuery{Org: stp, Correspondent: sxd}, "7"},
			{view.RegisterQuery{Org: stp, Correspondent: syt}, "7"},
			{view.RegisterQuery{Org: sxd}, ""},
		} {
			c.q.Words = "gop y du thao"
			if got := numbers(t, v, c.q); got != c.want {
				t.Errorf("few %d, %+v: %q, expected %q", v.few, c.q, got, c.want)
			}
		}
	}
}

// TestFarCounts: in a long log, what words find is not counted unless it is little; what a period bounds is.
func TestFarCounts(t *testing.T) {
	_, v := library(t)
	v.few, v.reach = 1, 1
	for _, c := range []struct {
		q    view.RegisterQuery
		want int
	}{
		{view.RegisterQuery{Words: "cong"}, -1},
		{view.RegisterQuery{Words: "khoi cong"}, 1},
		{view.RegisterQuery{Number: "UBND"}, -1},
		{view.RegisterQuery{Words: "cong", From: "2022-01-01", To: "2022-12-31"}, 3},
		{view.RegisterQuery{}, 8},
	} {
		c.q.Reader, c.q.Org, c.q.Direction, c.q.Limit = view.Reader{Orgs: []string{ubnd}}, ubnd, view.Outgoing, 1
		page, err := v.Register(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != c.want || len(page.Rows) != 1 {
			t.Errorf("%+v: total %d, rows %d, expected %d and 1", c.q, page.Total, len(page.Rows), c.want)
		}
	}
}

func TestUnreadableQuestions(t *testing.T) {
	_, v := library(t)
	r := view.Reader{Orgs: []string{ubnd}}
	for _, q := range []view.RegisterQuery{
		{Direction: "sideways"}, {}, {Direction: view.Outgoing, Cursor: "x"}, {Direction: view.Outgoing, Cursor: "-1"},
		{Direction: view.Outgoing, From: "22/11/2022"}, {Direction: view.Outgoing, To: "2022-02-30"}, {Direction: view.Outgoing, State: "lost"},
	} {
		q.Reader, q.Org = r, ubnd
		if page, err := v.Register(t.Context(), q); err == nil || page.Rows != nil || !strings.Contains(err.Error(), view.ErrQuery.Error()) {
			t.Errorf("%+v: %v %v, expected %v", q, page, err, view.ErrQuery)
		}
	}
	for _, q := range []view.MailboxQuery{{State: "lost"}, {Kind: "letter"}} {
		q.Org = sxd
		if _, err := v.Mailbox(t.Context(), q); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

// TestPaging: the pages put together are the full list, whatever comes in between, and totals are the list's length.
func TestPaging(t *testing.T) {
	l := newTestLog("paging/log")
	l.organisations(t)
	subjects := []string{"đầu tư công", "dau tu", "kế hoạch", "báo cáo tháng"}
	n := 0
	more := func(t testing.TB, count int) {
		for range count {
			p := paperSpec{from: ubnd, number: fmt.Sprint(n), notation: "UBND", subject: subjects[n%4], typ: "Công văn",
				date: time.Date(2022, 1, 1+n%90, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), to: []string{sxd}}
			pos := l.receive(t, p)
			l.offer(t, p, pos, sxd)
			if n%3 == 0 {
				l.take(t, p, sxd)
			}
			n++
		}
	}
	more(t, 60)
	v := openViews(t, viewsPath(t), l, Options{})
	list := func(t *rapid.T, q view.RegisterQuery) (rows []string, total int) {
		for {
			page, err := v.Register(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if q.Cursor == "" {
				total = page.Total
			}
			for _, r := range page.Rows {
				rows = append(rows, r.Document)
			}
			if page.Next == "" {
				return rows, total
			}
			if len(page.Rows) != q.Limit {
				t.Fatalf("page of %d rows with a next one, expected %d", len(page.Rows), q.Limit)
			}
			q.Cursor = page.Next
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		v.few = rapid.SampledFrom([]int{0, 5, fewPlaces}).Draw(rt, "few")
		q := view.RegisterQuery{
			Reader: view.Reader{Audit: true}, Org: ubnd, Direction: view.Outgoing,
			Words:  rapid.SampledFrom([]string{"", "dau tu", "đầu tư", "k"}).Draw(rt, "words"),
			Number: rapid.SampledFrom([]string{"", "1", "12/"}).Draw(rt, "number"),
			State:  rapid.SampledFrom([]string{"", view.StateWaiting, view.StateTaken}).Draw(rt, "state"),
		}
		if rapid.Bool().Draw(rt, "dates") {
			q.From, q.To = "2022-01-10", "2022-02-20"
		}
		if rapid.Bool().Draw(rt, "incoming") {
			q.Org, q.Direction = sxd, view.Incoming
		}
		q.Limit = 500
		all, total := list(rt, q)
		if total != len(all) {
			rt.Fatalf("total %d of %d rows", total, len(all))
		}
		q.Limit = rapid.IntRange(1, 20).Draw(rt, "limit")
		first, err := v.Register(rt.Context(), q)
		if err != nil {
			rt.Fatal(err)
		}
		// What comes in between the pages stands before the first one.
		if rapid.Bool().Draw(rt, "grow") && n < 200 {
			more(t, 3)
			if err := v.CatchUp(rt.Context()); err != nil {
				rt.Fatal(err)
			}
		}
		var got []string
		for _, r := range first.Rows {
			got = append(got, r.Document)
		}
		if first.Next != "" {
			q.Cursor = first.Next
			rest, _ := list(rt, q)
			got = append(got, rest...)
		}
		if !slices.Equal(got, all) {
			rt.Fatalf("pages give %d rows, the list %d", len(got), len(all))
		}
		if seen := slices.Compact(slices.Sorted(slices.Values(got))); len(seen) != len(got) {
			rt.Fatalf("%d rows stand twice", len(got)-len(seen))
		}
	})
}

// FuzzSearch: no text is an error, and what is found by words holds them.
func FuzzSearch(f *testing.F) {
	_, v := library(f)
	for _, s := range []string{"", "đầu tư", "\"", "a* OR b", "NEAR(a b)", "{t}: x", "^a", "-a", "\x00", "\xff", "' OR 1=1 --", "#781", "@H02", "%", "_", "*", "7816/VPCP-TTĐT"} {
		f.Add(s, s, s, s)
	}
	f.Fuzz(func(t *testing.T, words, number, typ, correspondent string) {
		for _, dir := range []view.Direction{view.Outgoing, view.Incoming} {
			q := view.RegisterQuery{Reader: view.Reader{Audit: true}, Org: ubnd, Direction: dir, Words: words, Number: number, TypeName: typ, Correspondent: correspondent}
			page, err := v.Register(t.Context(), q)
			if err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			if page.Total != len(page.Rows) {
				t.Fatalf("%+v: total %d, rows %d", q, page.Total, len(page.Rows))
			}
			for _, r := range page.Rows {
				if n := foldNumber(number); !strings.Contains(foldNumber(r.Number), n) {
					t.Fatalf("%q found by number %q", r.Number, number)
				}
			}
		}
		// A whole word of the library, after whatever was typed, still finds or excludes without error.
		if _, err := v.Register(t.Context(), view.RegisterQuery{Reader: view.Reader{Audit: true}, Org: ubnd, Direction: view.Outgoing, Words: words + " " + number}); err != nil {
			t.Fatal(err)
		}
	})
}
