package projections

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/internal/view"
)

// scenario is a log in which everything happens that views know of.
type scenario struct {
	*testLog
	letter    paperSpec // ubnd → sxd (acknowledged, 03), vpcp (forwarded), syt (waiting)
	recalled  paperSpec // sxd → syt (withdrawn before it was taken), stp (taken, then marked)
	recall    paperSpec // what recalled it
	replaced  paperSpec // ubnd → sxd, replaced
	replacing paperSpec
	early     paperSpec // an effect on it came in before itself
	resent    paperSpec // stp → sxd, resent to syt
	reply     paperSpec // sxd → ubnd, answers letter
	destroyed paperSpec // its words are destroyed
	stuck     paperSpec // ubnd → vpcp, retrying, then failed
	waiting   paperSpec // syt → vpcp, retrying
	odd       paperSpec // dept → ubnd
	status    events.Digest
	askedBack events.Digest
	destroyAt uint64
}

func newScenario(t testing.TB) *scenario {
	l := newTestLog("bg/log")
	s := &scenario{testLog: l}
	l.organisations(t)
	l.add(t, record{stream: policy.Stream, name: policy.NameSet, data: policy.Set{Number: 1, Policy: json.RawMessage(`{}`)}})
	l.add(t, record{stream: directory.Stream, name: directory.NameReadingGranted, data: directory.ReadingGranted{
		Right: "thanh-tra", Reader: directory.Holder{Kind: directory.HolderAuditor, ID: "TT"}, Org: sxd,
		From: time.Date(2022, 11, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2022, 12, 31, 0, 0, 0, 0, time.UTC)}})

	s.letter = paperSpec{from: ubnd, number: "7816", notation: "UBND-TTĐT", subject: "Về việc đẩy mạnh đầu tư công trung hạn", typ: "Công văn", date: "2022-11-20", to: []string{sxd, vpcp, syt}}
	pos := l.receive(t, s.letter)
	l.offer(t, s.letter, pos, sxd, vpcp, syt)
	l.take(t, s.letter, sxd)
	l.acknowledge(t, s.letter, sxd)
	s.status = l.status(t, s.letter, sxd, "03")
	l.add(t, record{stream: deliveryStream(s.letter, vpcp), name: delivery.NameForwarded, data: delivery.Forwarded{Node: peer, Position: 77}})

	s.recalled = paperSpec{from: sxd, number: "15", notation: "SXD-QLĐT", subject: "Báo cáo nhầm số liệu", typ: "Báo cáo", date: "2022-11-21", to: []string{syt, stp}}
	pos = l.receive(t, s.recalled)
	l.offer(t, s.recalled, pos, syt, stp)
	l.take(t, s.recalled, stp)
	s.recall = paperSpec{from: sxd, number: "16", notation: "SXD-QLĐT", subject: "Thu hồi báo cáo số 15", typ: "Công văn", date: "2022-11-21", to: []string{syt, stp},
		data: func(d *document.Received) {
			d.Business = 1
			d.Effects = []document.EffectOn{{Kind: document.EffectRecall, Document: s.recalled.key()}}
		}}
	pos = l.receive(t, s.recall)
	l.offer(t, s.recall, pos, syt, stp)
	l.add(t, record{stream: s.recalled.stream(), name: document.NameRecalled, actor: sxd, cause: pos, data: document.Recalled{Document: s.recalled.key(), By: s.recall.key()}})
	l.add(t, record{stream: deliveryStream(s.recalled, syt), name: delivery.NameWithdrawn, data: delivery.Withdrawn{By: s.recall.key()}})
	l.add(t, record{stream: deliveryStream(s.recalled, stp), name: delivery.NameMarked, data: delivery.Marked{Mark: delivery.MarkRecalled, By: s.recall.key()}})

	s.replaced = paperSpec{from: ubnd, number: "90", notation: "QĐ-UBND", subject: "Phê duyệt kế hoạch", typ: "Quyết định", date: "2022-11-10", to: []string{sxd}}
	pos = l.receive(t, s.replaced)
	l.offer(t, s.replaced, pos, sxd)
	l.take(t, s.replaced, sxd)
	l.acknowledge(t, s.replaced, sxd)
	s.replacing = paperSpec{from: ubnd, number: "91", notation: "QĐ-UBND", subject: "Phê duyệt lại kế hoạch", typ: "Quyết định", date: "2022-11-22", to: []string{sxd}}
	pos = l.receive(t, s.replacing)
	l.offer(t, s.replacing, pos, sxd)
	l.add(t, record{stream: s.replaced.stream(), name: document.NameReplaced, actor: ubnd, cause: pos, data: document.Replaced{Document: s.replaced.key(), By: s.replacing.key()}})
	l.add(t, record{stream: deliveryStream(s.replaced, sxd), name: delivery.NameMarked, data: delivery.Marked{Mark: delivery.MarkReplaced, By: s.replacing.key()}})

	s.early = paperSpec{from: ubnd, number: "100", notation: "UBND", subject: "Văn bản đến sau khi bị cập nhật", typ: "Công văn", date: "2022-11-22", to: []string{stp}}
	l.add(t, record{stream: s.early.stream(), name: document.NameUpdated, actor: ubnd, data: document.Updated{Document: s.early.key(), By: s.replacing.key()}})
	pos = l.receive(t, s.early)
	l.offer(t, s.early, pos, stp)

	s.resent = paperSpec{from: stp, number: "7", notation: "STP", subject: "Góp ý dự thảo", typ: "Công văn", date: "2022-11-22", to: []string{sxd}}
	pos = l.receive(t, s.resent)
	l.offer(t, s.resent, pos, sxd)
	pkg := packageOf("resent")
	pos = l.add(t, record{stream: s.resent.stream(), name: document.NameResent, actor: stp, pkg: pkg,
		data:  document.Resent{Document: s.resent.key(), Assurance: document.AssuranceOwn, Recipients: recipientsOf([]string{syt})},
		facts: document.Facts{DocumentID: s.resent.id(), CodeNumber: "7", CodeNotation: "STP", Subject: s.resent.subject}})
	l.offer(t, s.resent, pos, syt)
	l.offer(t, s.resent, pos, bn) // added by nobody's word: found all the same

	s.reply = paperSpec{from: sxd, number: "20", notation: "SXD", subject: "Trả lời công văn 7816", typ: "Công văn", date: "2022-11-23", to: []string{ubnd},
		facts: func(f *document.Facts) {
			f.RepliesTo = []document.ReplyFacts{{Document: s.letter.key(), Org: ubnd, Code: "7816/UBND-TTĐT"}}
		}}
	pos = l.receive(t, s.reply)
	l.offer(t, s.reply, pos, ubnd)

	s.destroyed = paperSpec{from: syt, number: "33", notation: "SYT", subject: "Tin cá nhân", typ: "Công văn", date: "2022-10-01", to: []string{ubnd}}
	s.destroyAt = l.receive(t, s.destroyed)
	l.offer(t, s.destroyed, s.destroyAt, ubnd)
	l.destroy(s.destroyAt)

	s.stuck = paperSpec{from: ubnd, number: "55", notation: "UBND", subject: "Không gửi được", typ: "Công văn", date: "2022-11-23", to: []string{vpcp}}
	pos = l.receive(t, s.stuck)
	l.offer(t, s.stuck, pos, vpcp)
	l.add(t, record{stream: deliveryStream(s.stuck, vpcp), name: delivery.NameRetrying, data: delivery.Retrying{Reason: "unreachable", Attempts: 3}})
	l.add(t, record{stream: deliveryStream(s.stuck, vpcp), name: delivery.NameFailed, data: delivery.Failed{Reason: "unreachable", Attempts: 30}})

	s.waiting = paperSpec{from: syt, number: "56", notation: "SYT", subject: "Đang chờ", typ: "Công văn", date: "2022-11-23", to: []string{vpcp}}
	pos = l.receive(t, s.waiting)
	l.offer(t, s.waiting, pos, vpcp)
	l.add(t, record{stream: deliveryStream(s.waiting, vpcp), name: delivery.NameRetrying, data: delivery.Retrying{Reason: "busy", Attempts: 1}})

	s.odd = paperSpec{from: dept, number: "1", notation: "ĐV", subject: "Mã lạ", typ: "Giấy mời", date: "2022-11-23", to: []string{ubnd}}
	pos = l.receive(t, s.odd)
	l.offer(t, s.odd, pos, ubnd)

	s.askedBack = l.status(t, s.letter, ubnd, "13")
	l.add(t, record{stream: refusal.StreamPrefix + "00", name: refusal.NameRecorded, data: refusal.Recorded{Caller: "token:x", Sender: sxd, Code: "2004"}})
	l.add(t, record{stream: submission.Stream(sxd, "nop-ho-1"), name: submission.NameIDBound, data: submission.IDBound{Issuer: sxd, Package: events.Sum([]byte("p")), Content: events.Sum([]byte("c"))}})
	l.add(t, record{stream: refusal.StreamPrefix + "01", name: refusal.NameRecorded, data: refusal.Recorded{Caller: "token:x", Code: "2004"}})
	l.add(t, record{stream: directory.Stream, name: directory.NameOrganisationChanged, data: directory.OrganisationChanged{Org: sxd}, facts: directory.OrganisationFacts{Name: "Sở Xây dựng và Giao thông"}})
	cert := events.Sum([]byte("certificate"))
	l.add(t, record{stream: directory.Stream, name: directory.NameCertificateEnrolled, data: directory.CertificateEnrolled{
		Certificate: cert, Holder: directory.Holder{Kind: directory.HolderOrganisation, ID: sxd}, Purposes: []directory.Purpose{directory.PurposeSign},
		From: time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2022, 12, 24, 0, 0, 0, 0, time.UTC)}})
	return s
}

