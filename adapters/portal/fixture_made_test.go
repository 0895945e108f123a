package portal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// What the fixture's agency makes: drafts, outgoing documents and dossiers, with the acts on them.

// fillMade puts one of each into the record: drafts at every stage, documents that were issued, a number that is void, two dossiers.
func (o *fakeOffice) fillMade() {
	ago := func(days, hour int) time.Time {
		return time.Date(2026, 11, 22-days, hour, 10, 0, 0, vietnamTime)
	}
	draft := func(id, by, kind, subject string, at time.Time, to ...string) *fakeOutgoing {
		d := schemas.Draft{Type: kind, Subject: subject, Content: "Kính gửi các cơ quan có tên tại nơi nhận. Sở Nội vụ đề nghị phối hợp thực hiện.", Recipients: to, Signer: "huong", Competence: "GIÁM ĐỐC", ToPlaces: []string{"Lưu: VT, TCCC"}, KeptBy: "vp", Pages: 2, Copies: 1}
		x := o.begin(id, by, at)
		o.revise(x, by, d, "", id, []string{"Du thao.docx|application/vnd.openxmlformats-officedocument.wordprocessingml.document|2048"}, at)
		return x
	}
	draft("du-thao-1", "minh", "Công văn", "về việc trả lời đề nghị hỗ trợ kinh phí của huyện Lục Ngạn", ago(0, 8), orgDistrict)
	x := draft("du-thao-2", "minh", "Tờ trình", "về việc phê duyệt chỉ tiêu tuyển dụng công chức năm 2027", ago(1, 9), orgOffice)
	second := x.Versions[0]
	second.Subject, second.Content = "về việc phê duyệt chỉ tiêu và kế hoạch tuyển dụng công chức năm 2027", "Kính gửi Ủy ban nhân dân tỉnh. Sở Nội vụ đề nghị phê duyệt 45 chỉ tiêu."
	o.revise(x, "minh", draftOf(second), "Sửa theo ý kiến phòng CCHC", "du-thao-2b", []string{"Du thao.docx|application/msword|4096"}, ago(1, 10))
	o.submit(x, "minh", "", ago(1, 11))
	o.step(x, "binh", "approved", "Nhất trí, trình Giám đốc.", ago(1, 14))
	x = draft("du-thao-3", "thao", "Báo cáo", "công tác văn thư, lưu trữ quý IV năm 2026", ago(2, 9), orgOffice)
	o.submit(x, "thao", "", ago(2, 10))
	o.step(x, "huong", "sent-back", "Bổ sung số liệu cấp xã.", ago(2, 15))
	x = draft("du-thao-4", "minh", "Thông báo", "kết quả xét tuyển viên chức đợt 2 năm 2026", ago(1, 8), orgAgri, orgDistrict)
	o.submit(x, "minh", "", ago(1, 8))
	o.step(x, "binh", "approved", "", ago(1, 9))
	o.step(x, "huong", "signed", "", ago(1, 10))
	x = draft("du-thao-5", "minh", "Công văn", "về việc rà soát hồ sơ cán bộ luân chuyển", ago(0, 7), orgAgri)
	o.submit(x, "minh", "", ago(0, 7))
	for i := range 7 {
		x = draft(fmt.Sprintf("di-%d", i+1), []string{"minh", "thao"}[i%2], []string{"Công văn", "Kế hoạch", "Thông báo"}[i%3], "về việc triển khai nhiệm vụ công tác nội vụ tuần "+strconv.Itoa(40+i), ago(3+2*i, 8), orgOffice, orgAgri, orgDistrict)
		o.submit(x, x.author, "", ago(3+2*i, 9))
		if len(x.Chain) > 1 {
			o.step(x, "binh", "approved", "", ago(3+2*i, 10))
		}
		o.step(x, "huong", "signed", "", ago(3+2*i, 11))
		o.issue(x, "lan", "", ago(3+2*i, 14))
		for j := range x.Recipients {
			r := &x.Recipients[j]
			switch {
			case i == 0 && j == 2:
				r.LastStatus, r.StatusAt, r.Reason = "02", ago(2, 9), "Không thuộc thẩm quyền của huyện."
				x.Row.RefusedBy = 1
			case (i+j)%3 == 0:
				r.State = view.StateWaiting
			default:
				r.State, r.LastStatus, r.StatusAt = view.StateAcknowledged, []string{"03", "05", "06"}[(i+j)%3], ago(2+2*i, 9)
				x.Row.Received++
				if r.LastStatus == "06" {
					x.Row.Finished++
				}
			}
		}
	}
	x.Row.State, x.Row.Void = view.OutgoingCancelled, "Phát hành nhầm nơi nhận"
	o.fillDossiers()
}

