package portal

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// fakeOffice is the daily work of Sở Nội vụ in memory: both what pages ask (OfficeViews) and what people do (Office). It keeps the
// contract of both, with rules just rich enough to click through every flow; the true ones live in events.
type fakeOffice struct {
	mu       sync.Mutex
	f        *fixture
	office   view.Office
	settings view.Settings
	changes  []view.OfficeChange // recorded, oldest first
	changed  []OfficeChange      // as asked
	sparse   int                 // pages without rows before the first of a list
	incoming []*fakeIncoming     // newest last
	outgoing []*fakeOutgoing
	dossiers []*fakeDossier
	readings map[view.Target][]view.Reading
	numbers  map[string]int
	position uint64
	acts     map[string]bool // package ids recorded
	done     []fakeAct
	opened   []string // "person kind/id what"
	files    map[string]fakeFile

	openFails error
	refuse    *Refused                                        // the next act gets it
	fail      error                                           // the next act gets it
	hold      func(packageID string, a schemas.DossierAction) // runs before an act is judged, without the lock
}

type fakeAct struct {
	by        Actor
	packageID string
	action    schemas.DossierAction
	files     []string // "name|type|size"
}

type fakeIncoming struct {
	view.IncomingDocument
	asked    string   // person it was presented to
	assigner string   // person who assigned it
	seenBy   []string // persons who had it once
}

type fakeOutgoing struct {
	view.OutgoingDocument
	author string
	asked  []string // persons whose opinion somebody wants
}

type fakeDossier struct{ view.Dossier }

// People of the fixture's office: account names are "<id>.snv".
var officePeople = []view.OfficePerson{
	{PersonRef: view.PersonRef{ID: "lan", Name: "Nguyễn Thị Lan", Position: "Văn thư"}, Duties: []view.OfficeDuty{{Role: "clerk"}}},
	{PersonRef: view.PersonRef{ID: "huong", Name: "Nguyễn Thị Hương", Position: "Giám đốc"}, Duties: []view.OfficeDuty{{Role: "leader"}}},
	{PersonRef: view.PersonRef{ID: "hai", Name: "Trần Quốc Hải", Position: "Phó Giám đốc"}, Duties: []view.OfficeDuty{{Role: "leader"}}},
	{PersonRef: view.PersonRef{ID: "binh", Name: "Trần Văn Bình", Position: "Trưởng phòng"}, Duties: []view.OfficeDuty{{Role: "head", Unit: "tccc"}}},
	{PersonRef: view.PersonRef{ID: "minh", Name: "Lê Đức Minh", Position: "Chuyên viên"}, Duties: []view.OfficeDuty{{Role: "specialist", Unit: "tccc"}}},
	{PersonRef: view.PersonRef{ID: "thao", Name: "Phạm Thị Thảo", Position: "Chuyên viên"}, Duties: []view.OfficeDuty{{Role: "specialist", Unit: "vp"}}},
	{PersonRef: view.PersonRef{ID: "quan", Name: "Vũ Văn Quân", Position: "Quản trị mạng"}, Duties: []view.OfficeDuty{{Role: "administrator"}}},
	{PersonRef: view.PersonRef{ID: "dang", Name: "Đặng Thị Thanh", Position: "Thanh tra Sở"}, Duties: []view.OfficeDuty{{Role: "auditor"}}},
	{PersonRef: view.PersonRef{ID: "luu", Name: "Hoàng Văn Lưu", Position: "Lưu trữ viên"}, Duties: []view.OfficeDuty{{Role: "archivist"}}},
}

