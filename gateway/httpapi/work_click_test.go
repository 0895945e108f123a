package httpapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

func refusedWith(t *testing.T, err error, code int) {
	t.Helper()
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("got %v, expected refusal %d", err, code)
	}
}

func register(id string) schemas.DossierAction {
	return schemas.DossierAction{Target: schemas.ActTarget{Kind: schemas.TargetIncoming, ID: id}, Act: schemas.RegisterIncoming{}}
}

// A double click is one act, whether the second comes after the first or beside it.
func TestDoubleClick(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	key := a.sent("501")
	a.carryOn()
	click := office.Act{Org: codeRecipient, Person: "lan", PackageID: "mot-lan", Action: register(key)}
	done := make([]office.Done, 8)
	errs := make([]error, len(done))
	var all sync.WaitGroup
	for i := range done {
		all.Go(func() { done[i], errs[i] = a.office.Do(a.ctx, click) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	again := 0
	for _, d := range done {
		if d.Stream != incoming.Stream(codeRecipient, key) || d.Position != done[0].Position || d.Package != done[0].Package {
			t.Errorf("one click got %+v, another %+v", d, done[0])
		}
		if d.Again {
			again++
		}
	}
	if again != len(done)-1 {
		t.Errorf("%d of %d clicks were told that it was done before", again, len(done))
	}
	// The same id with another act is answered with what was done.
	other := click
	other.Action.Act = schemas.RefuseIncoming{Reason: "x"}
	if d, err := a.office.Do(a.ctx, other); err != nil || !d.Again || d.Position != done[0].Position {
		t.Errorf("%+v %v", d, err)
	}
}

func TestStalePage(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	key := a.sent("502")
	a.carryOn()
	seen := uint64(0)
	act := register(key)
	act.Seen = &seen
	if _, err := a.office.Do(a.ctx, office.Act{Org: codeRecipient, Person: "lan", PackageID: "a", Action: act}); err != nil {
		t.Fatalf("nobody had acted: %v", err)
	}
	act.Act = schemas.Present{To: "huong"}
	_, err := a.office.Do(a.ctx, office.Act{Org: codeRecipient, Person: "lan", PackageID: "b", Action: act})
	refusedWith(t, err, gateway.CodeActStale)
	seen = 3
	if _, err := a.office.Do(a.ctx, office.Act{Org: codeRecipient, Person: "lan", PackageID: "c", Action: act}); err != nil {
		t.Errorf("with what is there now: %v", err)
	}
}

// Without a key in custody, or with one that is not enrolled for that alone, nothing is signed.
func TestNoKeyInCustody(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	key := a.sent("503")
	a.carryOn()
	mine := a.keys[codeRecipient]
	delete(a.keys, codeRecipient)
	_, err := a.click(codeRecipient, "lan", schemas.TargetIncoming, key, schemas.RegisterIncoming{})
	refusedWith(t, err, gateway.CodeCustodyNone)
	a.keys[codeRecipient] = a.agencies[codeRecipient] // its own key, which it never gave
	_, err = a.click(codeRecipient, "lan", schemas.TargetIncoming, key, schemas.RegisterIncoming{})
	refusedWith(t, err, gateway.CodeCustodyNone)

	// What arrives meanwhile waits for the key, and nothing else waits for it.
	other := a.sent("504")
	a.carryOn()
	s := a.office.Status()
	if s.Waiting != 1 || s.Behind != 0 || s.Worst[0].Code != gateway.CodeCustodyNone {
		t.Fatalf("the office says %+v", s)
	}
	a.carryOn()
	if again := a.office.Status(); again.Worst[0].Failures != s.Worst[0].Failures {
		t.Errorf("tried again before its time: %+v", again)
	}
	a.keys[codeRecipient] = mine
	a.clock.Add(time.Minute)
	a.carryOn()
	a.nothingWaits()
	if got := a.statuses(other, codeRecipient); !slices.Equal(got, []string{"01"}) {
		t.Errorf("the sender knows %v", got)
	}
}

// binding stops after the id of a click was bound, before the act is recorded.
type binding struct {
	*gateway.Node
	stop bool
}

func (s *binding) Accept(ctx context.Context, c gateway.Caller, r io.Reader, size int64) (gateway.Accepted, error) {
	if s.stop {
		b, err := io.ReadAll(r)
		if err != nil {
			return gateway.Accepted{}, err
		}
		return gateway.Accepted{}, s.bind(ctx, b)
	}
	return s.Node.Accept(ctx, c, r, size)
}

// bind does what the door does first, and no more.
func (s *binding) bind(ctx context.Context, b []byte) error {
	d := events.Sum(b)
	received, err := schemas.NewReceived(signing.BytesSource(b))
	if err != nil {
		return err
	}
	p, err := schemas.Parse(ctx, received, schemas.Options{})
	if err != nil {
		return err
	}
	_, _, err = s.Record(ctx, gateway.Step{
		Stream: submission.Stream(codeRecipient, p.Header.ID), Actor: codeRecipient,
		Decide: func([]events.Event) ([]events.New, error) {
			return submission.Decide(submission.State{}, submission.Bind{Issuer: codeRecipient, Package: d, Content: d})
		},
	})
	return errors.Join(err, errCrash)
}

func TestInterruptedAct(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	key := a.sent("505")
	a.carryOn()
	n := &binding{Node: a.node, stop: true}
	o := a.newOffice(n)
	click := office.Act{Org: codeRecipient, Person: "lan", PackageID: "dut", Action: register(key)}
	if _, err := o.Do(a.ctx, click); !errors.Is(err, errCrash) {
		t.Fatalf("%v", err)
	}
	n.stop = false
	_, err := o.Do(a.ctx, click)
	refusedWith(t, err, gateway.CodeActInterrupted)
	click.PackageID = "lai"
	if d, err := o.Do(a.ctx, click); err != nil || d.Again || d.Pending != nil {
		t.Errorf("with a new id: %+v %v", d, err)
	}
}

// An agency's own system hands in the same acts, signed with its own key, by the same door; it is answered as for any package.
func TestActsOfAnAgencysSystem(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	key := a.sent("506")
	a.carryOn()
	made := func(id string, action schemas.DossierAction) []byte {
		t.Helper()
		b, _, err := schemas.MarshalDossierAction(schemas.Header{ID: id, From: codeRecipient, IssuedAt: a.clock.Now(),
			Person: schemas.Person{Name: "Nguyễn Thị Lan", Account: "lan"}}, action, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.sign(b, a.agencies[codeRecipient])
	}
	one := made("he-thong-1", register(key))
	var first, second httpapi.AcceptedAnswer
	a.post("recipient", one).into(t, &first)
	if first.Assurance != "own" {
		t.Errorf("its own key is worth %q", first.Assurance)
	}
	a.post("recipient", one).into(t, &second)
	if second.Position != first.Position {
		t.Errorf("the same bytes got position %d, then %d", first.Position, second.Position)
	}
	for what, r := range map[string]struct {
		who    string
		b      []byte
		status int
		code   int
	}{
		"the id with other bytes":       {"recipient", made("he-thong-1", register(key)), http.StatusConflict, gateway.CodeHeaderTaken},
		"another agency's client":       {"second", made("he-thong-2", register(key)), http.StatusForbidden, gateway.CodeNotSender},
		"a channel":                     {"channel", made("he-thong-3", register(key)), http.StatusForbidden, gateway.CodeForbidden},
		"registered a second time":      {"recipient", made("he-thong-4", register(key)), http.StatusConflict, gateway.CodeIncomingRegistered},
		"what does not exist, by an id": {"recipient", made("he-thong-5", register("khong-co")), http.StatusNotFound, gateway.CodeIncomingUnknown},
	} {
		if p := a.post(r.who, r.b).problem(t); p.Code != r.code || p.Status != r.status {
			t.Errorf("%s: refused with %d %d (%v), expected %d %d", what, p.Code, p.Status, p.Details, r.code, r.status)
		}
	}
	a.carryOn() // nobody waited: the follower of the log does what follows
	a.nothingWaits()
	if s, err := a.node.Others().Incoming(a.ctx, incoming.Stream(codeRecipient, key)); err != nil || s.Number != 1 {
		t.Errorf("number %d (%v)", s.Number, err)
	}
	if got := a.statuses(key, codeRecipient); !slices.Equal(got, []string{"01", "03"}) {
		t.Errorf("the sender knows %v", got)
	}
}

func TestReadings(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient)
	key := a.sent("507")
	a.carryOn()
	stream := reading.Stream(codeRecipient, "incoming", key)
	open := func(person, what string) error {
		return a.office.Opened(a.ctx, codeRecipient, "incoming", key, reading.Opened{Org: codeRecipient, Person: person, What: what})
	}
	for range 3 {
		if err := open("lan", reading.WhatPage); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(open("lan", reading.WhatAttachment), open("huong", reading.WhatPage)); err != nil {
		t.Fatal(err)
	}
	a.clock.Add(2 * time.Minute)
	if err := open("lan", reading.WhatPage); err != nil {
		t.Fatal(err)
	}
	if got := a.names(stream); len(got) != 4 {
		t.Errorf("%d openings, expected 4: what is opened again within a minute is one", len(got))
	}
	if err := open("ma", reading.WhatPage); err == nil {
		t.Error("somebody who does not work there has read")
	}
	if err := a.office.Opened(a.ctx, codeSender, "outgoing", "x", reading.Opened{Org: codeRecipient, Person: "lan", What: reading.WhatPage}); err == nil {
		t.Error("read what is another agency's, by no right")
	}
}