func (o *fakeOffice) fillDossiers() {
	for i, title := range []string{"Tuyển dụng công chức năm 2027", "Tuyển dụng công chức năm 2026"} {
		x := &fakeDossier{view.Dossier{Row: view.DossierRow{ID: fmt.Sprintf("ho-so-%d", i+1), Title: title, FilePlan: "01.TCCC", Retention: "20 năm", InCharge: o.ref("minh"), Unit: o.unit("tccc"), OpenedAt: testNow.AddDate(0, -1, 0),
			State: view.DossierOpen, Code: fmt.Sprintf("%02d/2026/01.TCCC", i+1)}}}
		o.dossiers = append(o.dossiers, x)
		o.dossierTrail(x, "dossier.opened.v1", "minh", nil, "", testNow.AddDate(0, -1, 0))
		o.addItem(x, "minh", view.Target{Kind: "outgoing", ID: "di-1"}, "", nil, testNow.AddDate(0, 0, -6))
		o.files[keyOf(x.Row.ID)+"/0"] = fakeFile{"Biên bản.pdf", "application/pdf", []byte("%PDF")}
		o.addItem(x, "minh", view.Target{}, x.Row.ID, []string{"Biên bản.pdf|application/pdf|4"}, testNow.AddDate(0, 0, -5))
		x.Items = append(x.Items, view.DossierItem{No: 3, AddedAt: testNow.AddDate(0, 0, -5), By: o.ref("binh")})
		x.Tasks = append(x.Tasks, view.Task{ID: "viec-1", To: view.Assignee{Unit: o.unit("tccc"), Person: o.ref("minh")}, By: o.ref("binh"), Text: "Tổng hợp nhu cầu tuyển dụng của các sở, huyện.", Due: view.Deadline{Day: "2026-11-20"}})
		x.Row.OpenTasks = 1
		o.dossierTrail(x, "dossier.task-given.v1", "binh", []view.Assignee{{Person: o.ref("minh")}}, "Tổng hợp nhu cầu tuyển dụng của các sở, huyện.", testNow.AddDate(0, 0, -4))
	}
	x := o.dossiers[1]
	x.Tasks[0].Done, x.Tasks[0].DoneAt, x.Row.OpenTasks = true, testNow.AddDate(0, 0, -2), 0
	x.Row.State, x.Row.ClosedAt = view.DossierClosed, testNow.AddDate(0, 0, -1)
	o.dossierTrail(x, "dossier.closed.v1", "minh", nil, "Đã hoàn thành.", testNow.AddDate(0, 0, -1))
}

// draftOf writes a version back into the form.
func draftOf(v view.DraftVersion) schemas.Draft {
	d := schemas.Draft{Type: v.Type, Subject: v.Subject, Content: v.Content, Signer: v.Signer.ID, Competence: v.Competence, ToPlaces: v.ToPlaces, KeptBy: v.KeptBy, Pages: v.Pages, Copies: v.Copies}
	for _, r := range v.Recipients {
		d.Recipients = append(d.Recipients, r.Code)
	}
	return d
}

func (o *fakeOffice) unitOf(person string) view.UnitRef {
	for _, p := range o.office.Persons {
		if p.ID == person && len(p.Duties) > 0 {
			return o.unit(p.Duties[0].Unit)
		}
	}
	return view.UnitRef{}
}

func (o *fakeOffice) begin(id, by string, at time.Time) *fakeOutgoing {
	x := &fakeOutgoing{author: by}
	x.Row = view.OutgoingRow{ID: id, Author: o.ref(by), Unit: o.unitOf(by), State: view.OutgoingDraft}
	o.outgoing = append(o.outgoing, x)
	o.madeTrail(x, "outgoing.opened.v1", by, nil, "", at)
	return x
}

func (o *fakeOffice) madeTrail(x *fakeOutgoing, name, by string, to []view.Assignee, text string, at time.Time) {
	o.position++
	x.Trail = append(x.Trail, view.Trail{Position: o.position, At: at, Name: name, Person: o.ref(by), To: to, Text: text})
	x.Version++
	x.Row.Version = x.Version
}

