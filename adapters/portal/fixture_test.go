package portal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/signing/verdict"
)

// The fixture is a small read side and node in memory that keeps the contract of package view: what the reader may
// not see is not there. It holds a believable day of a province.

const (
	orgInterior   = "H02.15" // Sở Nội vụ
	orgAgri       = "H02.09" // Sở Nông nghiệp
	orgOffice     = "H02.01" // Văn phòng UBND
	orgDistrict   = "H02.31" // huyện
	orgGovernment = "G22"    // Văn phòng Chính phủ, another node
	orgOld        = "000.00.15.H02"
)

var testNow = time.Date(2026, 11, 22, 9, 41, 0, 0, vietnamTime)

type clockwork struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clockwork) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clockwork) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type fakeDoc struct {
	doc      view.Document
	sender   string
	to       map[string]string // recipient → state
	verdict  Verdict
	inside   map[int]FileSignatures
	pkg      []byte
	files    []fakeFile
	statuses map[string][]byte
}

type fakeFile struct {
	name, contentType string
	body              []byte
}

type fixture struct {
	clock  *clockwork
	orgs   map[string]Organisation
	docs   []*fakeDoc // oldest first
	rights map[string]ReadingRight
	checks []Check
	broken error                                        // every question fails with it
	acted  func(sum string, index int) (fakeFile, bool) // files that came with acts

	authorities []Authority
	stamp       Stamp
	proofs      *fakeProofs
	log         Witnesses
}

func keyOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func newFixture(clock *clockwork) *fixture {
	f := &fixture{clock: clock, orgs: map[string]Organisation{}, rights: map[string]ReadingRight{}, proofs: newFakeProofs(clock)}
	for _, o := range []Organisation{
		{Org: orgInterior, Code: "H02.15", Name: "Sở Nội vụ tỉnh Bắc Giang", Identities: []string{orgInterior, orgOld}, Local: true},
		{Org: orgAgri, Code: "H02.09", Name: "Sở Nông nghiệp và Phát triển nông thôn tỉnh Bắc Giang", Identities: []string{orgAgri}, Local: true},
		{Org: orgOffice, Code: "H02.01", Name: "Văn phòng Ủy ban nhân dân tỉnh Bắc Giang", Identities: []string{orgOffice}, Local: true},
		{Org: orgDistrict, Code: "H02.31", Name: "Ủy ban nhân dân huyện Lục Ngạn", Identities: []string{orgDistrict}, Local: true},
		{Org: orgGovernment, Code: "G22", Name: "Văn phòng Chính phủ", Identities: []string{orgGovernment}},
	} {
		f.orgs[o.Org] = o
	}
	right := func(id string, org string, from, to time.Time) {
		r := ReadingRight{ID: id, Parts: []RightTo{{ID: id, Org: org, From: from, To: to}}, All: org == ""}
		if org != "" {
			r.Orgs = []string{org}
		}
		f.rights[id] = r
	}
	right("kt-2026-07", orgInterior, testNow.AddDate(0, -1, 0), testNow.AddDate(0, 1, 0))
	right("kt-toan-tinh", "", testNow.AddDate(0, -1, 0), testNow.AddDate(0, 1, 0))
	right("kt-2025-01", orgInterior, testNow.AddDate(-2, 0, 0), testNow.AddDate(-1, 0, 0))
	return f
}