func newFakeOffice(f *fixture) *fakeOffice {
	o := &fakeOffice{f: f, readings: map[view.Target][]view.Reading{}, numbers: map[string]int{}, acts: map[string]bool{}, files: map[string]fakeFile{}, position: 5000}
	f.acted = o.acted
	o.office = view.Office{Org: orgInterior, Name: "Sở Nội vụ tỉnh Bắc Giang",
		Units:   []view.OfficeUnit{{ID: "ld", Name: "Ban Giám đốc"}, {ID: "vp", Name: "Văn phòng Sở"}, {ID: "tccc", Name: "Phòng Tổ chức công chức"}, {ID: "cchc", Name: "Phòng Cải cách hành chính"}},
		Persons: officePeople, Registers: []view.Named{{ID: "chung", Name: "Sổ văn bản đến"}, {ID: "don-thu", Name: "Sổ đơn thư"}},
		Series:     []view.Series{{ID: "cv", Name: "Công văn", Types: []string{"Công văn"}, Notation: "SNV-{type}"}, {ID: "vb", Name: "Văn bản có tên loại", Notation: "{type}-SNV"}},
		Chains:     []view.Chain{{ID: "thuong", Name: "Trưởng phòng → Lãnh đạo", Steps: []view.ChainStep{{Role: "head"}, {Role: "leader", Signs: true}}}},
		FilePlan:   []view.FilePlanEntry{{Code: "01.TCCC", Title: "Tuyển dụng công chức", Retention: "20n", Unit: "tccc"}, {Code: "02.CCHC", Title: "Cải cách hành chính", Retention: "vv"}},
		Retentions: []view.Named{{ID: "20n", Name: "20 năm"}, {ID: "vv", Name: "Vĩnh viễn"}}, Version: 4000}
	o.settings = newFakeSettings(o.office)
	return o
}

// fill takes over what came to the agency through the exchange, at every stage of the work.
func (o *fakeOffice) fill() {
	n := 0
	for _, d := range o.f.docs {
		if _, ok := d.to[orgInterior]; !ok {
			continue
		}
		r := d.doc.Row
		x := &fakeIncoming{IncomingDocument: view.IncomingDocument{Version: 1, Row: view.IncomingRow{ID: r.Document, Document: r.Document, Channel: "exchange", ArrivedAt: r.ArrivedAt, Number: r.Number,
			Date: r.Date, TypeName: r.TypeName, Subject: r.Subject, Signer: r.Signer, From: r.From, Priority: r.Priority, State: view.IncomingArrived, Year: r.ArrivedAt.In(vietnamTime).Year()}}}
		o.incoming = append(o.incoming, x)
		o.trail(x, "delivery.offered.v1", view.PersonRef{}, nil, "", r.ArrivedAt)
		if d.to[orgInterior] != view.StateAcknowledged {
			continue
		}
		n++
		o.number(x, "chung", r.ArrivedAt.Add(20*time.Minute))
		switch {
		case n%7 == 0:
		case n%7 == 1:
			x.Row.State, x.Row.InCharge, x.asked = view.IncomingPresented, view.Assignee{Person: o.ref("huong")}, "huong"
			o.trail(x, "incoming.presented.v1", o.ref("lan"), []view.Assignee{{Person: o.ref("huong")}}, "Kính trình Giám đốc xem xét.", r.ArrivedAt.Add(time.Hour))
		default:
			x.asked = "huong"
			o.assign(x, "huong", schemas.Assign{InCharge: schemas.Assignee{Unit: "tccc", Person: []string{"minh", "", "binh"}[n%3]}, Cooperating: []schemas.Assignee{{Unit: "cchc"}}, Opinion: "Phòng TCCC chủ trì tham mưu, báo cáo trước thời hạn."}, r.ArrivedAt.Add(2*time.Hour))
			switch n % 7 {
			case 2, 3:
				x.Row.State = view.IncomingHandling
				o.trail(x, "incoming.handling-started.v1", o.ref("minh"), nil, "", r.ArrivedAt.Add(5*time.Hour))
			case 4, 5, 6:
				x.Row.State, x.Row.FinishedAt, x.Row.Reply = view.IncomingFinished, r.ArrivedAt.Add(30*time.Hour), fmt.Sprintf("%d/SNV-TCCC", 900+n)
				o.trail(x, "incoming.finished.v1", o.ref("minh"), nil, "Đã có văn bản trả lời.", x.Row.FinishedAt)
			}
		}
	}
	o.fillMade()
}

func (o *fakeOffice) ref(id string) view.PersonRef {
	for _, p := range o.office.Persons {
		if p.ID == id {
			return p.PersonRef
		}
	}
	return view.PersonRef{}
}

func (o *fakeOffice) unit(id string) view.UnitRef {
	for _, u := range o.office.Units {
		if u.ID == id {
			return view.UnitRef{ID: u.ID, Name: u.Name}
		}
	}
	return view.UnitRef{}
}

func (o *fakeOffice) assignee(a schemas.Assignee) view.Assignee {
	return view.Assignee{Unit: o.unit(a.Unit), Person: o.ref(a.Person)}
}

// has says whether a person has a role, for a unit if one is named.
func (o *fakeOffice) has(person, role, unit string) bool {
	for _, p := range o.office.Persons {
		for _, d := range p.Duties {
			if p.ID == person && d.Role == role && (unit == "" || d.Unit == "" || d.Unit == unit) {
				return true
			}
		}
	}
	return false
}