func (o *fakeOffice) revise(x *fakeOutgoing, by string, d schemas.Draft, note, packageID string, files []string, at time.Time) {
	v := view.DraftVersion{No: len(x.Versions) + 1, At: at, By: o.ref(by), Note: note, Package: keyOf(packageID), Files: filesOfFake(files), Type: d.Type, Subject: d.Subject, Content: d.Content, ToPlaces: d.ToPlaces,
		Priority: int(d.Priority), DueDate: isoDate(d.DueDate), Signer: o.ref(d.Signer), Competence: d.Competence, Series: d.Series, Place: d.Place, Pages: d.Pages, Copies: d.Copies, KeptBy: d.KeptBy,
		ReplyTo: d.ReplyTo, Dossier: d.Dossier, Relation: d.Relation, RelatedTo: d.RelatedTo}
	for _, f := range files {
		part := strings.Split(f, "|")
		key := fmt.Sprintf("%s/%d", v.Package, slices.Index(files, f))
		if _, ok := o.files[key]; !ok {
			n, _ := strconv.Atoi(part[2])
			o.files[key] = fakeFile{part[0], part[1], []byte(strings.Repeat("x", n))}
		}
	}
	for _, f := range d.Fields {
		v.Fields = append(v.Fields, [2]string{f.Name, f.Value})
	}
	for _, code := range d.Recipients {
		v.Recipients = append(v.Recipients, view.Party{Org: code, Code: code, Name: o.f.orgs[code].Name})
	}
	x.Versions = append([]view.DraftVersion{v}, x.Versions...)
	r := &x.Row
	r.TypeName, r.Subject, r.Signer, r.To, r.ToPlaces, r.KeptBy, r.Copies, r.Priority, r.VersionsNo, r.Series, r.Relation, r.RelatedTo = upperFirst(d.Type), d.Subject, v.Signer, v.Recipients, d.ToPlaces, d.KeptBy, d.Copies, v.Priority, v.No, d.Series, d.Relation, d.RelatedTo
	r.With = view.Assignee{Unit: r.Unit, Person: r.Author}
	o.madeTrail(x, "outgoing.revised.v1", by, nil, note, at)
}

func filesOfFake(files []string) []view.Attachment {
	var out []view.Attachment
	for i, f := range files {
		part := strings.Split(f, "|")
		size, _ := strconv.ParseInt(part[2], 10, 64)
		out = append(out, view.Attachment{Index: i, Name: part[0], ContentType: part[1], Size: size})
	}
	return out
}

func (o *fakeOffice) submit(x *fakeOutgoing, by, note string, at time.Time) {
	x.Chain = []view.ChainStep{{Role: "head", Unit: x.Row.Unit, State: "current", Due: view.Deadline{Day: workingDay(at, 2)}}, {Role: "leader", Person: x.Row.Signer, Signs: true, State: "waiting"}}
	if x.Row.Unit.ID != "tccc" { // only that unit has a head here
		x.Chain = x.Chain[1:]
		x.Chain[0].State = "current"
	}
	x.Row.State, x.Row.With = view.OutgoingSubmitted, view.Assignee{Unit: x.Row.Unit}
	o.madeTrail(x, "outgoing.submitted.v1", by, nil, note, at)
}

func (x *fakeOutgoing) current() int {
	return slices.IndexFunc(x.Chain, func(s view.ChainStep) bool { return s.State == "current" })
}

func (o *fakeOffice) step(x *fakeOutgoing, by, state, note string, at time.Time) {
	i := x.current()
	s := &x.Chain[i]
	s.State, s.Person, s.At, s.Note, s.Due = state, o.ref(by), at, note, view.Deadline{}
	switch {
	case state == "sent-back":
		x.Row.State, x.Row.With = view.OutgoingSentBack, view.Assignee{Person: x.Row.Author}
	case i == len(x.Chain)-1:
		s.State, state = "signed", "signed"
		x.Row.State, x.Row.With = view.OutgoingSigned, view.Assignee{}
	default:
		x.Chain[i+1].State = "current"
		x.Row.With = view.Assignee{Person: x.Row.Signer}
	}
	o.madeTrail(x, "outgoing."+state+".v1", by, nil, note, at)
}