// add puts a document into the record at a time. Recipients and their states come in pairs.
func (f *fixture) add(sender, number, typeName, subject string, at time.Time, priority int, to ...string) *fakeDoc {
	d := &fakeDoc{sender: sender, to: map[string]string{}, inside: map[int]FileSignatures{}, statuses: map[string][]byte{}}
	d.pkg = []byte("<edXML>" + number + subject + "</edXML>")
	sum := sha256.Sum256(d.pkg)
	from := f.orgs[sender]
	position := uint64(len(f.docs)*7 + 100)
	row := view.RegisterRow{Document: keyOf(sender + number), Number: number, Date: at.Format("2006-01-02"), TypeName: typeName, Subject: subject,
		Signer: "Nguyễn Thị Hương", From: view.Party{Org: sender, Code: from.Code, Name: from.Name}, Copies: "1", SentAt: at, ArrivedAt: at.Add(2 * time.Second),
		Priority: priority, Assurance: "own"}
	d.doc = view.Document{Stream: "document/" + row.Document, DocumentID: sender + "," + at.Format("2006/01/02") + "," + number, Place: "Bắc Giang",
		Package: view.PackageInfo{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(d.pkg)), Position: position, At: at, Assurance: "own", Evidence: keyOf("evidence" + number)}}
	d.doc.History = append(d.doc.History, view.HistoryEntry{Position: position, At: at, Name: "document.received.v1", Actor: sender, Client: "cert:9f2c11aa87de01", Package: d.doc.Package.SHA256})
	worst := view.StateAcknowledged
	for i := 0; i+1 < len(to); i += 2 {
		org, state := to[i], to[i+1]
		o := f.orgs[org]
		party := view.Party{Org: org, Code: o.Code, Name: o.Name}
		row.To = append(row.To, party)
		d.to[org] = state
		r := view.RecipientState{Party: party, Delivery: keyOf(number + org), State: state, Since: at.Add(time.Minute)}
		detail := map[string]string{}
		if !o.Local {
			r.Peer = "vpcp.tram.example/log"
			detail["node"] = r.Peer
		}
		position++
		d.doc.History = append(d.doc.History, view.HistoryEntry{Position: position, At: at.Add(time.Second), Name: "delivery.offered.v1", Actor: "node", Client: "node", Org: org, Detail: detail})
		position++
		switch state {
		case view.StateAcknowledged:
			d.doc.History = append(d.doc.History, view.HistoryEntry{Position: position, At: at.Add(time.Minute), Name: "delivery.acknowledged.v1", Actor: org, Client: "token:qlvb-" + strings.ToLower(org), Org: org})
			r.LastStatus, r.StatusAt = "03", at.Add(2*time.Minute)
			d.doc.Statuses = append(d.doc.Statuses, view.StatusRow{Code: "03", From: party, At: at.Add(2 * time.Minute), Timestamp: at.Add(2 * time.Minute).Format("2006/01/02 15:04:05"), Staff: "Trần Văn Bình", Description: "Đã tiếp nhận, vào sổ văn bản đến", Package: keyOf("status" + number + org), Position: position})
			d.statuses[keyOf("status"+number+org)] = []byte("<edXML>03</edXML>")
		case view.StateFailed:
			r.Reason = "unreachable"
			d.doc.History = append(d.doc.History, view.HistoryEntry{Position: position, At: at.Add(time.Minute), Name: "delivery.failed.v1", Actor: "node", Client: "node", Org: org, Detail: map[string]string{"reason": "unreachable"}})
			worst = view.StateFailed
		}
		if worst != view.StateFailed && (state == view.StateWaiting || state == view.StateQueued || state == view.StateTaken) {
			worst = state
		}
		d.doc.Recipients = append(d.doc.Recipients, r)
	}
	row.State = worst
	d.doc.Row = row
	d.verdict = Verdict{At: at, Signatures: []Signature{{Kind: KindOrganisation, Signer: from.Name, Organisation: from.Name, Subject: "CN=" + from.Name + ",O=" + from.Name + ",C=VN",
		Issuer: "CN=CA thử nghiệm Trạm,C=VN", Serial: "4f11a9c02277d3", NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(1, 0, 0), Algorithm: "RSA-2048, SHA-256", Whole: true, Valid: true, Conclusion: verdict.Conclusion{Indication: verdict.TotalPassed},
		Checks:  []verdict.Check{{ID: "format", Result: verdict.Passed, Vi: "Chữ ký đúng chuẩn XML.", En: "The signature is well formed."}, {ID: "legacy-padding", Result: verdict.Warning, Vi: "Kiểu đệm PKCS#1 v1.5 còn được nhận.", En: "PKCS#1 v1.5 padding is still accepted."}},
		Results: []string{ResultIntact, ResultWhole, ResultChain, ResultInValidity, ResultBound, ResultRevocationNotChecked, ResultTimeReceived}}}}
	f.docs = append(f.docs, d)
	return d
}

