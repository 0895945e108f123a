package httpapi_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// senderOffice opens the office of the sender: an administrator who heads a unit, a specialist of another.
func senderOffice() []schemas.Operation {
	return []schemas.Operation{
		schemas.SetUnit{Agency: codeSender, Unit: "van-phong", Name: "Văn phòng"},
		schemas.SetUnit{Agency: codeSender, Unit: "phong-ns", Name: "Phòng Ngân sách"},
		schemas.SetPerson{Agency: codeSender, Person: "nv-1", Name: "Quản trị", Duties: []schemas.OfficeDuty{
			{Role: "administrator"}, {Role: "head", Unit: "van-phong"}}},
		schemas.SetPerson{Agency: codeSender, Person: "nv-2", Name: "Chuyên viên", Duties: []schemas.OfficeDuty{{Role: "specialist", Unit: "phong-ns"}}},
	}
}

// officeChange is a change signed with a key of the sender, for a person of its office.
func (w *world) officeChange(key, person string, ops ...schemas.Operation) []byte {
	w.t.Helper()
	w.changes++
	b, _, err := schemas.MarshalDirectoryChange(schemas.Header{
		ID: fmt.Sprintf("office-%d", w.changes), From: codeSender, To: []string{"node:" + origin}, IssuedAt: w.clock.Now(),
		Person: schemas.Person{Name: "Người làm", Account: person},
	}, schemas.DirectoryChange{Operations: ops})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sign(b, w.key(key))
}

// An office is opened, changed by its agency's own key, by its administrator and by a person for himself; all of it is judged again
// from the record alone, and what the node would have written past the rules is found.
func TestOfficeThroughTheDoor(t *testing.T) {
	w := newWorld(t)
	w.key("custody")
	unit := schemas.SetUnit{Agency: codeSender, Unit: "phong-moi", Name: "Phòng mới"}
	end := w.clock.Now().AddDate(0, 0, 10)
	delegate := func(id, from, to string) schemas.Operation {
		return schemas.Delegate{Agency: codeSender, Delegation: id, From: from, To: to, End: end}
	}
	for _, step := range []struct {
		name, key, person string
		ops               []schemas.Operation
		want              int // code of the refusal, 0 accepted
	}{
		{"nobody opens it from within", "custody", "nv-1", []schemas.Operation{unit}, gateway.CodeOfficePerson},
		{"the agency opens it", "sender", "", senderOffice(), 0},
		{"the administrator", "custody", "nv-1", []schemas.Operation{unit,
			schemas.SetPerson{Agency: codeSender, Person: "nv-3", Name: "Người mới", Duties: []schemas.OfficeDuty{{Role: "clerk"}}}}, 0},
		{"who does not administer", "custody", "nv-2", []schemas.Operation{unit}, gateway.CodeOfficePerson},
		{"what is one's own", "custody", "nv-2", []schemas.Operation{delegate("uq-1", "nv-2", "nv-3")}, 0},
		{"what is another's", "custody", "nv-3", []schemas.Operation{delegate("uq-2", "nv-1", "nv-3")}, gateway.CodeOfficePerson},
		{"the administrator for himself", "custody", "nv-1", []schemas.Operation{delegate("uq-3", "nv-2", "nv-1")}, gateway.CodeOwnRights},
		{"the administrator as before", "custody", "nv-1", []schemas.Operation{schemas.CloseUnit{Agency: codeSender, Unit: "phong-moi"}}, 0},
		{"a unit in use", "custody", "nv-1", []schemas.Operation{schemas.CloseUnit{Agency: codeSender, Unit: "phong-ns"}}, gateway.CodeDirectoryRule},
	} {
		a := w.post("sender", w.officeChange(step.key, step.person, step.ops...))
		if step.want == 0 && a.status != http.StatusCreated {
			t.Fatalf("%s: status %d: %s", step.name, a.status, a.body)
		}
		if step.want != 0 {
			if p := a.problem(t); p.Code != step.want {
				t.Errorf("%s: refused with %d %s %q, expected %d", step.name, p.Code, p.ID, p.Details, step.want)
			}
		}
		w.clock.Add(time.Minute)
	}
	o, ok := w.node.Snapshot().Directory.Office(codeSender)
	if !ok {
		t.Fatal("no office")
	}
	if s, ok := o.Standing("nv-3", "nv-2", w.clock.Now()); !ok || !s.HasFor(directory.RoleSpecialist, "phong-ns") {
		t.Errorf("nv-3 in the place of nv-2: %+v, %v", s, ok)
	}
	w.judgedAgain(t)

	for name, forge := range map[string]func(p *tape) uint64{
		"a role that nobody asked for": func(p *tape) uint64 {
			e := p.last(directory.NamePersonSet)
			e.Statement.Data = bytes.Replace(e.Statement.Data, []byte(`"clerk"`), []byte(`"leader"`), 1)
			p.put(e)
			return e.Position
		},
		"a person who had no right": func(p *tape) uint64 {
			e := p.last(directory.NameChangeAccepted)
			e.Statement.Data = bytes.Replace(e.Statement.Data, []byte(`"person":"nv-1"`), []byte(`"person":"nv-2"`), 1)
			p.put(e)
			return e.Position
		},
	} {
		p := w.tapeOf(t)
		at := forge(p)
		_, err := p.judge(0, rerun.Options{})
		var bad *rerun.Mismatch
		if !errors.As(err, &bad) || bad.Position != at {
			t.Errorf("%s: %v, expected it to be found at %d", name, err, at)
		}
	}
}