func (o *fakeOffice) issue(x *fakeOutgoing, by, series string, at time.Time) {
	r := &x.Row
	r.Series = cmp.Or(series, r.Series, map[bool]string{true: "cv", false: "vb"}[r.TypeName == "Công văn"])
	o.numbers["di-"+r.Series]++
	r.SeqNumber, r.Year, r.Date = o.numbers["di-"+r.Series], at.Year(), at.Format(time.DateOnly)
	r.Number = fmt.Sprintf("%d/%s", r.SeqNumber, map[string]string{"cv": "SNV-TCCC", "vb": "TB-SNV"}[r.Series])
	r.State, r.IssuedAt, r.Document = view.OutgoingIssued, at, keyOf(r.ID)
	for _, to := range r.To {
		x.Recipients = append(x.Recipients, view.RecipientState{Party: to, State: view.StateWaiting, Since: at})
	}
	o.madeTrail(x, "outgoing.issue-asked.v1", by, nil, "", at)
	o.madeTrail(x, "outgoing.numbered.v1", "", nil, "", at)
	x.Trail[len(x.Trail)-1].Detail = map[string]string{"number": strconv.Itoa(r.SeqNumber)}
	o.madeTrail(x, "outgoing.sent.v1", "", nil, "", at)
}

func (o *fakeOffice) works(person string, x *fakeOutgoing) bool {
	return x.author == person || o.inUnit(person, x.Row.Unit.ID)
}

func (o *fakeOffice) seesMade(person string, x *fakeOutgoing) bool {
	return o.has(person, "clerk", "") || o.has(person, "leader", "") || o.has(person, "auditor", "") || o.works(person, x) || slices.Contains(x.asked, person)
}

// stands says whether the draft waits for this person.
func (o *fakeOffice) stands(person string, x *fakeOutgoing) bool {
	i := x.current()
	if x.Row.State != view.OutgoingSubmitted || i < 0 {
		return false
	}
	s := x.Chain[i]
	return o.has(person, s.Role, s.Unit.ID) && (s.Person.ID == "" || s.Person.ID == person)
}

func (o *fakeOffice) mayMade(person string, x *fakeOutgoing) view.May {
	clerk, leader := o.has(person, "clerk", ""), o.has(person, "leader", "")
	var m view.May
	switch x.Row.State {
	case view.OutgoingDraft, view.OutgoingSentBack:
		if o.works(person, x) {
			m = append(m, "AskOpinion", "GiveOpinion", "Cancel")
			if x.Row.Relation == "" || len(x.Versions) > 0 {
				m = append(m, "SaveDraft", "Submit")
			}
		} else if leader || slices.Contains(x.asked, person) {
			m = append(m, "GiveOpinion")
		}
	case view.OutgoingSubmitted:
		if o.stands(person, x) {
			m = append(m, "Approve", "SendBack", "AskOpinion", "GiveOpinion")
		} else if o.works(person, x) {
			m = append(m, "SendBack", "Cancel")
		}
	case view.OutgoingSigned:
		if clerk {
			m = append(m, "Issue", "Cancel")
		}
	case view.OutgoingIssued:
		if clerk || leader {
			m = append(m, "RecallIssued", "MakeCopy")
		}
	}
	return m
}

// workMade lists what must be done with drafts and dossiers.
func (o *fakeOffice) workMade(person string, now time.Time) (all []view.WorkItem, mine, watch []bool) {
	for _, x := range o.outgoing {
		if !o.seesMade(person, x) {
			continue
		}
		r := x.Row
		w := view.WorkItem{Target: view.Target{Kind: "outgoing", ID: r.ID}, Number: r.Number, TypeName: r.TypeName, Subject: r.Subject, Priority: r.Priority, Since: x.Trail[len(x.Trail)-1].At, From: x.Trail[len(x.Trail)-1].Person, To: r.With, Version: x.Version}
		if len(r.To) > 0 {
			w.Party = r.To[0]
		}
		m := false
		switch r.State {
		case view.OutgoingDraft:
			w.What, m = view.WorkDraft, x.author == person
		case view.OutgoingSentBack:
			w.What, m = view.WorkReturned, x.author == person
		case view.OutgoingSubmitted:
			s := x.Chain[x.current()]
			w.What, m = view.WorkApprove, o.stands(person, x)
			if s.Signs {
				w.What = view.WorkSign
			}
			w.Due = deadline(s.Due, time.Time{}, now)
		case view.OutgoingSigned:
			w.What, m = view.WorkIssue, o.has(person, "clerk", "")
		default:
			continue
		}
		all, mine, watch = append(all, w), append(mine, m), append(watch, x.author == person && !m)
	}
	for _, x := range o.dossiers {
		for _, t := range x.Tasks {
			if t.Done || t.To.Person.ID != person {
				continue
			}
			all = append(all, view.WorkItem{Target: view.Target{Kind: "dossier", ID: x.Row.ID}, What: view.WorkTask, Number: x.Row.Code, Subject: x.Row.Title, Due: deadline(t.Due, time.Time{}, now), Since: testNow, From: t.By, To: t.To, Version: x.Version})
			mine, watch = append(mine, true), append(watch, false)
		}
	}
	return all, mine, watch
}

