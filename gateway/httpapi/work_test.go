package httpapi_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

// agencyAtWork is a world in which agencies work in their office: each has people, books, a chain, and a key in the node's custody.
type agencyAtWork struct {
	*world
	office *office.Office
	keys   map[string]*agency // in custody, by code
	clicks int
	mu     sync.Mutex
}

// custodyOf gives the keys of a world.
type custodyOf map[string]*agency

func (c custodyOf) Key(codes []string, _ time.Time) (office.Key, error) {
	for _, code := range codes {
		if a := c[code]; a != nil {
			return office.Key{Signer: a.key, Chain: []*x509.Certificate{a.cert}, Release: func() {}}, nil
		}
	}
	return office.Key{}, office.ErrNoKey
}

// The people of every office: lan registers, huong leads, binh heads the unit tc, in which minh works.
func officeOf(code string) []schemas.Operation {
	duty := func(role, unit string) []schemas.OfficeDuty { return []schemas.OfficeDuty{{Role: role, Unit: unit}} }
	return []schemas.Operation{
		schemas.SetUnit{Agency: code, Unit: "tc", Name: "Phòng Tài chính", Short: "TC"},
		schemas.SetPerson{Agency: code, Person: "lan", Name: "Nguyễn Thị Lan", Position: "Văn thư", Duties: duty("clerk", "")},
		schemas.SetPerson{Agency: code, Person: "huong", Name: "Nguyễn Thị Hương", Position: "Giám đốc", Duties: duty("leader", "")},
		schemas.SetPerson{Agency: code, Person: "binh", Name: "Trần Văn Bình", Position: "Trưởng phòng", Duties: duty("head", "tc")},
		schemas.SetPerson{Agency: code, Person: "minh", Name: "Lê Đức Minh", Position: "Chuyên viên", Duties: duty("specialist", "tc")},
		schemas.SetRegister{Agency: code, Register: "den", Name: "Sổ văn bản đến"},
		schemas.SetSeries{Agency: code, Series: "cv", Name: "Công văn", Notation: "S-TC"},
		schemas.SetChain{Agency: code, Chain: "ky", Name: "Ký", Steps: []schemas.OfficeStep{{Role: "head", Unit: "author"}, {Role: "leader"}}},
		schemas.SetRetention{Agency: code, Retention: "10-nam", Name: "10 năm", Years: 10},
		schemas.SetFilePlan{Agency: code, Code: "01-TH", Title: "Tổng hợp", Retention: "10-nam"},
	}
}

func newAgencyAtWork(t testing.TB, codes ...string) *agencyAtWork {
	t.Helper()
	a := &agencyAtWork{world: newWorld(t), keys: map[string]*agency{}}
	for _, code := range codes {
		key, cert := a.issue(a.ca, trialca.Leaf{Name: "Khóa giữ hộ " + code, OrgCode: code, Use: trialca.Sign})
		a.keys[code] = &agency{code: code, key: key, cert: cert}
		ops := append(officeOf(code), schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: code},
			Purposes: []schemas.Purpose{schemas.PurposeCustody}, DER: cert.Raw})
		if _, err := a.change(ops...); err != nil {
			t.Fatalf("couldn't open the office of %s: %v", code, err)
		}
	}
	a.office = a.newOffice(a.node)
	return a
}

func (a *agencyAtWork) newOffice(n office.Node) *office.Office {
	a.t.Helper()
	o, err := office.New(office.Options{Log: a.store, Node: n, Custody: custodyOf(a.keys)})
	if err != nil {
		a.t.Fatal(err)
	}
	return o
}

// click is one act of a person of an agency, at the portal.
func (a *agencyAtWork) click(org, person string, kind schemas.TargetKind, id string, act schemas.Act, files ...schemas.File) (office.Done, error) {
	a.mu.Lock()
	a.clicks++
	n := a.clicks
	a.mu.Unlock()
	return a.office.Do(a.ctx, office.Act{
		Org: org, Person: person, PackageID: fmt.Sprintf("click-%d", n),
		Action: schemas.DossierAction{Target: schemas.ActTarget{Kind: kind, ID: id}, Act: act}, Files: files,
	})
}

func (a *agencyAtWork) did(org, person string, kind schemas.TargetKind, id string, act schemas.Act, files ...schemas.File) office.Done {
	a.t.Helper()
	d, err := a.click(org, person, kind, id, act, files...)
	if err == nil {
		err = d.Pending
	}
	if err != nil {
		a.t.Fatalf("%s of %s couldn't %s %s: %v", person, org, act.Name(), id, err)
	}
	return d
}