func (s *scenario) papers() []paperSpec {
	return []paperSpec{s.letter, s.recalled, s.recall, s.replaced, s.replacing, s.early, s.resent, s.reply, s.destroyed, s.stuck, s.waiting, s.odd}
}

var everybody = []string{ubnd, sxd, syt, stp, vpcp, bn, dept, "nobody"}

// dump asks everything there is to ask, for every reader.
func dump(t testing.TB, v *Views, keys []string, packages []string) string {
	t.Helper()
	var out []any
	put := func(what string, answer any, err error) {
		if err != nil && err != view.ErrNotFound {
			t.Fatalf("%s: %v", what, err)
		}
		out = append(out, []any{what, answer, err != nil})
	}
	ctx := t.Context()
	readers := []view.Reader{{Audit: true}, {Right: "thanh-tra"}}
	for _, org := range everybody {
		readers = append(readers, view.Reader{Orgs: []string{org}})
	}
	for _, r := range readers {
		for _, org := range everybody {
			for _, dir := range []view.Direction{view.Outgoing, view.Incoming} {
				for _, words := range []string{"", "công"} {
					q := view.RegisterQuery{Reader: r, Org: org, Direction: dir, Limit: 3, Words: words}
					for {
						page, err := v.Register(ctx, q)
						put("register", page, err)
						if q.Cursor = page.Next; page.Next == "" {
							break
						}
					}
				}
			}
			n, err := v.NotTaken(ctx, r, org, 0)
			put("not taken", n, err)
		}
		for _, k := range keys {
			d, err := v.Document(ctx, r, k)
			put("document", d, err)
		}
		for _, p := range packages {
			d, err := v.MayRead(ctx, r, p)
			put("may read", d, err)
		}
	}
	for _, org := range everybody {
		for _, state := range []string{"", view.StateWaiting, view.StateTaken, view.StateAcknowledged, view.StateWithdrawn} {
			m, err := v.Mailbox(ctx, view.MailboxQuery{Org: org, State: state})
			put("mailbox", m, err)
			for _, e := range m.Rows {
				one, err := v.MailboxEntry(ctx, e.ID)
				put("entry", one, err)
			}
		}
		name, err := v.OrganisationName(ctx, org, time.Date(2022, 11, 22, 1, 0, 30, 0, time.UTC))
		put("name", name, err)
	}
	o, err := v.Outstanding(ctx, peer, 0, 0)
	put("outstanding", o, err)
	c, err := v.Certificates(ctx, time.Time{})
	put("certificates", c, err)
	h, err := v.Health(ctx)
	h.Lag = 0
	put("health", h, err)
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *scenario) dump(t testing.TB, v *Views) string {
	t.Helper()
	var keys, packages []string
	for _, p := range s.papers() {
		keys = append(keys, p.key())
		packages = append(packages, p.pkg().SHA256.String())
	}
	packages = append(packages, s.status.String(), s.askedBack.String(), events.Sum([]byte("resent")).String())
	return dump(t, v, keys, packages)
}