func (o *fakeOffice) findMade(id string) *fakeOutgoing {
	for _, x := range o.outgoing {
		if x.Row.ID == id {
			return x
		}
	}
	return nil
}

func (o *fakeOffice) actOutgoing(by Actor, packageID string, a schemas.DossierAction, files []string) (Acted, error) {
	now, x := o.f.clock.now(), o.findMade(a.Target.ID)
	done := Acted{Target: view.Target{Kind: "outgoing", ID: a.Target.ID}, Package: keyOf(packageID)}
	drafts := o.has(by.Person, "specialist", "") || o.has(by.Person, "head", "") || o.has(by.Person, "clerk", "") || o.has(by.Person, "leader", "")
	if x == nil {
		switch act := a.Act.(type) {
		case schemas.SaveDraft:
			if !drafts {
				return Acted{}, notAllowed
			}
			o.revise(o.begin(a.Target.ID, by.Person, now), by.Person, act.Draft, act.Note, packageID, files, now)
			return done, nil
		case schemas.MakeCopy:
			x := o.begin(a.Target.ID, by.Person, now)
			o.revise(x, by.Person, schemas.Draft{Type: "Công văn", Subject: act.Form + " " + act.Of + " " + act.Extract, Signer: act.Signer, Recipients: act.Recipients, ToPlaces: act.ToPlaces}, "", packageID, files, now)
			x.Chain = []view.ChainStep{{Person: o.ref(act.Signer), Role: "leader", Signs: true, State: "current"}}
			x.Versions[0].Extract = act.Extract
			x.Row.State, x.Row.Copy, x.Row.Subject = view.OutgoingSubmitted, act.Form, ""
			x.Row.TypeName = "Công văn"
			if of := o.findMade(act.Of); of != nil {
				x.Row.TypeName = of.Row.TypeName
				x.Related = append(x.Related, view.Relation{Kind: "copies", Number: of.Row.Number, Target: view.Target{Kind: "outgoing", ID: act.Of}})
			}
			return done, nil
		}
		return Acted{}, notAllowed
	}
	if !o.seesMade(by.Person, x) {
		return Acted{}, notAllowed
	}
	if act, ok := a.Act.(schemas.MakeCopy); ok && x.Row.Copy == act.Form && x.Row.State == view.OutgoingSentBack && (a.Seen == nil || *a.Seen == x.Version) {
		x.Chain[0].State, x.Row.State = "current", view.OutgoingSubmitted
		o.madeTrail(x, "outgoing.submitted.v1", by.Person, nil, "", now)
		return done, nil
	}
	if a.Seen != nil && *a.Seen != x.Version {
		return Acted{}, stale
	}
	if !slices.Contains(o.mayMade(by.Person, x), a.Act.Name()) {
		return Acted{}, notAllowed
	}
	switch act := a.Act.(type) {
	case schemas.SaveDraft:
		o.revise(x, by.Person, act.Draft, act.Note, packageID, files, now)
	case schemas.AskOpinion:
		var to []view.Assignee
		for _, of := range act.Of {
			to = append(to, o.assignee(of))
			x.asked = append(x.asked, of.Person)
		}
		o.madeTrail(x, "outgoing.opinion-asked.v1", by.Person, to, act.Question, now)
	case schemas.GiveOpinion:
		o.madeTrail(x, "outgoing.opinion-given.v1", by.Person, nil, act.Text, now)
	case schemas.Submit:
		if x.Row.Signer.ID == "" {
			return Acted{}, &Refused{Code: 7120, Vi: "Dự thảo còn thiếu người ký.", En: "The draft has no signer yet."}
		}
		o.submit(x, by.Person, act.Note, now)
	case schemas.Approve:
		o.step(x, by.Person, "approved", act.Note, now)
	case schemas.SendBack:
		o.step(x, by.Person, "sent-back", act.Reason, now)
	case schemas.Issue:
		o.issue(x, by.Person, act.Series, now)
	case schemas.Cancel:
		x.Row.State, x.Row.With = view.OutgoingCancelled, view.Assignee{}
		o.madeTrail(x, "outgoing.cancelled.v1", by.Person, nil, act.Reason, now)
	case schemas.RecallIssued:
		x.Row.State = view.OutgoingRecalled
		o.madeTrail(x, "outgoing.recall-asked.v1", by.Person, nil, act.Reason, now)
	default:
		return Acted{}, notAllowed
	}
	return done, nil
}

