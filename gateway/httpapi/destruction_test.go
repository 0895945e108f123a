package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
)

// contentMarker stands in the subject and in the file of what is destroyed.
const contentMarker = "Zxqwhoso 7f3a chuyện riêng"

// destroy hands in a request of the administrator about packages, decided by agencies.
func (w *world) destroy(id string, d schemas.Destruction, agencies ...string) answer {
	w.t.Helper()
	for _, code := range agencies {
		d.Decisions = append(d.Decisions, schemas.Decision{Organisation: code, Number: "12/QĐ-" + code, Date: schemas.Date{Year: 2026, Month: 11, Day: 20},
			DecidedBy: "Giám đốc", Ground: "Luật Lưu trữ"})
	}
	if d.Scope == "" {
		d.Scope = "all"
	}
	b, _, err := schemas.MarshalDestruction(schemas.Header{ID: id, From: "node:" + origin, IssuedAt: w.clock.Now()}, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.post("operator", w.sign(b, &agency{key: w.adminKey, cert: w.adminCert}))
}

// acknowledged takes and acknowledges what a recipient has in its mailbox.
func (w *world) acknowledged(who string) {
	w.t.Helper()
	w.step()
	var taken httpapi.TakenAnswer
	w.call(who, http.MethodPost, "/v1/mailbox/take?max=100", nil).into(w.t, &taken)
	for _, e := range taken.Entries {
		if a := w.call(who, http.MethodPost, "/v1/mailbox/"+e.ID+"/ack", nil); a.status != http.StatusOK {
			w.t.Fatalf("ack: %d %s", a.status, a.body)
		}
	}
	w.step()
}

// filesWith names the files below a folder in whose raw bytes one of the texts stands.
func filesWith(t testing.TB, dir string, texts ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) {
				found = append(found, path+": "+text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A document's life after a lawful decision: words and bytes are gone from every file, everything else is as it was, and who asks is told why.
func TestDestruction(t *testing.T) {
	w := newWorld(t)
	mark := func(d *schemas.Document) { d.Subject = "Về việc " + contentMarker }
	pkg := w.signed(w.doc("901", mark))
	if !bytes.Contains(pkg, []byte(contentMarker)) {
		t.Fatal("the package does not have the marker")
	}
	other := w.signed(w.doc("902"))
	var acc, kept httpapi.AcceptedAnswer
	w.post("sender", pkg).into(t, &acc)
	w.post("sender", other).into(t, &kept)
	sum, err := events.ParseDigest(acc.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	key, err := events.ParseDigest(acc.Document)
	if err != nil {
		t.Fatal(err)
	}
	target := schemas.Destruction{Targets: []schemas.Target{{Document: (*[32]byte)(&key)}}, NotBefore: w.clock.Now().Add(time.Hour)}
	if p := w.destroy("d-1", target, codeSender, codeRecipient).problem(t); p.Code != 5020 {
		t.Fatalf("before delivery: %+v", p)
	}
	w.acknowledged("recipient")
	w.post("recipient", w.status(codeRecipient, schemas.StatusDone, codeSender, w.doc("901").DocumentID, w.clock.Now()))
	w.acknowledged("sender")
	if p := w.destroy("d-2", target, codeSender).problem(t); p.Code != 4021 {
		t.Fatalf("without the recipient: %+v", p)
	}
	if p := w.destroy("d-3", target, codeOther, codeSender).problem(t); p.Code != 4021 {
		t.Fatalf("by another agency: %+v", p)
	}
	data := filepath.Join(w.dir, "node")
	words := []string{contentMarker, "zxqwhoso"} // the index of words folds
	if len(filesWith(t, data, words...)) < 3 {
		t.Fatal("the test is no test: the marker is hardly anywhere")
	}
	var decided, again httpapi.AcceptedAnswer
	a := w.destroy("d-4", target, codeSender, "H02") // an agency above may decide for one below
	if a.into(t, &decided); a.status != http.StatusCreated {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	if p := w.post("sender", pkg).problem(t); p.Code != 5023 {
		t.Errorf("the same bytes again: %+v", p)
	}
	if p := w.post("sender", w.signed(w.doc("901", mark))).problem(t); p.Code != 5023 {
		t.Errorf("signed anew: %+v", p)
	}
	if p := w.destroy("d-5", target, codeSender, codeRecipient).problem(t); p.Code != 5022 {
		t.Errorf("decided twice: %+v", p)
	}
	// Not before its time.
	if next, err := w.node.CarryOut(w.ctx); err != nil || next > time.Hour {
		t.Fatal(next, err)
	}
	if a := w.call("sender", http.MethodGet, "/v1/packages/"+acc.SHA256, nil); a.status != http.StatusOK {
		t.Errorf("destroyed too early: %d", a.status)
	}
	w.step()
	var doc httpapi.DocumentAnswer
	w.call("sender", http.MethodGet, "/v1/documents/"+acc.Document, nil).into(t, &doc)
	if !strings.HasPrefix(doc.Note, "có quyết định hủy 12/QĐ-H02.05") || doc.Subject == "" {
		t.Errorf("decided: %q, subject %q", doc.Note, doc.Subject)
	}
	w.clock.Add(time.Hour)
	for range 2 { // once more does nothing
		if _, err := w.node.CarryOut(w.ctx); err != nil {
			t.Fatal(err)
		}
	}
	w.step()
	if found := filesWith(t, w.dir, words...); found != nil {
		t.Errorf("left: %q", found)
	}
	if strings.Contains(w.logged.String(), "Zxqwhoso") {
		t.Error("the node's log has the marker")
	}

	for _, path := range []string{"/v1/packages/" + acc.SHA256, "/v1/packages/" + acc.SHA256 + "/content"} {
		if p := w.call("sender", http.MethodGet, path, nil).problem(t); p.Code != 5009 {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if a := w.call("sender", http.MethodGet, "/v1/packages/"+acc.SHA256+"/receipt", nil); a.status != http.StatusOK {
		t.Errorf("receipt: %d", a.status)
	}
	if a := w.call("sender", http.MethodGet, "/v1/documents/"+acc.Document+"/evidence", nil); a.status != http.StatusOK || bytes.Contains(a.body, []byte(contentMarker)) {
		t.Errorf("evidence: %d", a.status)
	}
	for who, direction := range map[string]string{"sender": "outgoing", "recipient": "incoming"} {
		var page httpapi.DocumentPage
		w.call(who, http.MethodGet, "/v1/documents?direction="+direction, nil).into(t, &page)
		if len(page.Documents) != 2 {
			t.Fatalf("%s: %d rows", who, len(page.Documents))
		}
		for _, row := range page.Documents {
			if gone := row.Document == acc.Document; gone != (row.Subject == "") || gone != strings.HasPrefix(row.Destroyed, "12/QĐ-H02.05 (Giám đốc, 20/11/2026)") ||
				gone != strings.HasPrefix(row.Note, "đã hủy theo quyết định 12/QĐ") {
				t.Errorf("%s: row %+v", who, row)
			}
		}
		w.call(who, http.MethodGet, "/v1/documents?direction="+direction+"&words=zxqwhoso", nil).into(t, &page)
		if len(page.Documents) != 0 {
			t.Errorf("%s finds the word: %+v", who, page)
		}
		w.call(who, http.MethodGet, "/v1/documents?direction="+direction+"&number=902", nil).into(t, &page)
		if len(page.Documents) != 1 {
			t.Errorf("%s does not find the other: %+v", who, page)
		}
	}
	doc = httpapi.DocumentAnswer{}
	w.call("recipient", http.MethodGet, "/v1/documents/"+acc.Document, nil).into(t, &doc)
	if doc.Subject != "" || doc.Destroyed == "" {
		t.Errorf("document: %+v", doc)
	}
	if a := w.call("recipient", http.MethodGet, "/v1/packages/"+kept.SHA256, nil); !bytes.Equal(a.body, other) {
		t.Errorf("the other document: %d", a.status)
	}
	if p := w.post("sender", pkg).problem(t); p.Code != 5023 {
		t.Errorf("the same bytes after it: %+v", p)
	}
	if p := w.destroy("d-4", target, codeSender, "H02").problem(t); p.Code != 5002 { // issued at another time
		t.Errorf("another request of this id: %+v", p)
	}
	s, err := destruction.Load(w.ctx, w.store)
	if err != nil || len(s.Decisions) != 1 || !s.Decisions[0].Complete() {
		t.Fatal(s, err)
	}
	r, err := sqlitestore.Verify(w.ctx, data, sqlitestore.VerifyOptions{}, nil)
	if err != nil || r.Problem != nil || r.FactsGone != 2 || r.PackagesGone != 2 {
		t.Errorf("verify: %v, %v, %d facts and %d packages gone", err, r.Problem, r.FactsGone, r.PackagesGone)
	}
	if _, err := w.store.OpenPackage(w.ctx, sum); err == nil {
		t.Error("the package is still there")
	}
	// One package, or the words of one event.
	target = schemas.Destruction{Scope: "packages", Targets: []schemas.Target{{Package: (*[32]byte)(mustDigest(t, kept.SHA256))}}}
	w.destroy("d-6", target, codeSender, codeRecipient).into(t, &again)
	if _, err := w.node.CarryOut(w.ctx); err != nil {
		t.Fatal(err)
	}
	if p := w.call("sender", http.MethodGet, "/v1/packages/"+kept.SHA256, nil).problem(t); p.Code != 5009 {
		t.Errorf("package: %+v", p)
	}
	doc = httpapi.DocumentAnswer{}
	w.call("sender", http.MethodGet, "/v1/documents/"+kept.Document, nil).into(t, &doc)
	if doc.Subject == "" || doc.Destroyed != "" {
		t.Errorf("words of a package that is gone: %+v", doc)
	}
	target = schemas.Destruction{Scope: "facts", Targets: []schemas.Target{{Event: &kept.Position}}}
	w.destroy("d-7", target, codeSender, codeRecipient).into(t, &again)
	if _, err := w.node.CarryOut(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.step()
	doc = httpapi.DocumentAnswer{}
	w.call("sender", http.MethodGet, "/v1/documents/"+kept.Document, nil).into(t, &doc)
	if doc.Subject != "" || doc.Destroyed == "" {
		t.Errorf("words of an event that are gone: %+v", doc)
	}
}

func mustDigest(t testing.TB, s string) *events.Digest {
	t.Helper()
	d, err := events.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// faulty fails before or after it does its work, once.
type faulty struct {
	gateway.Destroyer
	after bool
	left  *int
}

var errInjected = errors.New("injected fault")

func (f faulty) Destroy(ctx context.Context, r events.Removal) error {
	if *f.left == 0 {
		return f.Destroyer.Destroy(ctx, r)
	}
	*f.left--
	if f.after {
		if err := f.Destroyer.Destroy(ctx, r); err != nil {
			return err
		}
	}
	return errInjected
}

// forgetsAppends fails the append of an executed step, done or not done, once.
type forgetsAppends struct {
	events.Store
	after bool
	left  *int
}

func (s forgetsAppends) Append(ctx context.Context, a events.Append) (events.Sealed, error) {
	if a.Stream != destruction.Stream || *s.left == 0 {
		return s.Store.Append(ctx, a)
	}
	*s.left--
	if s.after {
		if _, err := s.Store.Append(ctx, a); err != nil {
			return events.Sealed{}, err
		}
	}
	return events.Sealed{}, errInjected
}

// A node that stops at any step of carrying out goes on at its next start: everything is gone, and said once.
func TestDestructionIsCarriedOutOnce(t *testing.T) {
	for name, fault := range map[string]func(*gateway.Config, *int){
		"before removal": func(c *gateway.Config, left *int) { c.Destroyer = faulty{c.Destroyer, false, left} },
		"after removal":  func(c *gateway.Config, left *int) { c.Destroyer = faulty{c.Destroyer, true, left} },
		"views": func(c *gateway.Config, left *int) {
			forget := c.Forget
			c.Forget = func(ctx context.Context) error {
				if *left > 0 {
					*left--
					return errInjected
				}
				return forget(ctx)
			}
		},
		"before record": func(c *gateway.Config, left *int) { c.Store = forgetsAppends{c.Store, false, left} },
		"after record":  func(c *gateway.Config, left *int) { c.Store = forgetsAppends{c.Store, true, left} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var targets []schemas.Target
			for _, number := range []string{"911", "912"} {
				var acc httpapi.AcceptedAnswer
				w.post("sender", w.signed(w.doc(number, func(d *schemas.Document) { d.Subject = "Về việc " + contentMarker }))).into(t, &acc)
				targets = append(targets, schemas.Target{Document: (*[32]byte)(mustDigest(t, acc.Document))})
			}
			w.acknowledged("recipient")
			var acc httpapi.AcceptedAnswer
			w.destroy("d-1", schemas.Destruction{Targets: targets}, codeSender, codeRecipient).into(t, &acc)
			left := 1
			for range 2 { // two lives of a node
				c := w.config
				c.Metrics, c.SpoolDir = nil, t.TempDir()
				fault(&c, &left)
				n, err := gateway.New(c)
				if err != nil {
					t.Fatal(err)
				}
				if err := n.Start(w.ctx); err != nil {
					t.Fatal(err)
				}
				first := left > 0
				if _, err := n.CarryOut(w.ctx); errors.Is(err, errInjected) != first {
					t.Fatalf("first life %t: %v", first, err)
				}
				r, err := sqlitestore.Verify(w.ctx, filepath.Join(w.dir, "node"), sqlitestore.VerifyOptions{}, nil)
				if err != nil || r.Problem != nil {
					t.Fatalf("first life %t: %v, %v", first, err, r.Problem)
				}
			}
			s, err := destruction.Load(w.ctx, w.store)
			if err != nil || !s.Decisions[0].Complete() || s.Version() != 2 {
				t.Errorf("%v, version %d", err, s.Version())
			}
			if found := filesWith(t, w.dir, contentMarker, "zxqwhoso"); found != nil {
				t.Errorf("left: %q", found)
			}
		})
	}
}
