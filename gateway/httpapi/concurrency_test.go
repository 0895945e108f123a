package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
)

// poster posts with a client of its own, for goroutines.
func (w *world) poster(who string) func(b []byte) (answer, error) {
	client, token := w.client(w.actors[who]), w.actors[who].token
	return func(b []byte) (answer, error) {
		req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.server.URL+"/v1/packages", bytes.NewReader(b))
		if err != nil {
			return answer{}, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return answer{}, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return answer{resp.StatusCode, resp.Header, body}, err
	}
}

// Fifty hand-ins of the same bytes at once are one event; everybody gets the same position.
func TestSamePackageAtOnce(t *testing.T) {
	w := newWorld(t)
	before := w.store.Head().Size
	pkg := w.signed(w.doc("500"))
	post := w.poster("sender")
	const times = 50
	answers := make([]answer, times)
	errs := make([]error, times)
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() { answers[i], errs[i] = post(pkg) })
	}
	wg.Wait()
	created := 0
	var position uint64
	for i, a := range answers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		var acc httpapi.AcceptedAnswer
		a.into(t, &acc)
		if a.status == http.StatusCreated {
			created++
		}
		if i > 0 && acc.Position != position {
			t.Errorf("position %d, another got %d", acc.Position, position)
		}
		position = acc.Position
	}
	if size := w.store.Head().Size; created != 1 || size != before+1 {
		t.Errorf("%d created, %d events, expected one of each", created, size-before)
	}
}

// Different bytes of one document at once: its sender signs twice, with ECDSA never alike. One event, the others get its
// position.
func TestSameDocumentAtOnce(t *testing.T) {
	w := newWorld(t)
	before := w.store.Head().Size
	post := w.poster("sender")
	plain := w.unsigned(w.doc("501"))
	const times = 20
	positions := make(chan uint64, times)
	var wg sync.WaitGroup
	for range times {
		pkg := w.sign(plain, w.agencies[codeSender])
		wg.Go(func() {
			a, err := post(pkg)
			if err != nil {
				t.Error(err)
				return
			}
			var acc httpapi.AcceptedAnswer
			a.into(t, &acc)
			positions <- acc.Position
		})
	}
	wg.Wait()
	close(positions)
	for p := range positions {
		if p != before {
			t.Errorf("position %d, expected %d", p, before)
		}
	}
	if size := w.store.Head().Size; size != before+1 {
		t.Errorf("%d events, expected one", size-before)
	}
}