func (o *fakeOffice) findDossier(id string) *fakeDossier {
	for _, x := range o.dossiers {
		if x.Row.ID == id {
			return x
		}
	}
	return nil
}

func (o *fakeOffice) seesDossier(person string, x *fakeDossier) bool {
	return o.has(person, "clerk", "") || o.has(person, "leader", "") || o.has(person, "auditor", "") || x.Row.InCharge.ID == person || o.has(person, "head", x.Row.Unit.ID) ||
		x.Row.State == view.DossierClosed && o.has(person, "archivist", "") || slices.ContainsFunc(x.Tasks, func(t view.Task) bool { return t.To.Person.ID == person })
}

func (o *fakeOffice) manages(person string, x *fakeDossier) bool {
	return x.Row.InCharge.ID == person || o.has(person, "leader", "") || o.has(person, "head", x.Row.Unit.ID) && o.inUnit(person, x.Row.Unit.ID)
}

func (o *fakeOffice) mayDossier(person string, x *fakeDossier) view.May {
	if x.Row.State == view.DossierClosed {
		if o.manages(person, x) && x.Row.InCharge.ID != person {
			return view.May{"Reopen"}
		}
		return nil
	}
	var m view.May
	if o.manages(person, x) {
		m = append(m, "AddItem", "GiveOpinion", "GiveTask", "RecordDecision", "ClassifyDossier", "RemoveItem", "HandOver")
		if x.Row.OpenTasks == 0 {
			m = append(m, "CloseDossier")
		}
	}
	if x.Row.OpenTasks > 0 && (o.manages(person, x) || slices.ContainsFunc(x.Tasks, func(t view.Task) bool { return !t.Done && t.To.Person.ID == person })) {
		m = append(m, "FinishTask")
	}
	return m
}

func (o *fakeOffice) dossierTrail(x *fakeDossier, name, by string, to []view.Assignee, text string, at time.Time) {
	o.position++
	x.Trail = append(x.Trail, view.Trail{Position: o.position, At: at, Name: name, Person: o.ref(by), To: to, Text: text})
	x.Version++
	x.Row.Version = x.Version
}

func (o *fakeOffice) addItem(x *fakeDossier, by string, t view.Target, packageID string, files []string, at time.Time) {
	i := view.DossierItem{No: len(x.Items) + 1, Target: t, AddedAt: at, By: o.ref(by), Visible: true}
	if m := o.findMade(t.ID); m != nil {
		i.Number, i.Date, i.TypeName, i.Subject, i.Author = m.Row.Number, m.Row.Date, m.Row.TypeName, m.Row.Subject, view.Party{Name: o.office.Name}
	} else if m := o.find(t.ID); m != nil {
		i.Number, i.Date, i.TypeName, i.Subject, i.Author = m.Row.Number, m.Row.Date, m.Row.TypeName, m.Row.Subject, m.Row.From
	}
	if len(files) > 0 {
		i.Package, i.Files = keyOf(packageID), filesOfFake(files)
	}
	x.Items = append(x.Items, i)
	x.Row.Items = len(x.Items)
	o.dossierTrail(x, "dossier.item-added.v1", by, nil, "", at)
}

