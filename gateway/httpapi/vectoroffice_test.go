package httpapi_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

// workingOffice is the sender's, as vectors need it: units nv and kt; an and binh, specialists of nv, cuc its head, giang, a specialist of
// kt; dung and oanh, leaders; em, a clerk; khoa, an auditor. lan, of kt, stands in for dung.
func workingOffice(now time.Time) []schemas.Operation {
	duty := func(person, role, unit string) schemas.Operation {
		return schemas.SetPerson{Agency: codeSender, Person: person, Name: "Người " + person, Position: "Chức vụ", Duties: []schemas.OfficeDuty{{Role: role, Unit: unit}}}
	}
	return []schemas.Operation{
		schemas.SetUnit{Agency: codeSender, Unit: "nv", Name: "Phòng Nghiệp vụ", Short: "NV"}, schemas.SetUnit{Agency: codeSender, Unit: "kt", Name: "Phòng Kế toán"},
		duty("an", "specialist", "nv"), duty("binh", "specialist", "nv"), duty("cuc", "head", "nv"), duty("giang", "specialist", "kt"),
		duty("dung", "leader", ""), duty("oanh", "leader", ""), duty("em", "clerk", ""), duty("khoa", "auditor", ""), duty("lan", "specialist", "kt"),
		schemas.Delegate{Agency: codeSender, Delegation: "thay", From: "dung", To: "lan", Start: now.AddDate(0, 0, -7), End: now.AddDate(0, 1, 0)},
		schemas.SetRegister{Agency: codeSender, Register: "den", Name: "Sổ văn bản đến"},
		schemas.SetSeries{Agency: codeSender, Series: "chung", Name: "Chung", Notation: "{type}-SKHĐT"},
		schemas.SetSeries{Agency: codeSender, Series: "sao", Name: "Bản sao", Copies: true, Notation: "{type}-SKHĐT"},
		schemas.SetChain{Agency: codeSender, Chain: "thuong", Name: "Thường", Steps: []schemas.OfficeStep{{Role: "head", Unit: "author"}, {Role: "leader"}}},
	}
}

// vectorCustody has one key, or none.
type vectorCustody struct{ a *agency }

func (c vectorCustody) Key([]string, time.Time) (office.Key, error) {
	if c.a == nil {
		return office.Key{}, office.ErrNoKey
	}
	return office.Key{Signer: c.a.key, Chain: []*x509.Certificate{c.a.cert}, Release: func() {}}, nil
}

// stopping is a node that records so many steps and no more.
type stopping struct {
	*gateway.Node
	left int
}

func (n *stopping) Record(ctx context.Context, s gateway.Step) (events.Sealed, bool, error) {
	if n.left--; n.left < 0 {
		return events.Sealed{}, false, errors.New("stopped")
	}
	return n.Node.Record(ctx, s)
}

// officeIn makes the sender's office with its document d in a phase: an's draft, which cuc approves, dung signs and em issues.
func officeIn(t testing.TB, phase string) *world {
	t.Helper()
	w := newWorld(t)
	key, cert := w.issue(w.ca, trialca.Leaf{Name: "Khóa giữ hộ", OrgCode: codeSender, Use: trialca.Sign})
	w.mustChange(append(workingOffice(w.clock.Now()), schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender},
		Purposes: []schemas.Purpose{schemas.PurposeCustody}, DER: cert.Raw})...)
	custody, steps := vectorCustody{&agency{key: key, cert: cert}}, 1000
	w.custody = custody
	draft := schemas.Draft{Type: "Công văn", Subject: "V/v báo cáo", Recipients: []string{codeRecipient, codeSecond}, ToPlaces: []string{"Lưu: VT"}, Signer: "dung"}
	acts := []struct {
		phase, person string
		act           schemas.Act
	}{
		{"", "an", schemas.SaveDraft{Draft: draft}},
		{"draft", "an", schemas.Submit{}},
		{"submitted", "cuc", schemas.Approve{}},
		{"approved", "dung", schemas.Approve{}},
		{"signed", "em", schemas.Issue{}},
	}
	switch phase {
	case "cancelled":
		acts = append(acts[:1:1], acts[0])
		acts[1].act = schemas.Cancel{Reason: "Không cần nữa"}
	case "numbering":
		steps = 0
	case "numbered": // a number is chosen, taken, and had
		steps = 3
	case "sealed":
		custody.a = nil
	}
	for i, a := range acts {
		if a.phase == phase {
			return w
		}
		w.act(fmt.Sprintf("truoc-%d", i+1), a.person, a.act)
	}
	o, err := office.New(office.Options{Log: w.store, Node: &stopping{w.node, steps}, Custody: custody})
	if err != nil {
		t.Fatal(err)
	}
	stream := outgoing.Stream(codeSender, "d")
	_ = o.Carry(w.ctx, stream) // what could not be done is the phase wanted
	if s, err := w.node.Others().Outgoing(w.ctx, stream); err != nil || string(s.Phase) != phase {
		t.Fatalf("document is in phase %q, expected %q: %v", s.Phase, phase, err)
	}
	return w
}

// act is done by a person of the sender with document d, under its own signature, and accepted.
func (w *world) act(id, person string, act schemas.Act) {
	w.t.Helper()
	if a := w.tryAct(id, person, "d", act); a.status >= 300 {
		w.t.Fatalf("%s by %s: status %d: %s", act.Name(), person, a.status, a.body)
	}
}

// tryAct hands in an act of a person, or of one in the place of another ("lan/dung").
func (w *world) tryAct(id, person, target string, act schemas.Act, files ...schemas.File) answer {
	w.t.Helper()
	person, inPlaceOf, _ := strings.Cut(person, "/")
	b, _, err := schemas.MarshalDossierAction(schemas.Header{ID: id, From: codeSender, IssuedAt: w.clock.Now(), Person: schemas.Person{Name: "Người " + person, Account: person}},
		schemas.DossierAction{Target: schemas.ActTarget{Kind: schemas.TargetOutgoing, ID: target}, For: inPlaceOf, Act: act}, files)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.post("sender", w.sign(b, w.agencies[codeSender]))
}