// carryOn routes and carries on until nothing more follows.
func (a *agencyAtWork) carryOn() {
	a.t.Helper()
	for {
		size := a.store.Head().Size
		if _, err := a.router.Step(a.ctx); err != nil {
			a.t.Fatalf("couldn't route: %v", err)
		}
		if err := a.office.CarryOn(a.ctx); err != nil {
			a.t.Fatalf("couldn't carry on: %v", err)
		}
		if a.store.Head().Size == size {
			return
		}
	}
}

// nothingWaits fails when something could not be done.
func (a *agencyAtWork) nothingWaits() {
	a.t.Helper()
	if s := a.office.Status(); s.Waiting > 0 || s.Behind > 0 {
		a.t.Fatalf("left: %+v", s)
	}
}

// names are the events of a stream, without their kind and version.
func (a *agencyAtWork) names(stream string) []string {
	a.t.Helper()
	var out []string
	err := a.store.Stream(a.ctx, stream, 0, func(e events.Event) error {
		name := strings.TrimSuffix(e.Statement.Name, ".v1")
		out = append(out, name[strings.Index(name, ".")+1:])
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// codesOf are the status codes that an agency has reported about a document.
func (a *agencyAtWork) statuses(key, org string) []string {
	a.t.Helper()
	var out []string
	err := a.store.Stream(a.ctx, document.StreamPrefix+key, 0, func(e events.Event) error {
		if e.Statement.Name != document.NameStatusReported {
			return nil
		}
		var d document.StatusReported
		if err := jsonInto(e, &d); err != nil {
			return err
		}
		if d.Reporter == org {
			out = append(out, d.Code)
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// told is the description of the last status of a document.
func (a *agencyAtWork) told(key string) (out string) {
	a.t.Helper()
	if err := a.store.Stream(a.ctx, document.StreamPrefix+key, 0, func(e events.Event) error {
		if e.Statement.Name != document.NameStatusReported {
			return nil
		}
		var f document.StatusFacts
		err := json.Unmarshal(e.Facts, &f)
		out = f.Description
		return err
	}); err != nil {
		a.t.Fatal(err)
	}
	return out
}

func (a *agencyAtWork) deliveryOf(key, org string) delivery.State {
	a.t.Helper()
	s, err := a.node.Others().Delivery(a.ctx, delivery.Stream(document.StreamPrefix+key, delivery.ItemDocument, org))
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

// openEntries are the entries of an agency's mailbox that wait.
func (a *agencyAtWork) openEntries(org string) (open []delivery.Offered) {
	a.t.Helper()
	states := map[string]delivery.State{}
	err := a.store.All(a.ctx, 0, func(e events.Event) (err error) {
		if strings.HasPrefix(e.Statement.Stream, delivery.StreamPrefix) {
			states[e.Statement.Stream], err = delivery.Fold(states[e.Statement.Stream], e)
		}
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, s := range states {
		if s.Offer.Org == org && (s.Phase == delivery.PhaseOffered || s.Phase == delivery.PhaseTaken) {
			open = append(open, s.Offer)
		}
	}
	return open
}

// sent hands in a document of the sender to the recipient and second, and gives its key.
func (a *agencyAtWork) sent(number string) string {
	a.t.Helper()
	d := a.doc(number, func(d *schemas.Document) {
		d.To = append(d.To, schemas.Organisation{ID: codeSecond, Name: "Sở Nội vụ"})
	})
	var got struct {
		Document string `json:"document"`
	}
	a.post("sender", a.signed(d)).into(a.t, &got)
	return got.Document
}

func TestWorkOfARecipient(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	key := a.sent("101")
	a.carryOn()
	if got := a.statuses(key, codeRecipient); !slices.Equal(got, []string{"01"}) {
		t.Fatalf("after arrival the sender knows %v", got)
	}
	if got := a.statuses(key, codeSecond); got != nil {
		t.Fatalf("spoke for an agency without an office: %v", got)
	}
	in := func(person string, act schemas.Act) { a.did(codeRecipient, person, schemas.TargetIncoming, key, act) }
	in("lan", schemas.RegisterIncoming{})
	if d := a.deliveryOf(key, codeRecipient); d.Phase != delivery.PhaseAcknowledged {
		t.Errorf("the mailbox entry of what was registered is %v", d.Phase)
	}
	in("lan", schemas.Present{To: "huong"})
	in("huong", schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "minh"}, Opinion: "Tham mưu trả lời"})
	in("minh", schemas.StartHandling{})
	in("minh", schemas.FinishHandling{Result: "Đã trả lời"})
	if got, want := a.statuses(key, codeRecipient), []string{"01", "03", "04", "05", "06"}; !slices.Equal(got, want) {
		t.Errorf("the sender knows %v, expected %v", got, want)
	}
	stream := incoming.Stream(codeRecipient, key)
	if got, want := a.names(stream), []string{"registration-asked", "number-chosen", "registered", "presented", "assigned", "handling-started", "finished"}; !slices.Equal(got, want) {
		t.Errorf("%s has %v, expected %v", stream, got, want)
	}
	size := a.store.Head().Size
	a.carryOn()
	for range 2 {
		if err := a.office.Carry(a.ctx, stream); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.store.Head().Size - size; got != 5*2 { // the sender has no office: its five statuses are offered, and nothing else follows
		t.Logf("%d events followed", got)
	}
	a.nothingWaits()

	refused := a.sent("102")
	a.carryOn()
	a.did(codeRecipient, "lan", schemas.TargetIncoming, refused, schemas.RefuseIncoming{Reason: "Không thuộc thẩm quyền"})
	if got := a.statuses(refused, codeRecipient); !slices.Equal(got, []string{"01", "02"}) {
		t.Errorf("after a refusal the sender knows %v", got)
	}
	if got := a.told(refused); got != "Không thuộc thẩm quyền" {
		t.Errorf("the sender reads %q as the reason", got)
	}
	long := a.sent("105")
	a.carryOn()
	a.did(codeRecipient, "lan", schemas.TargetIncoming, long, schemas.RefuseIncoming{Reason: strings.Repeat("Sai nơi nhận. ", 100)})
	if got := []rune(a.told(long)); len(got) != 500 || got[499] != '…' {
		t.Errorf("the sender reads %d characters of a long reason", len(got))
	}
	third := a.sent("103")
	a.carryOn()
	a.did(codeRecipient, "lan", schemas.TargetIncoming, third, schemas.RegisterIncoming{})
	s, err := a.node.Others().Incoming(a.ctx, incoming.Stream(codeRecipient, third))
	if err != nil || s.Number != 2 {
		t.Errorf("the second in the register has number %d (%v)", s.Number, err)
	}
}

func TestWorkOfASender(t *testing.T) {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	out := func(person string, act schemas.Act, files ...schemas.File) office.Done {
		return a.did(codeSender, person, schemas.TargetOutgoing, "d-1", act, files...)
	}
	draft := schemas.Draft{Type: "Công văn", Subject: "V/v báo cáo", Content: "Kính gửi", Recipients: []string{codeRecipient, codeSecond}, Signer: "huong",
		Competence: "GIÁM ĐỐC"}
	out("minh", schemas.SaveDraft{Draft: draft}, schemas.FileBytes("cong-van.pdf", "application/pdf", []byte("%PDF-1.4 thử")))
	out("minh", schemas.Submit{})
	out("binh", schemas.Approve{})
	out("huong", schemas.Approve{})
	out("lan", schemas.Issue{})
	s, err := a.node.Others().Outgoing(a.ctx, outgoing.Stream(codeSender, "d-1"))
	if err != nil || s.Phase != outgoing.PhaseIssued || s.Number != 1 {
		t.Fatalf("issued: %v, number %d, %v; events %v", s.Phase, s.Number, err, a.names(outgoing.Stream(codeSender, "d-1")))
	}
	a.carryOn()
	if got := a.statuses(s.Document, codeRecipient); !slices.Equal(got, []string{"01"}) {
		t.Errorf("the recipient's office says %v", got)
	}
	d, err := a.node.Others().Document(a.ctx, document.StreamPrefix+s.Document)
	if err != nil || !d.Received || d.Assurance != document.AssuranceCustody || len(d.Recipients) != 2 {
		t.Errorf("what was sent is %+v (%v)", d, err)
	}
	// The status that came back is read on the document's page: its entry waits for nobody.
	for _, open := range a.openEntries(codeSender) {
		t.Errorf("an entry of %s waits in the mailbox of an agency that works in its office", open.Item)
	}
	out("lan", schemas.RecallIssued{Reason: "Sai nội dung", Recipients: []string{codeRecipient}})
	a.carryOn()
	if got := a.statuses(s.Document, codeSender); !slices.Equal(got, []string{"13"}) {
		t.Errorf("asked back with %v", got)
	}
	if got := a.names(incoming.Stream(codeRecipient, s.Document)); !slices.Equal(got, []string{"withdrawn"}) {
		t.Errorf("nobody had registered it, and the recipient has %v", got)
	}
	a.nothingWaits()

	// What is given up after it was numbered leaves its number void.
	paper := schemas.Draft{Type: "Công văn", Subject: "V/v giấy", Content: "x", ToPlaces: []string{"Lưu: VT"}, Signer: "huong"}
	two := func(person string, act schemas.Act, files ...schemas.File) {
		a.did(codeSender, person, schemas.TargetOutgoing, "d-2", act, files...)
	}
	two("minh", schemas.SaveDraft{Draft: paper}, schemas.FileBytes("a.pdf", "application/pdf", []byte("%PDF-1.4")))
	two("minh", schemas.Submit{})
	two("binh", schemas.Approve{})
	two("huong", schemas.Approve{})
	two("lan", schemas.Issue{})
	if s, _ := a.node.Others().Outgoing(a.ctx, outgoing.Stream(codeSender, "d-2")); s.Phase != outgoing.PhaseIssued || s.Number != 2 || s.Document != "" {
		t.Errorf("on paper: %+v", s)
	}
	a.did(codeSender, "minh", schemas.TargetDossier, "h-1", schemas.OpenDossier{FilePlan: "01-TH", Title: "Báo cáo năm 2026"})
	if s, err := a.node.Others().Dossier(a.ctx, dossier.Stream(codeSender, "h-1")); err != nil || s.Number != 1 {
		t.Errorf("the dossier has number %d (%v)", s.Number, err)
	}
}

// Numbers are streams: what the books say is read from there.
func (a *agencyAtWork) book(b numbering.Book) (holders []string) {
	a.t.Helper()
	for n := 1; ; n++ {
		s, err := a.node.Others().Number(a.ctx, b.Stream(n))
		if err != nil {
			a.t.Fatal(err)
		}
		if !s.Taken() {
			return holders
		}
		holders = append(holders, s.Holder)
	}
}

func TestManyClerksAtOnce(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	const many = 24
	keys := make([]string, many)
	for i := range keys {
		keys[i] = a.sent(fmt.Sprint(200 + i))
	}
	a.carryOn()
	var all sync.WaitGroup
	// Three offices, as on three nodes of one log: they share no lock.
	offices := []*office.Office{a.office, a.newOffice(a.node), a.newOffice(a.node)}
	errs := make([]error, many)
	for i, key := range keys {
		all.Go(func() {
			o := offices[i%len(offices)]
			d, err := o.Do(a.ctx, office.Act{Org: codeRecipient, Person: "lan", PackageID: "c-" + key[:20],
				Action: schemas.DossierAction{Target: schemas.ActTarget{Kind: schemas.TargetIncoming, ID: key}, Act: schemas.RegisterIncoming{}}})
			errs[i] = errors.Join(err, d.Pending)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	holders := a.book(numbering.Book{Org: codeRecipient, Name: numbering.Register("den"), Year: 2026})
	if len(holders) != many {
		t.Fatalf("%d numbers for %d documents", len(holders), many)
	}
	for n, h := range holders {
		s, err := a.node.Others().Incoming(a.ctx, h)
		if err != nil || s.Number != n+1 {
			t.Errorf("number %d is %s's, which has %d (%v)", n+1, h, s.Number, err)
		}
	}
	a.carryOn()
	a.nothingWaits()
}

// failing is a node that stops before or after some of its appends, as a crash does.
type failing struct {
	*gateway.Node
	mu    sync.Mutex
	left  int  // appends that succeed
	after bool // the one that fails is recorded all the same
	hit   bool
}

var errCrash = errors.New("crashed")

func (f *failing) gate(do func() error) error {
	f.mu.Lock()
	f.left--
	now := f.left == -1
	dead := f.left < -1
	f.mu.Unlock()
	switch {
	case dead:
		return errCrash
	case now:
		f.hit = true
		if f.after {
			_ = do()
		}
		return errCrash
	}
	return do()
}

func (f *failing) Record(ctx context.Context, s gateway.Step) (sealed events.Sealed, recorded bool, err error) {
	err = f.gate(func() error { sealed, recorded, err = f.Node.Record(ctx, s); return err })
	return sealed, recorded, err
}

func (f *failing) AcceptFollowing(ctx context.Context, cause events.Address, r io.Reader, size int64) (acc gateway.Accepted, err error) {
	err = f.gate(func() error { acc, err = f.Node.AcceptFollowing(ctx, cause, r, size); return err })
	return acc, err
}

func (f *failing) EmptyFor(ctx context.Context, stream string, cause events.Event) (err error) {
	return f.gate(func() error { return f.Node.EmptyFor(ctx, stream, cause) })
}

// A crash before or after any append: whoever comes next finishes what was begun, and does nothing twice.
func TestEveryCut(t *testing.T) {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	whole, number := a.office, 300
	for i := 0; ; i++ {
		cuts := 0
		for _, after := range []bool{false, true} {
			id := fmt.Sprintf("cut-%d-%t", i, after)
			file := schemas.FileBytes("a.pdf", "application/pdf", []byte("%PDF-1.4 "+id))
			number++
			key := a.sent(fmt.Sprint(number))
			a.carryOn()
			draft := schemas.Draft{Type: "Công văn", Subject: id, Content: "x", Recipients: []string{codeSecond}, Signer: "huong"}
			for _, act := range []struct {
				person string
				act    schemas.Act
				files  []schemas.File
			}{{"minh", schemas.SaveDraft{Draft: draft}, []schemas.File{file}}, {"minh", schemas.Submit{}, nil}, {"binh", schemas.Approve{}, nil}, {"huong", schemas.Approve{}, nil}} {
				a.did(codeSender, act.person, schemas.TargetOutgoing, id, act.act, act.files...)
			}
			f := &failing{Node: a.node, left: i, after: after}
			a.office = a.newOffice(f)
			for _, what := range []struct {
				org, id string
				kind    schemas.TargetKind
				act     schemas.Act
			}{{codeRecipient, key, schemas.TargetIncoming, schemas.RegisterIncoming{}}, {codeSender, id, schemas.TargetOutgoing, schemas.Issue{}}} {
				if _, err := a.click(what.org, "lan", what.kind, what.id, what.act); err != nil {
					t.Fatalf("%s: the act itself: %v", id, err)
				}
			}
			if f.hit {
				cuts++
			}
			a.office = whole
			a.carryOn()
			a.nothingWaits()
			in, err := a.node.Others().Incoming(a.ctx, incoming.Stream(codeRecipient, key))
			if err != nil || in.Phase != incoming.PhaseRegistered {
				t.Fatalf("%s: incoming is %q (%v): %v", id, in.Phase, err, a.names(incoming.Stream(codeRecipient, key)))
			}
			if got := a.statuses(key, codeRecipient); !slices.Equal(got, []string{"01", "03"}) {
				t.Errorf("%s: the sender knows %v", id, got)
			}
			if d := a.deliveryOf(key, codeRecipient); d.Phase != delivery.PhaseAcknowledged {
				t.Errorf("%s: the entry is %v", id, d.Phase)
			}
			s, err := a.node.Others().Outgoing(a.ctx, outgoing.Stream(codeSender, id))
			if err != nil || s.Phase != outgoing.PhaseIssued {
				t.Fatalf("%s: outgoing is %q (%v): %v", id, s.Phase, err, a.names(outgoing.Stream(codeSender, id)))
			}
			if got, want := a.names(outgoing.Stream(codeSender, id))[5:], []string{"issue-asked", "number-chosen", "numbered", "sealed", "sent"}; !slices.Equal(got, want) {
				t.Errorf("%s: %v, expected %v", id, got, want)
			}
		}
		if cuts == 0 {
			t.Logf("%d cuts", i)
			break
		}
	}
	for _, b := range []numbering.Book{{Org: codeRecipient, Name: numbering.Register("den"), Year: 2026}, {Org: codeSender, Name: numbering.Series("cv"), Year: 2026}} {
		seen := map[string]bool{}
		for _, h := range a.book(b) {
			if seen[h] {
				t.Errorf("%s has two numbers of %v", h, b)
			}
			seen[h] = true
		}
	}
}

func jsonInto(e events.Event, v any) error { return json.Unmarshal(e.Statement.Data, v) }