func (d *fakeDoc) attach(name, contentType string, body []byte) *fakeDoc {
	d.doc.Attachments = append(d.doc.Attachments, view.Attachment{Index: len(d.files), Name: name, ContentType: contentType, Size: int64(len(body))})
	d.files = append(d.files, fakeFile{name, contentType, body})
	d.doc.Row.Attachments = len(d.files)
	return d
}

func (f *fixture) sees(r view.Reader, d *fakeDoc) bool {
	touches := func(org string) bool { _, to := d.to[org]; return d.sender == org || to }
	if slices.ContainsFunc(r.Orgs, touches) || r.Audit {
		return true
	}
	right, err := f.ReadingRight(context.Background(), r.Right, r.Now)
	return err == nil && (right.All || slices.ContainsFunc(right.Orgs, touches) || slices.Contains(right.Documents, d.doc.Row.Document))
}

func (f *fixture) Register(_ context.Context, q view.RegisterQuery) (view.Page[view.RegisterRow], error) {
	page := view.Page[view.RegisterRow]{AsOf: uint64(len(f.docs) * 10)}
	if f.broken != nil {
		return page, f.broken
	}
	start := 0
	if q.Cursor != "" {
		n, err := strconv.Atoi(q.Cursor)
		if err != nil {
			return page, fmt.Errorf("couldn't read cursor %q", q.Cursor)
		}
		start = n
	}
	limit := q.Limit
	if limit == 0 {
		limit = 50
	}
	plain := func(s string) string { return strings.ToLower(withoutMarks(s)) }
	var all []view.RegisterRow
	for _, d := range slices.Backward(f.docs) {
		row := d.doc.Row
		state, to := d.to[q.Org]
		if !f.sees(q.Reader, d) || q.Direction == view.Outgoing && d.sender != q.Org || q.Direction == view.Incoming && !to {
			continue
		}
		if q.Direction == view.Incoming {
			row.State = state
		}
		words := true
		for _, w := range strings.Fields(q.Words) {
			words = words && strings.Contains(plain(row.Subject), plain(w))
		}
		other := q.Correspondent == "" || row.From.Org == q.Correspondent && q.Direction == view.Incoming || q.Direction == view.Outgoing && d.to[q.Correspondent] != ""
		if !words || !other || q.State != "" && row.State != q.State || q.Number != "" && !strings.Contains(plain(row.Number), plain(q.Number)) ||
			q.From != "" && row.Date < q.From || q.To != "" && row.Date > q.To || q.TypeName != "" && row.TypeName != q.TypeName {
			continue
		}
		all = append(all, row)
	}
	page.Total = len(all)
	end := min(start+limit, len(all))
	page.Rows = all[min(start, len(all)):end]
	if end < len(all) {
		page.Next = strconv.Itoa(end)
	}
	return page, nil
}

func (f *fixture) find(r view.Reader, key string) (*fakeDoc, error) {
	if f.broken != nil {
		return nil, f.broken
	}
	for _, d := range f.docs {
		if d.doc.Row.Document == key && f.sees(r, d) {
			return d, nil
		}
	}
	return nil, view.ErrNotFound
}

func (f *fixture) Document(_ context.Context, r view.Reader, key string) (view.Document, error) {
	d, err := f.find(r, key)
	if err != nil {
		return view.Document{}, err
	}
	return d.doc, nil
}

func (f *fixture) NotTaken(_ context.Context, r view.Reader, org string, limit int) ([]view.Pending, error) {
	if f.broken != nil {
		return nil, f.broken
	}
	var out []view.Pending
	for _, d := range f.docs {
		if d.sender != org || !f.sees(r, d) {
			continue
		}
		for _, rec := range d.doc.Recipients {
			if slices.Contains([]string{view.StateWaiting, view.StateQueued, view.StateFailed}, rec.State) && len(out) < limit {
				row := d.doc.Row
				out = append(out, view.Pending{Document: row.Document, Number: row.Number, Subject: row.Subject, From: row.From, To: rec.Party, State: rec.State, Since: rec.Since, Priority: row.Priority})
			}
		}
	}
	return out, nil
}