func (o *fakeOffice) actDossier(by Actor, packageID string, a schemas.DossierAction, files []string) (Acted, error) {
	now, x := o.f.clock.now(), o.findDossier(a.Target.ID)
	done := Acted{Target: view.Target{Kind: "dossier", ID: a.Target.ID}, Package: keyOf(packageID)}
	if open, ok := a.Act.(schemas.OpenDossier); ok && x == nil {
		o.numbers["hs"]++
		x = &fakeDossier{view.Dossier{Row: view.DossierRow{ID: a.Target.ID, Title: open.Title, FilePlan: open.FilePlan, Retention: open.Retention, InCharge: o.ref(cmp.Or(open.InCharge, by.Person)), Unit: o.unitOf(cmp.Or(open.InCharge, by.Person)),
			OpenedAt: now, State: view.DossierOpen, Due: view.Deadline{Day: isoDate(open.Due)}, Code: fmt.Sprintf("%02d/2026/%s", 2+o.numbers["hs"], open.FilePlan)}}}
		o.dossiers = append(o.dossiers, x)
		o.dossierTrail(x, "dossier.opened.v1", by.Person, nil, "", now)
		return done, nil
	}
	if x == nil || !o.seesDossier(by.Person, x) {
		return Acted{}, notAllowed
	}
	if a.Seen != nil && *a.Seen != x.Version {
		return Acted{}, stale
	}
	if !slices.Contains(o.mayDossier(by.Person, x), a.Act.Name()) {
		return Acted{}, notAllowed
	}
	switch act := a.Act.(type) {
	case schemas.AddItem:
		o.addItem(x, by.Person, view.Target{Kind: string(act.Item.Kind), ID: act.Item.ID}, packageID, files, now)
		x.Items[len(x.Items)-1].Note = act.Note
	case schemas.RemoveItem:
		if act.Item > uint64(len(x.Items)) {
			return Acted{}, notAllowed
		}
		x.Items[act.Item-1].Removed = act.Reason
		o.dossierTrail(x, "dossier.item-removed.v1", by.Person, nil, act.Reason, now)
	case schemas.GiveTask:
		x.Tasks = append(x.Tasks, view.Task{ID: act.Task, To: o.assignee(act.To), By: o.ref(by.Person), Text: act.Text, Due: view.Deadline{Day: isoDate(act.Due)}})
		x.Row.OpenTasks++
		o.dossierTrail(x, "dossier.task-given.v1", by.Person, []view.Assignee{o.assignee(act.To)}, act.Text, now)
	case schemas.FinishTask:
		i := slices.IndexFunc(x.Tasks, func(t view.Task) bool { return t.ID == act.Task && !t.Done })
		if i < 0 {
			return Acted{}, notAllowed
		}
		x.Tasks[i].Done, x.Tasks[i].DoneAt, x.Tasks[i].Result = true, now, act.Result
		x.Row.OpenTasks--
		o.dossierTrail(x, "dossier.task-finished.v1", by.Person, nil, act.Result, now)
	case schemas.RecordDecision:
		x.Decisions = append(x.Decisions, view.Decision{At: now, By: o.ref(by.Person), Text: act.Text, Document: view.Target{Kind: string(act.Document.Kind), ID: act.Document.ID}})
		o.dossierTrail(x, "dossier.decision-recorded.v1", by.Person, nil, act.Text, now)
	case schemas.GiveOpinion:
		o.dossierTrail(x, "dossier.opinion-given.v1", by.Person, nil, act.Text, now)
	case schemas.ClassifyDossier:
		x.Row.FilePlan, x.Row.Title = act.FilePlan, cmp.Or(act.Title, x.Row.Title)
		o.dossierTrail(x, "dossier.classified.v1", by.Person, nil, act.Reason, now)
	case schemas.HandOver:
		x.Row.InCharge = o.ref(act.To)
		o.dossierTrail(x, "dossier.handed-over.v1", by.Person, []view.Assignee{{Person: o.ref(act.To)}}, act.Reason, now)
	case schemas.CloseDossier:
		x.Row.State, x.Row.ClosedAt = view.DossierClosed, now
		o.dossierTrail(x, "dossier.closed.v1", by.Person, nil, act.Note, now)
	case schemas.Reopen:
		x.Row.State, x.Row.ClosedAt = view.DossierOpen, time.Time{}
		o.dossierTrail(x, "dossier.reopened.v1", by.Person, nil, act.Reason, now)
	default:
		return Acted{}, notAllowed
	}
	return done, nil
}

// The questions.

