package notify

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// mark is a word that stands in every text of what the views give. Neither it nor any part of what it stands in may leave.
const mark = "BÍMẬT7316"

// fill puts the mark into every string of a value, whatever fields it has or will have.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(mark)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	}
}

func filled[T any]() (t T) {
	fill(reflect.ValueOf(&t).Elem())
	return t
}

func TestNothingOfADocumentLeaves(t *testing.T) {
	var hooks []string
	s, h := hook(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		hooks = append(hooks, fmt.Sprint(r.URL, r.Header, string(b)))
	})
	m := newMailbox(t, StartTLS)
	f := newFixture(t)
	e := newEmail(t, m.options(StartTLS))
	f.o.Senders, f.o.Codes = map[notice.Channel]Sender{notice.ByWebhook: h, notice.ByEmail: e}, e
	f.restart()
	for _, person := range []string{"lan", "binh", "duc"} {
		f.account(person, notice.AtOnce)
		f.email(person)
		if _, err := f.store.SetWebhook(t.Context(), "tk-"+person, s.URL, 1); err != nil {
			t.Fatal(err)
		}
		for i, kind := range []string{view.WorkHandle, view.WorkReturned, "done", "status", "recalled", mark} {
			n := filled[view.Note]()
			n.Position, n.Kind = uint64(10+i), kind
			f.views.notes[person] = append([]view.Note{n}, f.views.notes[person]...)
		}
		for _, left := range []int{1, -1, -9} {
			w := filled[view.WorkItem]()
			w.Due.Left, w.Due.Late = left, left < 0
			f.views.put(person, view.BoxMine, w)
			w.To = view.Assignee{Unit: view.UnitRef{ID: "to", Name: mark}, Person: view.PersonRef{ID: "mai", Name: mark, Position: mark}}
			f.views.put(person, view.BoxLate, w)
		}
	}
	office := filled[view.Office]() // names and all; the ids are those of the fixture
	office.Org, office.Holidays, office.Working = f.views.office.Org, nil, nil
	office.Units, office.Persons = append(office.Units, f.views.office.Units...), append(office.Persons, f.views.office.Persons...)
	f.views.office = office
	if _, err := f.notify.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	mails := m.take()
	if len(mails) != 3 || len(hooks) != 3 {
		t.Fatalf("%d mails and %d calls, want 3 each", len(mails), len(hooks))
	}
	var all []string
	for _, raw := range mails {
		header, text := parts(t, raw)
		if len(text) != 2 || !strings.Contains(text["text/plain"], "quá hạn lâu") && strings.Contains(raw, "duc@") {
			t.Errorf("a mail that says too little to prove anything: %v", text)
		}
		all = append(all, raw, fmt.Sprint(header, text))
	}
	for _, s := range append(all, hooks...) {
		if strings.Contains(s, mark) || strings.Contains(s, "7316") || strings.Contains(s, "nv-") || strings.Contains(s, "H02.02") || strings.Contains(s, "tk-") {
			t.Errorf("something leaves that should not: %s", s)
		}
	}
	if !strings.Contains(hooks[0], `"late":`) || !strings.Contains(strings.Join(hooks, ""), `"above":`) {
		t.Errorf("calls that say too little to prove anything: %s", hooks)
	}
}