func (f *fixture) MayRead(_ context.Context, r view.Reader, sum string) (string, error) {
	for _, d := range f.docs {
		if f.sees(r, d) && (d.doc.Package.SHA256 == sum || d.statuses[sum] != nil) {
			return d.doc.Row.Document, nil
		}
	}
	return "", view.ErrNotFound
}

func (f *fixture) viewHealth() view.Health {
	return view.Health{Position: 4312, Lag: 120 * time.Millisecond, Counts: map[string]int64{"documents": int64(len(f.docs)), "deliveries": 3180, "statuses": 912, "words": 7}}
}

// fakeViews and fakeNode are two faces of the fixture, because both have a method called Health.
type fakeViews struct{ *fixture }
type fakeNode struct{ *fixture }

func (v fakeViews) Health(context.Context) (view.Health, error) { return v.viewHealth(), nil }
func (n fakeNode) Health(context.Context) ([]Check, error)      { return n.checks, n.broken }

type bytesPackage struct{ *bytes.Reader }

func (bytesPackage) Close() error { return nil }

func (f *fixture) OpenPackage(_ context.Context, sum string) (Package, error) {
	for _, d := range f.docs {
		if d.doc.Package.SHA256 == sum {
			return bytesPackage{bytes.NewReader(d.pkg)}, nil
		}
		if b := d.statuses[sum]; b != nil {
			return bytesPackage{bytes.NewReader(b)}, nil
		}
	}
	if f.acted != nil {
		if _, ok := f.acted(sum, 0); ok {
			return bytesPackage{bytes.NewReader([]byte("<DossierAction/>"))}, nil
		}
	}
	return nil, view.ErrNotFound
}

func (f *fixture) Receipt(_ context.Context, position uint64) ([]byte, error) {
	return fmt.Appendf(nil, "c2sp.org/tlog-proof@v1\nindex %d\n", position), nil
}

func (f *fixture) Verdict(_ context.Context, sum string) (Verdict, error) {
	for _, d := range f.docs {
		if d.doc.Package.SHA256 == sum {
			return d.verdict, nil
		}
	}
	return Verdict{}, view.ErrNotFound
}

func (f *fixture) Attachment(_ context.Context, sum string, index int) (Attachment, error) {
	for _, d := range f.docs {
		if d.doc.Package.SHA256 == sum && index >= 0 && index < len(d.files) {
			file := d.files[index]
			return Attachment{Name: file.name, ContentType: file.contentType, Size: int64(len(file.body)), Body: io.NopCloser(bytes.NewReader(file.body))}, nil
		}
	}
	if f.acted != nil {
		if file, ok := f.acted(sum, index); ok {
			return Attachment{Name: file.name, ContentType: file.contentType, Size: int64(len(file.body)), Body: io.NopCloser(bytes.NewReader(file.body))}, nil
		}
	}
	return Attachment{}, view.ErrNotFound
}

func (f *fixture) FileSignatures(_ context.Context, sum string, index int) (FileSignatures, error) {
	for _, d := range f.docs {
		if d.doc.Package.SHA256 == sum && index >= 0 && index < len(d.files) {
			return d.inside[index], nil
		}
	}
	if f.acted != nil {
		if file, ok := f.acted(sum, index); ok {
			return FileSignatures{Name: file.name, Problem: ProblemNotPDF}, nil
		}
	}
	return FileSignatures{}, view.ErrNotFound
}

func (f *fixture) WriteEvidence(ctx context.Context, key string, reader Sight, w io.Writer) error {
	if f.broken != nil {
		return f.broken
	}
	for _, d := range f.docs {
		if d.doc.Row.Document != key {
			continue
		}
		if ok, err := reader.Package(ctx, d.doc.Package.SHA256); err != nil || !ok || !reader.Position(d.doc.Package.Position) || reader.Position(1<<50) {
			return fmt.Errorf("couldn't see what the page shows: %w", err)
		}
		_, err := io.WriteString(w, "PK\x03\x04 evidence of "+key)
		return err
	}
	return view.ErrNotFound
}