// keptKeys is the custody of a world: the key that its sender left with the node.
type keptKeys struct{ w *world }

func (k keptKeys) Key(codes []string, _ time.Time) (office.Key, error) {
	if !slices.Contains(codes, codeSender) {
		return office.Key{}, office.ErrNoKey
	}
	a := k.w.key("custody")
	return office.Key{Signer: a.key, Chain: []*x509.Certificate{a.cert}, Release: func() {}}, nil
}

// The portal of an agency's administrator asks the node to make, sign and hand in a change.
func TestOfficeChangesInCustody(t *testing.T) {
	w := newWorld(t)
	w.key("custody")
	w.mustChange(senderOffice()...)
	o, err := office.New(office.Options{Log: w.store, Node: w.node, Custody: keptKeys{w}})
	if err != nil {
		t.Fatal(err)
	}
	unit := func(agency string) []schemas.Operation {
		return []schemas.Operation{schemas.SetUnit{Agency: agency, Unit: "phong-moi", Name: "Phòng mới"}}
	}
	c := office.Change{Org: codeSender, Person: "nv-1", PackageID: "click-1", Reason: "Quyết định 1", Operations: unit(codeSender)}
	done, err := o.Change(w.ctx, c)
	if err != nil || done.Again || done.Stream != directory.Stream {
		t.Fatalf("done %+v, %v", done, err)
	}
	again, err := o.Change(w.ctx, c) // a double click
	if err != nil || !again.Again || again.Position != done.Position || again.Package != done.Package {
		t.Errorf("again %+v, %v, expected %+v", again, err, done)
	}
	for name, test := range map[string]struct {
		change func(*office.Change)
		want   int
	}{
		"another's id":   {func(c *office.Change) { c.Person = "nv-2" }, gateway.CodeHeaderTaken},
		"no right":       {func(c *office.Change) { c.PackageID, c.Person = "click-2", "nv-2" }, gateway.CodeOfficePerson},
		"another agency": {func(c *office.Change) { c.PackageID, c.Operations = "click-3", unit(codeRecipient) }, gateway.CodeDirectoryRule},
		"no key in hand": {func(c *office.Change) { c.PackageID, c.Org = "click-4", codeRecipient }, gateway.CodeCustodyNone},
		"no such agency": {func(c *office.Change) { c.PackageID, c.Org = "click-5", "H99" }, gateway.CodeSenderUnknown},
		"not its matters": {func(c *office.Change) {
			c.PackageID, c.Operations = "click-6", []schemas.Operation{schemas.RemoveClient{ID: "x"}}
		}, gateway.CodeDirectoryRule},
	} {
		other := c
		test.change(&other)
		var r *gateway.Refusal
		if _, err := o.Change(w.ctx, other); !errors.As(err, &r) || r.Code != test.want {
			t.Errorf("%s: %v, expected %d", name, err, test.want)
		}
	}
	w.judgedAgain(t)

	// Where the policy wants the agency's own signature, custody is not enough.
	w.mustChange(schemas.SetPolicy{Assurance: []schemas.RequiredAssurance{{Sender: codeSender, Level: "own"}}})
	c.PackageID = "click-7"
	var r *gateway.Refusal
	if _, err := o.Change(w.ctx, c); !errors.As(err, &r) || r.Code != gateway.CodeAssurance {
		t.Errorf("under a policy of own signatures: %v", err)
	}
	if a := w.post("sender", w.officeChange("sender", "", unit(codeSender)...)); a.status != http.StatusCreated {
		t.Errorf("signed by the agency itself: status %d: %s", a.status, a.body)
	}
}