func (o *fakeOffice) inUnit(person, unit string) bool {
	for _, p := range o.office.Persons {
		if p.ID == person && unit != "" {
			return slices.ContainsFunc(p.Duties, func(d view.OfficeDuty) bool { return d.Unit == unit })
		}
	}
	return false
}

func (o *fakeOffice) trail(x *fakeIncoming, name string, by view.PersonRef, to []view.Assignee, text string, at time.Time) {
	o.position++
	x.Trail = append(x.Trail, view.Trail{Position: o.position, At: at, Name: name, Person: by, To: to, Text: text})
	x.Version++
	x.Row.Version = x.Version
}

func (o *fakeOffice) number(x *fakeIncoming, register string, at time.Time) {
	o.numbers[register]++
	x.Row.Register, x.Row.ArrivalNumber, x.Row.RegisteredAt, x.Row.State = register, o.numbers[register], at, view.IncomingRegistered
	o.trail(x, "incoming.registered.v1", o.ref("lan"), nil, "", at)
	x.Trail[len(x.Trail)-1].Detail = map[string]string{"number": strconv.Itoa(o.numbers[register]), "register": register}
}

func (o *fakeOffice) assign(x *fakeIncoming, by string, a schemas.Assign, at time.Time) {
	x.Row.State, x.Row.InCharge, x.Row.Cooperating, x.Opinion, x.assigner = view.IncomingAssigned, o.assignee(a.InCharge), nil, a.Opinion, by
	to := []view.Assignee{x.Row.InCharge}
	for _, c := range a.Cooperating {
		x.Row.Cooperating = append(x.Row.Cooperating, o.assignee(c))
	}
	to = append(to, x.Row.Cooperating...)
	due := workingDay(at, 5)
	if !a.Due.IsZero() {
		due = fmt.Sprintf("%04d-%02d-%02d", a.Due.Year, a.Due.Month, a.Due.Day)
	}
	x.Row.Due = view.Deadline{Day: due}
	x.seenBy = append(x.seenBy, a.InCharge.Person)
	o.trail(x, "incoming.assigned.v1", o.ref(by), to, a.Opinion, at)
	x.Trail[len(x.Trail)-1].Detail = map[string]string{"due": due}
}

func workingDay(from time.Time, n int) string {
	d := from.In(vietnamTime)
	for n > 0 {
		if d = d.AddDate(0, 0, 1); d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			n--
		}
	}
	return d.Format(time.DateOnly)
}

// deadline fills in how many working days are left.
func deadline(d view.Deadline, done, now time.Time) view.Deadline {
	if d.Day == "" {
		return d
	}
	day, _ := time.ParseInLocation(time.DateOnly, d.Day, vietnamTime)
	today := now.In(vietnamTime)
	if !done.IsZero() {
		d.Late = done.In(vietnamTime).Format(time.DateOnly) > d.Day
		return d
	}
	from, to, sign := today, day, 1
	if today.Format(time.DateOnly) > d.Day {
		from, to, sign, d.Late = day, today, -1, true
	}
	for f := from; f.Format(time.DateOnly) < to.Format(time.DateOnly); {
		if f = f.AddDate(0, 0, 1); f.Weekday() != time.Saturday && f.Weekday() != time.Sunday {
			d.Left += sign
		}
	}
	return d
}

func (o *fakeOffice) sees(person string, x *fakeIncoming) bool {
	if o.has(person, "clerk", "") || o.has(person, "leader", "") || o.has(person, "auditor", "") {
		return true
	}
	for _, a := range append([]view.Assignee{x.Row.InCharge}, x.Row.Cooperating...) {
		if a.Person.ID == person || a.Unit.ID != "" && (o.has(person, "head", a.Unit.ID) && o.inUnit(person, a.Unit.ID) || a.Person.ID == "" && o.inUnit(person, a.Unit.ID)) {
			return true
		}
	}
	return slices.Contains(x.seenBy, person)
}

func (o *fakeOffice) charged(person string, x *fakeIncoming) bool {
	a := x.Row.InCharge
	return a.Person.ID == person || a.Person.ID == "" && o.inUnit(person, a.Unit.ID) || o.has(person, "head", "") && o.inUnit(person, a.Unit.ID)
}