func (f *fixture) Proved(_ context.Context, position uint64) (Stamp, error) {
	if position > f.stamp.Size {
		return Stamp{}, view.ErrNotFound
	}
	return f.stamp, nil
}

func (f *fixture) Authorities(context.Context) ([]Authority, error) { return f.authorities, f.broken }

func (f *fixture) Head(context.Context) (Head, error) {
	return Head{Origin: "tram.bacgiang.example/log", Size: 4312, Root: "xJ9bU0fAT2m8Jw5dV2n1Yc3oQe6zKk7rPpR4sSvW0aA=", Time: f.clock.now()}, nil
}

func (f *fixture) Organisation(_ context.Context, org string) (Organisation, error) {
	if o, ok := f.orgs[org]; ok {
		return o, nil
	}
	return Organisation{}, view.ErrNotFound
}

func (f *fixture) Organisations(_ context.Context, text string, limit int) ([]Organisation, error) {
	plain := func(s string) string { return strings.ToLower(withoutMarks(s)) }
	var out []Organisation
	for _, o := range f.orgs {
		if strings.Contains(plain(o.Name), plain(text)) || strings.Contains(plain(o.Code), plain(text)) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b Organisation) int { return strings.Compare(a.Name, b.Name) })
	return out[:min(limit, len(out))], nil
}

func (f *fixture) ReadingRight(_ context.Context, id string, at time.Time) (ReadingRight, error) {
	r, ok := f.rights[id]
	if !ok || at.Before(r.Parts[0].From) || !at.Before(r.Parts[0].To) {
		return ReadingRight{}, view.ErrNotFound
	}
	return r, nil
}

func (f *fixture) Now() time.Time { return f.clock.now() }