// Two administrators who saw the same thing do not overwrite each other; the history says who did what by which decision.
func TestOfficeChangesThatMeet(t *testing.T) {
	w := newWorld(t)
	w.key("custody")
	w.mustChange(append(senderOffice(), schemas.SetPerson{Agency: codeSender, Person: "nv-9", Name: "Quản trị khác", Duties: []schemas.OfficeDuty{{Role: "administrator"}}})...)
	w.mustChange(schemas.SetPolicy{Assurance: []schemas.RequiredAssurance{{Sender: codeRecipient, Level: "own"}}}) // of no office
	o, err := office.New(office.Options{Log: w.store, Node: w.node, Custody: keptKeys{w}})
	if err != nil {
		t.Fatal(err)
	}
	unit := func() directory.Unit {
		t.Helper()
		at, _ := w.node.Snapshot().Directory.Office(codeSender)
		u, _ := at.Unit("phong-ns")
		return u
	}
	rename := func(person, id, name string, seen uint64) error {
		_, err := o.Change(w.ctx, office.Change{Org: codeSender, Person: person, PackageID: id, Reason: "Quyết định " + id, Seen: &office.Seen{Kind: "unit", ID: "phong-ns", At: seen},
			Operations: []schemas.Operation{schemas.SetUnit{Agency: codeSender, Unit: "phong-ns", Name: name}}})
		return err
	}
	seen := unit().LastChange
	if err := rename("nv-1", "1", "Phòng Tài chính", seen); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, rename("nv-9", "2", "Phòng Kế toán", seen), gateway.CodeActStale)
	if err := rename("nv-1", "1", "Phòng Tài chính", seen); err != nil {
		t.Errorf("the same click again is no stale page: %v", err)
	}
	if unit().Name != "Phòng Tài chính" {
		t.Errorf("the unit is called %q", unit().Name)
	}
	if err := rename("nv-9", "3", "Phòng Kế toán", unit().LastChange); err != nil {
		t.Errorf("with what is there now: %v", err)
	}
	_, err = o.Change(w.ctx, office.Change{Org: codeSender, Person: "nv-9", PackageID: "4", Seen: &office.Seen{Kind: "person", ID: "nv-2"},
		Operations: []schemas.Operation{schemas.SetPerson{Agency: codeSender, Person: "nv-2", Name: "Trùng mã"}}})
	refusedWith(t, err, gateway.CodeActStale) // meant as a new one

	// One by one, then all at once: the same.
	var steps []string
	line := func(c view.OfficeChange) string {
		s := c.Person.ID + " " + c.Reason
		for _, i := range c.Items {
			s += " " + i.Name + ":" + i.ID + ":" + i.Word
		}
		return s
	}
	for before := uint64(0); ; {
		list, next, err := o.History(w.ctx, codeSender, before, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			steps = append(steps, line(c))
		}
		if before = next; next == 0 {
			break
		}
	}
	all, next, err := o.History(w.ctx, codeSender, 0, 100)
	if err != nil || next != 0 || len(all) != len(steps) {
		t.Fatalf("%d changes, then %d: %v", len(all), next, err)
	}
	want := []string{"nv-9 Quyết định 3 directory.unit-set.v1:phong-ns:Phòng Kế toán", "nv-1 Quyết định 1 directory.unit-set.v1:phong-ns:Phòng Tài chính"}
	for i, c := range all {
		if got := line(c); got != steps[i] || i < len(want) && got != want[i] {
			t.Errorf("change %d: %q, one by one %q", i, got, steps[i])
		}
	}
	if first := all[len(all)-1]; len(all) != 3 || first.Person.ID != "" || len(first.Items) != 5 || first.ByKind != "administrator" ||
		len(first.Items[4].Duties) != 1 || first.Items[4].Duties[0].Role != "administrator" {
		t.Errorf("%d changes, the first %+v", len(all), first)
	}
	if other, _, err := o.History(w.ctx, codeRecipient, 0, 10); err != nil || len(other) != 0 {
		t.Errorf("another agency: %v, %v", other, err)
	}
}