// Takers in parallel get different entries, all of them, each once.
func TestTakersGetDifferentEntries(t *testing.T) {
	w := newWorld(t)
	const documents = 30
	for i := range documents {
		if a := w.post("sender", w.signed(w.doc(fmt.Sprint(600+i)))); a.status != http.StatusCreated {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
	}
	w.step()
	caller, err := w.node.Authenticate(gateway.Credential{Token: w.actors["recipient"].token})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	taken := map[string]int{}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for {
				got, err := w.node.Take(w.ctx, caller, gateway.TakeRequest{Max: 1 + worker%4})
				if err != nil {
					t.Error(err)
					return
				}
				if len(got) == 0 {
					return
				}
				mu.Lock()
				for _, e := range got {
					taken[e.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// A taker may have looked while another was deciding; what is left is left for the next.
	rest, err := w.node.Take(w.ctx, caller, gateway.TakeRequest{Max: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range rest {
		taken[e.ID]++
	}
	if len(taken) != documents {
		t.Errorf("%d entries taken, expected %d", len(taken), documents)
	}
	for id, n := range taken {
		if n != 1 {
			t.Errorf("entry %s was taken %d times", id, n)
		}
	}
}

// A repeated take of the same name gets the same entries: an answer lost on the way loses nothing.
func TestTakeAgainByName(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.post("sender", w.signed(w.doc(fmt.Sprint(650+i))))
	}
	w.step()
	var first, second, third httpapi.TakenAnswer
	body := []byte(`{"max":3,"lease":600,"request":"lần 1"}`)
	w.call("recipient", http.MethodPost, "/v1/mailbox/take", body, "Content-Type", "application/json").into(t, &first)
	w.call("recipient", http.MethodPost, "/v1/mailbox/take", body, "Content-Type", "application/json").into(t, &second)
	w.call("recipient", http.MethodPost, "/v1/mailbox/take?max=5", nil).into(t, &third)
	if len(first.Entries) != 3 || len(second.Entries) != 3 || len(third.Entries) != 2 {
		t.Fatalf("%d, %d and %d entries, expected 3, the same 3, and the other 2", len(first.Entries), len(second.Entries), len(third.Entries))
	}
	for i := range first.Entries {
		a, b := first.Entries[i], second.Entries[i]
		if a.ID != b.ID || !a.LeaseUntil.Equal(*b.LeaseUntil) {
			t.Errorf("entry %d: %s until %v, then %s until %v", i, a.ID, a.LeaseUntil, b.ID, b.LeaseUntil)
		}
	}
}

// After the lease the entry is to be had again, and the later acknowledgement of either counts.
func TestLeaseEnds(t *testing.T) {
	w := newWorld(t)
	w.post("sender", w.signed(w.doc("660")))
	w.step()
	var taken httpapi.TakenAnswer
	w.call("recipient", http.MethodPost, "/v1/mailbox/take?lease=30", nil).into(t, &taken)
	if len(taken.Entries) != 1 {
		t.Fatalf("%+v", taken)
	}
	w.clock.Add(31 * time.Second)
	w.step()
	var again httpapi.TakenAnswer
	w.call("recipient", http.MethodPost, "/v1/mailbox/take", nil).into(t, &again)
	if len(again.Entries) != 1 || again.Entries[0].ID != taken.Entries[0].ID {
		t.Errorf("%+v", again)
	}
	if a := w.call("recipient", http.MethodPost, "/v1/mailbox/"+taken.Entries[0].ID+"/ack", nil); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

// A long poll is answered as soon as there is something, and is empty when its time is over.
func TestLongPoll(t *testing.T) {
	w := newWorld(t)
	start := time.Now()
	var box httpapi.MailboxPage
	w.call("recipient", http.MethodGet, "/v1/mailbox?wait=1", nil).into(t, &box)
	if len(box.Entries) != 0 || time.Since(start) < 900*time.Millisecond {
		t.Errorf("%d entries after %v", len(box.Entries), time.Since(start))
	}
	got := make(chan httpapi.TakenAnswer)
	client, token := w.client(nil), w.actors["recipient"].token
	go func() {
		var taken httpapi.TakenAnswer
		defer func() { got <- taken }()
		req, _ := http.NewRequest(http.MethodPost, w.server.URL+"/v1/mailbox/take?wait=30", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		readAnswer(t, resp).into(t, &taken)
	}()
	w.until(func() bool { return w.gauge("tram_mailbox_waiting") > 0 })
	w.post("sender", w.signed(w.doc("670")))
	w.step()
	if taken := <-got; len(taken.Entries) != 1 {
		t.Errorf("the waiting take got %+v", taken)
	}
}

// A removed client is a stranger with its next request, and even in the middle of an upload.
func TestRevocationAtOnce(t *testing.T) {
	w := newWorld(t)
	pkg := w.signed(w.doc("680"))
	conn := w.open("sender", pkg, len(pkg)-1)
	defer conn.Close()
	w.until(func() bool { return w.gauge("tram_accept_in_flight") > 0 })
	if _, err := w.change(schemas.RemoveClient{ID: "sender"}); err != nil {
		t.Fatal(err)
	}
	if p := w.call("sender", http.MethodGet, "/v1/whoami", nil).problem(t); p.Code != gateway.CodeTokenUnknown {
		t.Errorf("the removed client got %d %s", p.Code, p.ID)
	}
	if _, err := conn.Write(pkg[len(pkg)-1:]); err != nil {
		t.Fatal(err)
	}
	if p := readRaw(t, conn).problem(t); p.Code != gateway.CodeNotSender {
		t.Errorf("the upload of the removed client got %d %s", p.Code, p.ID)
	}
}

// A client that goes away in the middle leaves nothing.
func TestClientGoesAway(t *testing.T) {
	w := newWorld(t)
	before := w.inside()
	file := schemas.FileBytes("a.bin", "application/octet-stream", bytes.Repeat([]byte("abcdefg"), 1<<20))
	file.Raw = true
	big := w.signed(w.doc("690"), file)
	conn := w.open("sender", big, len(big)/2)
	w.until(func() bool { return w.gauge("tram_spool_disk_bytes") > 0 })
	conn.Close()
	w.until(func() bool { return w.gauge("tram_accept_in_flight") == 0 })
	w.mustHoldNothingOf(big, before, w.inside(), gateway.CodeCutShort)
}

// Draining lets a hand-in under way end, refuses new ones and wakes those who wait.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	pkg := w.signed(w.doc("695"))
	conn := w.open("sender", pkg, len(pkg)-1)
	defer conn.Close()
	w.until(func() bool { return w.gauge("tram_accept_in_flight") > 0 })
	drained := make(chan error)
	go func() { drained <- w.node.Drain(w.ctx) }()
	w.until(func() bool { return w.call("", http.MethodGet, "/readyz", nil).status == http.StatusServiceUnavailable })
	select {
	case err := <-drained:
		t.Fatalf("drained with a hand-in under way: %v", err)
	default:
	}
	if p := w.call("recipient", http.MethodGet, "/v1/mailbox?wait=30", nil).problem(t); p.Code != gateway.CodeDraining {
		t.Errorf("a long poll got %d", p.Code)
	}
	if _, err := conn.Write(pkg[len(pkg)-1:]); err != nil {
		t.Fatal(err)
	}
	if a := readRaw(t, conn); a.status != http.StatusCreated {
		t.Errorf("the hand-in under way got %d: %s", a.status, a.body)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