// day fills the record with two weeks of a province's work.
func (f *fixture) day() {
	at := func(daysAgo, hour, minute int) time.Time {
		return time.Date(2026, 11, 22-daysAgo, hour, minute, 12, 0, vietnamTime)
	}
	ack, wait, queued := view.StateAcknowledged, view.StateWaiting, view.StateQueued
	subjects := []string{"về việc rà soát vị trí việc làm trong các cơ quan hành chính", "kết quả thực hiện cải cách hành chính tháng 11 năm 2026",
		"về việc triển khai đợt thi đua chào mừng Đại hội", "đề nghị cung cấp số liệu biên chế năm 2026", "tổ chức lớp bồi dưỡng kỹ năng số cho cán bộ cấp xã"}
	types := []string{"Công văn", "Báo cáo", "Kế hoạch", "Công văn", "Thông báo"}
	for d := 13; d >= 1; d-- {
		for i := range 1 + (d*7)%5 {
			f.add(orgInterior, fmt.Sprintf("%d/SNV-VP", 900+d*10+i), types[(d+i)%5], subjects[(d+i)%5], at(d, 8+i, 5*i), 0, orgOffice, ack, orgAgri, ack)
		}
		for i := range 2 + (d*3)%6 {
			f.add(orgOffice, fmt.Sprintf("%d/UBND-NC", 6000+d*10+i), types[(d+i+2)%5], subjects[(d+i+2)%5], at(d, 9+i, 3*i), i%2, orgInterior, ack, orgDistrict, ack)
		}
	}
	old := f.add(orgOffice, "6120/UBND-TH", "Công văn", "về việc báo cáo tình hình thiệt hại do bão số 9 gây ra trên địa bàn tỉnh", at(2, 15, 20), 1, orgInterior, ack, orgDistrict, ack)
	recalled := f.add(orgAgri, "512/SNN-TL", "Công văn", "về việc vận hành hồ chứa nước Cấm Sơn", at(1, 14, 2), 0, orgInterior, view.StateRecalled)
	recalled.doc.Row.State, recalled.doc.Row.Note = view.StateRecalled, "đã thu hồi"
	recalled.doc.Related = []view.Relation{{Kind: "recalled-by", Document: keyOf(orgAgri + "513/SNN-TL"), Number: "513/SNN-TL", Org: orgAgri}}
	recalled.doc.History = append(recalled.doc.History, view.HistoryEntry{Position: 990, At: at(1, 16, 0), Name: "document.recalled.v1", Actor: orgAgri, Client: "cert:77aa"},
		view.HistoryEntry{Position: 991, At: at(1, 16, 0), Name: "delivery.marked.v1", Actor: "node", Client: "node", Org: orgInterior, Detail: map[string]string{"mark": "recalled"}})
	f.add(orgAgri, "513/SNN-TL", "Công văn", "về việc thu hồi Công văn số 512/SNN-TL", at(1, 16, 0), 0, orgInterior, ack).doc.Row.Business = 1
	f.add(orgInterior, "1041/SNV-CCHC", "Báo cáo", "kết quả tự chấm điểm chỉ số cải cách hành chính năm 2026", at(0, 7, 40), 0, orgOffice, ack, orgGovernment, queued)
	f.add(orgInterior, "1042/SNV-TCCC", "Tờ trình", "về việc phê duyệt kế hoạch tuyển dụng công chức năm 2027", at(0, 8, 5), 1, orgOffice, wait)
	failed := f.add(orgInterior, "1040/SNV-TNXH", "Công văn", "về việc xác nhận thông tin cán bộ biệt phái", at(9, 8, 0), 0, orgGovernment, view.StateFailed)
	failed.doc.Row.Note = ""
	big := f.add(orgDistrict, "388/UBND-NN", "Tờ trình", "đề nghị hỗ trợ kinh phí khắc phục hậu quả mưa lũ tại các xã vùng cao", at(0, 8, 30), 0, orgInterior, wait, orgOffice, ack, orgAgri, view.StateTaken)
	big.attach("Tờ trình 388 UBND huyện Lục Ngạn.pdf", "application/pdf", bytes.Repeat([]byte("%PDF"), 400000)).attach("Phụ lục thiệt hại từng xã.xlsx",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", []byte("PK..")).attach("hoa don\u202efdp.exe", "text/html", []byte("<script>alert(1)</script>"))
	big.doc.DueDate, big.doc.ToPlaces, big.doc.Content = "2026-11-30", []string{"Như trên", "Lưu: VT, NN"}, "Đề nghị hỗ trợ 4,2 tỷ đồng cho 7 xã."
	big.doc.Row.Assurance = "agency"
	big.doc.Related = []view.Relation{{Kind: "replies-to", Document: old.doc.Row.Document, Number: "6120/UBND-TH", Org: orgOffice}}
	big.verdict.Signatures = append([]Signature{{Kind: KindPerson, Signer: "Hoàng Văn Thái", Organisation: "Ủy ban nhân dân huyện Lục Ngạn", Subject: "CN=Hoàng Văn Thái,O=UBND huyện Lục Ngạn,C=VN",
		Issuer: "CN=CA thử nghiệm Trạm,C=VN", Serial: "11", NotBefore: testNow.AddDate(-2, 0, 0), NotAfter: testNow.AddDate(0, -1, 0), Algorithm: "ECDSA P-256, SHA-256", Parts: []string{"header", "manifest"},
		Conclusion: verdict.Conclusion{Indication: verdict.Indeterminate, SubIndication: verdict.OutOfBoundsNoPOE}, Results: []string{ResultIntact, ResultPartial, ResultExpired}, Refusal: "2107", Claimed: testNow}}, big.verdict.Signatures...)
	f.add(orgOffice, "6188/CĐ-UBND", "Công điện", "về việc tập trung ứng phó với mưa lũ, sạt lở đất và bảo đảm an toàn hồ đập trên địa bàn tỉnh", at(0, 9, 12), 3,
		orgInterior, wait, orgAgri, ack, orgDistrict, wait).attach("Công điện 6188.pdf", "application/pdf", []byte("%PDF-1.7"))
	big.inside[0] = FileSignatures{Readable: true, Signatures: []FileSignature{
		{Signature: Signature{Kind: KindPerson, Signer: "Hoàng Văn Thái", Valid: true, Level: "PAdES-B-T", Conclusion: verdict.Conclusion{Indication: verdict.TotalPassed},
			Stamps: []Stamp{{Time: testNow.Add(-time.Hour), By: "TSA thử nghiệm", Valid: true}}, Results: []string{ResultIntact, ResultChain, ResultNotRevoked, ResultTimeProved}}, Field: "Lanhdao", Reason: "Phê duyệt tờ trình", Changed: true},
		{Signature: Signature{Kind: KindOrganisation, Signer: "UBND huyện Lục Ngạn", Conclusion: verdict.Conclusion{Indication: verdict.Indeterminate, SubIndication: verdict.TryLater},
			Results: []string{ResultIntact, ResultChain, ResultRevocationUnknown},
			Checks:  []verdict.Check{{ID: "revocation", Result: verdict.Unknown, Vi: "Chưa có dữ liệu thu hồi.", En: "No revocation data.", Detail: "http://crl.example"}}}},
	}}
	f.authorities = []Authority{{Name: "CA thử nghiệm Trạm", Kind: "trial", Purposes: []string{"organisation", "person"}, Subject: "CN=CA thử nghiệm Trạm,C=VN", SHA256: keyOf("ca"), NotAfter: testNow.AddDate(9, 0, 0), Trusted: true},
		{Name: "Ban Cơ yếu Chính phủ", Kind: "state", Subject: "CN=Cơ quan chứng thực số chuyên dùng Chính phủ,C=VN", SHA256: keyOf("bcy"), From: testNow.AddDate(-5, 0, 0), Until: testNow.AddDate(0, -1, 0), NotAfter: testNow.AddDate(1, 0, 0)}}
	f.stamp = Stamp{Time: testNow.Add(-5 * time.Hour), By: "TSA thử nghiệm", Valid: true, Size: 1 << 40}
	f.log = Witnesses{Origin: "tram.bacgiang.example/log", Needed: 2, Of: 3, Binding: true, Witnessed: 1200, Key: "tram.bacgiang.example/log/witness+00000000+AA",
		Ours:   []Witness{{Name: "vpcp", Size: 1200, At: testNow, State: StateOK}, {Name: "luu-tru", State: StateWarn, Error: "connection refused", Since: testNow.Add(-time.Hour)}},
		Others: []WitnessedLog{{Origin: "vpcp.tram.example/log", Name: "Văn phòng Chính phủ", Size: 87, At: testNow}, {Origin: "bacninh.tram.example/log", Bad: true}},
		Alarms: []LogAlarm{
			{Log: "bacninh.tram.example/log", Kind: AlarmSplit, Size: 41, Position: 977, At: testNow},
			{Log: "tram.bacgiang.example/log", Own: true, Kind: AlarmBehind, Size: 1300, At: testNow, Detail: "restore a newer backup"},
		}}
	f.checks = []Check{{Name: CheckReady, State: StateOK, Since: testNow.Add(-52 * time.Hour)}, {Name: CheckDisk, State: StateWarn, Number: 41 << 30, Unit: UnitBytes, Share: .87, Since: testNow.Add(-3 * time.Hour)},
		{Name: CheckCertificate, Subject: "tram.bacgiang.example", State: StateOK, At: testNow.AddDate(0, 7, 0), Unit: UnitTime}, {Name: CheckViewLag, State: StateOK, Number: .12, Unit: UnitSeconds},
		{Name: CheckPeerQueue, Subject: "vpcp.tram.example/log", State: StateBad, Number: 23, Unit: UnitCount, Since: testNow.Add(-40 * time.Minute), Detail: "dial tcp 10.1.2.3:8443: connection refused"},
		{Name: CheckPeerQueue, Subject: "bacninh.tram.example/log", State: StateOK, Number: 4, Unit: UnitCount}, {Name: CheckClock, State: StateOK, Number: .004, Unit: UnitSeconds}, {Name: CheckBackup, State: StateOK, At: testNow.Add(-6 * time.Hour), Unit: UnitTime}}
}

// testPortal is a portal over the fixture with real accounts in a folder of its own.
type testPortal struct {
	*Portal
	fixture  *fixture
	clock    *clockwork
	accounts *Accounts
	log      *bytes.Buffer
	office   *fakeOffice
}

const testPassword = "con đường xưa em đi"

// cheap makes hashing fast: tests sign in hundreds of times.
var cheap = HashCost{Memory: 64, Passes: 1, Threads: 1}

func newTestPortal(t testing.TB, change func(*Config, *AccountsConfig)) *testPortal {
	t.Helper()
	clock := &clockwork{t: testNow}
	f := newFixture(clock)
	f.day()
	ac := AccountsConfig{Path: filepath.Join(t.TempDir(), "portal.db"), Now: clock.now, Cost: cheap}
	log := &bytes.Buffer{}
	office := newFakeOffice(f)
	office.fill()
	c := Config{Views: fakeViews{f}, Node: fakeNode{f}, Proofs: f.proofs, OfficeViews: office, Office: office, Notices: NoticeRules{Email: true, Webhook: true}, Spool: t.TempDir(), Log: slog.New(slog.NewTextHandler(log, nil)), Name: "Trạm Bắc Giang"}
	if change != nil {
		change(&c, &ac)
	}
	accounts, err := OpenAccounts(ac)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accounts.Close() })
	c.Accounts = accounts
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []NewAccount{
		{Username: "vanthu.snv", DisplayName: "Nguyễn Thị Lan", Org: orgInterior, Role: RoleClerk},
		{Username: "xem.snv", DisplayName: "Phạm Quốc Huy", Org: orgInterior, Role: RoleViewer},
		{Username: "vanthu.snn", DisplayName: "Đỗ Văn Hùng", Org: orgAgri, Role: RoleClerk},
		{Username: "vanthu.ln", DisplayName: "Vi Thị Mai", Org: orgDistrict, Role: RoleClerk},
		{Username: "kiemtra", DisplayName: "Lê Thanh Tra", Role: RoleAuditor, Right: "kt-2026-07"},
		{Username: "thanhtra", DisplayName: "Trịnh Thanh Tra", Role: RoleAuditor, Right: "kt-toan-tinh"},
		{Username: "kiemtra.cu", DisplayName: "Lê Hết Hạn", Role: RoleAuditor, Right: "kt-2025-01"},
		{Username: "vanhanh", DisplayName: "Bùi Vận Hành", Role: RoleOperator},
		{Username: "lan.snv", DisplayName: "Nguyễn Thị Lan", Org: orgInterior, Role: RoleStaff, Person: "lan"},
		{Username: "huong.snv", DisplayName: "Nguyễn Thị Hương", Org: orgInterior, Role: RoleStaff, Person: "huong"},
		{Username: "binh.snv", DisplayName: "Trần Văn Bình", Org: orgInterior, Role: RoleStaff, Person: "binh"},
		{Username: "minh.snv", DisplayName: "Lê Đức Minh", Org: orgInterior, Role: RoleStaff, Person: "minh"},
		{Username: "thao.snv", DisplayName: "Phạm Thị Thảo", Org: orgInterior, Role: RoleStaff, Person: "thao"},
		{Username: "quan.snv", DisplayName: "Vũ Văn Quân", Org: orgInterior, Role: RoleStaff, Person: "quan"},
		{Username: "dang.snv", DisplayName: "Đặng Thị Thanh", Org: orgInterior, Role: RoleStaff, Person: "dang"},
		{Username: "hai.snv", DisplayName: "Trần Quốc Hải", Org: orgInterior, Role: RoleStaff, Person: "hai"},
		{Username: "luu.snv", DisplayName: "Hoàng Văn Lưu", Org: orgInterior, Role: RoleStaff, Person: "luu"},
	} {
		n.Password = testPassword
		if _, err := accounts.CreateAccount(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	return &testPortal{p, f, clock, accounts, log, office}
}

func (f *fixture) Witnesses(context.Context) (Witnesses, error) { return f.log, f.broken }