// Outgoing lists drafts and what was sent, the latest first.
func (o *fakeOffice) Outgoing(_ context.Context, q view.OutgoingQuery) (view.Page[view.OutgoingRow], error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f.broken != nil {
		return view.Page[view.OutgoingRow]{}, o.f.broken
	}
	plain := func(s string) string { return strings.ToLower(withoutMarks(s)) }
	var all []view.OutgoingRow
	for _, x := range slices.Backward(o.outgoing) {
		r := x.Row
		open := slices.Contains([]string{view.OutgoingDraft, view.OutgoingSubmitted, view.OutgoingSentBack, view.OutgoingSigned, view.OutgoingNumbering, view.OutgoingNumbered}, r.State)
		switch {
		case !o.seesMade(q.Staff.Person, x), q.Series != "" && r.Series != q.Series, q.Year != 0 && r.Year != q.Year, q.State != "" && r.State != q.State, q.Open && !open, q.Issued && r.Number == "",
			q.Valid && (r.Void != "" || r.Number == ""), q.Author != "" && r.Author.ID != q.Author, q.Unit != "" && r.Unit.ID != q.Unit, q.Words != "" && !strings.Contains(plain(r.Subject), plain(q.Words)),
			q.Number != "" && !strings.Contains(plain(r.Number), plain(q.Number)), q.From != "" && r.Date < q.From, q.To != "" && (r.Date > q.To || r.Date == ""), q.TypeName != "" && r.TypeName != q.TypeName,
			q.Recipient != "" && !slices.ContainsFunc(r.To, func(p view.Party) bool { return p.Org == q.Recipient }):
			continue
		}
		all = append(all, r)
	}
	return sparsePage(o, all, q.Cursor, q.Limit)
}

// OutgoingDocument is one.
func (o *fakeOffice) OutgoingDocument(_ context.Context, s view.Staff, id string) (view.OutgoingDocument, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.findMade(id)
	if o.f.broken != nil || x == nil || !o.seesMade(s.Person, x) {
		return view.OutgoingDocument{}, cmp.Or(o.f.broken, view.ErrNotFound)
	}
	d := x.OutgoingDocument
	d.Trail, d.Chain, d.Versions, d.May = slices.Clone(d.Trail), slices.Clone(d.Chain), slices.Clone(d.Versions), o.mayMade(s.Person, x)
	for i := range d.Chain {
		d.Chain[i].Due = deadline(d.Chain[i].Due, time.Time{}, s.Now)
	}
	if d.Row.State == view.OutgoingDraft || len(d.Recipients) == 0 {
		for _, to := range d.Row.To {
			d.Recipients = append(d.Recipients, view.RecipientState{Party: to})
		}
	}
	return d, nil
}

// Dossiers lists them.
func (o *fakeOffice) Dossiers(_ context.Context, q view.DossierQuery) (view.Page[view.DossierRow], error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f.broken != nil {
		return view.Page[view.DossierRow]{}, o.f.broken
	}
	plain := func(s string) string { return strings.ToLower(withoutMarks(s)) }
	var all []view.DossierRow
	for _, x := range slices.Backward(o.dossiers) {
		r := x.Row
		r.Due = deadline(r.Due, r.ClosedAt, q.Staff.Now)
		if o.seesDossier(q.Staff.Person, x) && (q.State == "" || q.State == r.State) && (q.Words == "" || strings.Contains(plain(r.Title), plain(q.Words))) && (q.FilePlan == "" || r.FilePlan == q.FilePlan) &&
			(q.InCharge == "" || r.InCharge.ID == q.InCharge) && (!q.Late || r.Due.Late) && (q.Year == 0 || r.OpenedAt.Year() == q.Year) {
			all = append(all, r)
		}
	}
	return fakePage(all, q.Cursor, q.Limit, 50)
}

// Dossier is one.
func (o *fakeOffice) Dossier(_ context.Context, s view.Staff, id string) (view.Dossier, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.findDossier(id)
	if o.f.broken != nil || x == nil || !o.seesDossier(s.Person, x) {
		return view.Dossier{}, cmp.Or(o.f.broken, view.ErrNotFound)
	}
	d := x.Dossier
	d.Items, d.Tasks, d.Trail, d.May = slices.Clone(d.Items), slices.Clone(d.Tasks), slices.Clone(d.Trail), o.mayDossier(s.Person, x)
	d.Row.Due = deadline(d.Row.Due, d.Row.ClosedAt, s.Now)
	for i := range d.Tasks {
		d.Tasks[i].Due = deadline(d.Tasks[i].Due, d.Tasks[i].DoneAt, s.Now)
	}
	return d, nil
}

// acted is a file that came with an act.
func (o *fakeOffice) acted(sum string, index int) (fakeFile, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, ok := o.files[fmt.Sprintf("%s/%d", sum, index)]
	return f, ok
}