// may is what a person can do with a document now.
func (o *fakeOffice) may(person string, x *fakeIncoming) view.May {
	var m view.May
	clerk, leader := o.has(person, "clerk", ""), o.has(person, "leader", "")
	if x.Asked {
		if clerk || leader {
			return view.May{"AgreeRecall", "DeclineRecall"}
		}
		return nil
	}
	switch s := x.Row.State; s {
	case view.IncomingArrived:
		if clerk {
			m = append(m, "RegisterIncoming", "RefuseIncoming")
		}
	case view.IncomingRegistered, view.IncomingPresented:
		if clerk {
			m = append(m, "Present")
		}
		if leader {
			m = append(m, "Assign")
		}
		if clerk && s == view.IncomingRegistered {
			m = append(m, "RefuseIncoming")
		}
	case view.IncomingAssigned, view.IncomingHandling:
		if o.charged(person, x) {
			if s == view.IncomingAssigned {
				m = append(m, "StartHandling")
			}
			if o.has(person, "head", "") {
				m = append(m, "Assign")
			}
			m = append(m, "LinkReply", "FinishHandling", "TransferBack")
		}
		if leader {
			m = append(m, "Assign", "ChangeDeadline")
		}
	case view.IncomingFinished:
		if leader || o.charged(person, x) {
			m = append(m, "Reopen")
		}
	}
	if x.Row.State != view.IncomingFinished && x.Row.State != view.IncomingRefused && !o.has(person, "auditor", "") && !o.has(person, "clerk", "") {
		m = append(m, "GiveOpinion")
	}
	return m
}

func (o *fakeOffice) find(id string) *fakeIncoming {
	for _, x := range o.incoming {
		if x.Row.ID == id {
			return x
		}
	}
	return nil
}

// Act keeps the contract of Office.Act.
func (o *fakeOffice) Act(_ context.Context, by Actor, packageID string, a schemas.DossierAction, files []schemas.File) (Acted, error) {
	if o.hold != nil {
		o.hold(packageID, a)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.acts[packageID] {
		return Acted{Target: view.Target{Kind: string(a.Target.Kind), ID: a.Target.ID}, Again: true}, nil
	}
	if err := o.fail; err != nil {
		o.fail = nil
		return Acted{}, err
	}
	if r := o.refuse; r != nil {
		o.refuse = nil
		return Acted{}, r
	}
	did := fakeAct{by: by, packageID: packageID, action: a}
	for i, f := range files {
		body, err := f.Open()
		if err != nil {
			return Acted{}, err
		}
		b, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			return Acted{}, err
		}
		did.files = append(did.files, fmt.Sprintf("%s|%s|%d", f.Name, f.ContentType, len(b)))
		o.files[fmt.Sprintf("%s/%d", keyOf(packageID), i)] = fakeFile{f.Name, f.ContentType, b}
	}
	acted, err := Acted{}, error(nil)
	switch a.Target.Kind {
	case schemas.TargetIncoming:
		acted, err = o.actIncoming(by, packageID, a, did.files)
	case schemas.TargetOutgoing:
		acted, err = o.actOutgoing(by, packageID, a, did.files)
	case schemas.TargetDossier:
		acted, err = o.actDossier(by, packageID, a, did.files)
	default:
		err = notAllowed
	}
	if err != nil {
		return Acted{}, err
	}
	o.acts[packageID] = true
	o.done = append(o.done, did)
	return acted, nil
}

var (
	notAllowed = &Refused{Code: 7051, Vi: "Bạn không có quyền làm việc này với văn bản này.", En: "You may not do this with this document."}
	stale      = &Refused{Code: 7002, Vi: "Văn bản đã thay đổi sau khi bạn mở trang.", En: "The document has changed since you opened the page."}
)

func (o *fakeOffice) actIncoming(by Actor, packageID string, a schemas.DossierAction, files []string) (Acted, error) {
	now := o.f.clock.now()
	x := o.find(a.Target.ID)
	if paper, ok := a.Act.(schemas.RegisterPaper); ok {
		if !o.has(by.Person, "clerk", "") {
			return Acted{}, notAllowed
		}
		if x != nil {
			return Acted{}, stale
		}
		x = &fakeIncoming{IncomingDocument: view.IncomingDocument{Package: keyOf(packageID), Row: view.IncomingRow{ID: a.Target.ID, Channel: paper.Channel, ArrivedAt: now, Number: strings.Trim(paper.Number+"/"+paper.Notation, "/"),
			Date: isoDate(paper.Date), TypeName: paper.TypeName, Subject: paper.Subject, Signer: paper.Signer, From: view.Party{Code: paper.FromCode, Name: paper.FromName}, Priority: int(paper.Priority), Year: now.Year()}}}
		for i, f := range files {
			part := strings.Split(f, "|")
			size, _ := strconv.ParseInt(part[2], 10, 64)
			x.Files = append(x.Files, view.Attachment{Index: i, Name: part[0], ContentType: part[1], Size: size})
		}
		o.incoming = append(o.incoming, x)
		o.number(x, cmp.Or(paper.Register, "chung"), now)
		return Acted{Target: view.Target{Kind: "incoming", ID: x.Row.ID}, Position: o.position, Package: keyOf(packageID)}, nil
	}
	if x == nil || !o.sees(by.Person, x) {
		return Acted{}, notAllowed
	}
	if a.Seen != nil && *a.Seen != x.Version {
		return Acted{}, stale
	}
	if !slices.Contains(o.may(by.Person, x), a.Act.Name()) {
		return Acted{}, notAllowed
	}
	me := o.ref(by.Person)
	switch act := a.Act.(type) {
	case schemas.RegisterIncoming:
		o.number(x, cmp.Or(act.Register, "chung"), now)
	case schemas.RefuseIncoming:
		x.Row.State = view.IncomingRefused
		o.trail(x, "incoming.refused.v1", me, nil, act.Reason, now)
	case schemas.Present:
		x.Row.State, x.Row.InCharge, x.asked = view.IncomingPresented, view.Assignee{Person: o.ref(act.To)}, act.To
		o.trail(x, "incoming.presented.v1", me, []view.Assignee{{Person: o.ref(act.To)}}, act.Note, now)
	case schemas.Assign:
		o.assign(x, by.Person, act, now)
	case schemas.TransferBack:
		x.Row.State, x.Row.InCharge, x.Row.Cooperating = view.IncomingPresented, view.Assignee{Person: o.ref(x.assigner)}, nil
		x.asked = x.assigner
		o.trail(x, "incoming.transferred-back.v1", me, nil, act.Reason, now)
	case schemas.StartHandling:
		x.Row.State = view.IncomingHandling
		o.trail(x, "incoming.handling-started.v1", me, nil, act.Note, now)
	case schemas.GiveOpinion:
		o.trail(x, "incoming.opinion-given.v1", me, nil, act.Text, now)
	case schemas.ChangeDeadline:
		x.Row.Due = view.Deadline{Day: isoDate(act.Due)}
		o.trail(x, "incoming.deadline-changed.v1", me, nil, act.Reason, now)
		x.Trail[len(x.Trail)-1].Detail = map[string]string{"due": isoDate(act.Due)}
	case schemas.LinkReply:
		x.Row.Reply = "dự thảo"
		o.trail(x, "incoming.reply-linked.v1", me, nil, "", now)
	case schemas.FinishHandling:
		x.Row.State, x.Row.FinishedAt = view.IncomingFinished, now
		o.trail(x, "incoming.finished.v1", me, nil, act.Result, now)
	case schemas.AgreeRecall:
		x.Row.State, x.Asked = view.IncomingWithdrawn, false
		o.trail(x, "incoming.recall-answered.v1", me, nil, act.Reason, now)
		x.Trail[len(x.Trail)-1].Detail = map[string]string{"agree": "true"}
	case schemas.DeclineRecall:
		x.Asked = false
		o.trail(x, "incoming.recall-answered.v1", me, nil, act.Reason, now)
	case schemas.Reopen:
		x.Row.State, x.Row.FinishedAt = view.IncomingHandling, time.Time{}
		o.trail(x, "incoming.reopened.v1", me, nil, act.Reason, now)
	default:
		return Acted{}, notAllowed
	}
	return Acted{Target: view.Target{Kind: "incoming", ID: x.Row.ID}, Position: o.position, Package: keyOf(packageID)}, nil
}

func isoDate(d schemas.Date) string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// Opened notes an opening.
func (o *fakeOffice) Opened(_ context.Context, by Actor, w Opening) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.openFails != nil {
		return o.openFails
	}
	o.opened = append(o.opened, by.Person+" "+w.Target.Kind+"/"+w.Target.ID+" "+w.What)
	o.readings[w.Target] = append(o.readings[w.Target], view.Reading{At: o.f.clock.now(), Person: o.ref(by.Person), What: w.What})
	return nil
}
