package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

const copiedOrigin = "tram.copied.example/log"

// copiedLog is a small record with its keys.
type copiedLog struct {
	dir    string
	log    ed25519.PrivateKey
	node   *ecdsa.PrivateKey
	next   int
	signer *ledger.Signer
}

func newCopiedLog(t *testing.T) *copiedLog {
	t.Helper()
	_, log, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	node, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := &copiedLog{dir: filepath.Join(t.TempDir(), "data"), log: log, node: node}
	if l.signer, err = ledger.NewSigner(copiedOrigin, log, node, nil); err != nil {
		t.Fatal(err)
	}
	return l
}

// grow appends n events and gives the last head and what was sealed last.
func (l *copiedLog) grow(t *testing.T, n int) events.Sealed {
	t.Helper()
	s, err := sqlitestore.Open(context.Background(), l.dir, sqlitestore.Options{Origin: copiedOrigin, LogKey: l.log, NodeKey: l.node, MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	var last events.Sealed
	for range n {
		if last, err = s.Append(context.Background(), events.Append{Stream: fmt.Sprintf("policy/%d", l.next), Expected: -1, Actor: "node", Client: "node",
			Events: []events.New{{Name: "test.happened.v1", Data: struct{}{}, Facts: map[string]int{"n": l.next}}}}); err != nil {
			t.Fatal(err)
		}
		l.next++
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return last
}

func (l *copiedLog) key(t *testing.T) *ledger.Key {
	t.Helper()
	text, err := ledger.LogKey(copiedOrigin, l.log.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	k, err := ledger.ParseKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

func (l *copiedLog) backup(t *testing.T, to string) (*backupManifest, error) {
	t.Helper()
	return backup(context.Background(), backupOptions{data: l.dir, to: to, key: l.key(t), minFree: -1, now: time.Now})
}

// verifyStoreOnly proves a record whose events no decider made.
func verifyStoreOnly(ctx context.Context, o verifyOptions, _ verifyProgress) (*verifyAnswer, error) {
	r, err := sqlitestore.Verify(ctx, o.dir, sqlitestore.VerifyOptions{}, nil)
	a := &verifyAnswer{OK: r.Problem == nil}
	if r.Problem != nil {
		a.bad(problemOf(r.Problem))
	}
	return a, err
}

// A witness tells how far the log went, and a restore believes it.
func TestRestoreAsksWitnesses(t *testing.T) {
	ctx := context.Background()
	l := newCopiedLog(t)
	l.grow(t, 5)
	copied := filepath.Join(t.TempDir(), "copy")
	if _, err := l.backup(t, copied); err != nil {
		t.Fatal(err)
	}
	folder, err := witness.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	_, wkey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := witness.NewCosigner("witness.example", wkey, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(witness.Options{
		Keys: func(string) []note.Verifier { return []note.Verifier{l.signer.LogVerifier()} }, Cosigner: cosigner, Store: folder, Now: time.Now,
		Split: func(context.Context, witness.Evidence) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(http.StripPrefix("/w", w))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, server.Certificate().Raw)

	run := func() (*restoreReport, error) {
		return restore(ctx, restoreOptions{from: copied, to: filepath.Join(t.TempDir(), "data"), witnesses: []string{server.URL + "/w/"}, ca: ca, minFree: -1, now: time.Now, verify: verifyStoreOnly})
	}
	show := func(old uint64) {
		t.Helper()
		r, err := sqlitestore.OpenReader(ctx, l.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		proof, err := r.Consistency(ctx, old, r.Head().Size)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "old %d\n", old)
		for _, p := range proof {
			fmt.Fprintf(&b, "%s\n", b64(p[:]))
		}
		b.WriteString("\n")
		b.Write(r.Head().Checkpoint)
		if a := w.Add(ctx, b.Bytes()); a.Status != http.StatusOK {
			t.Fatalf("witness says %d %s", a.Status, a.Body)
		}
	}
	// It has never heard of the log.
	if a, err := run(); err != nil || a.Verdict != verdictComplete || a.KnownSize != 5 {
		t.Errorf("with an empty witness: %+v, %v", a, err)
	}
	show(0)
	if a, err := run(); err != nil || a.Verdict != verdictComplete || !a.OK || len(a.Known) != 2 || a.Known[1].Size != 5 {
		t.Errorf("with a witness that has seen the same: %+v, %v", a, err)
	}
	l.grow(t, 3)
	show(5)
	a, err := run()
	if err != nil || a.OK || a.Verdict != verdictBehind || a.Missing == nil || a.Missing.From != 5 || a.Missing.To != 8 || a.Missing.Unnamed != 3 {
		t.Errorf("with a witness that has seen more: %+v, %v", a, err)
	}
	server.Close()
	if _, err := run(); err == nil {
		t.Error("a witness that does not answer was passed over")
	}
}

// A restore that was broken off goes on, and until it is whole there is no folder of the name.
func TestRestoreGoesOn(t *testing.T) {
	l := newCopiedLog(t)
	last := l.grow(t, 300)
	dir := t.TempDir()
	copied, to := filepath.Join(dir, "copy"), filepath.Join(dir, "data")
	if _, err := l.backup(t, copied); err != nil {
		t.Fatal(err)
	}
	r, err := sqlitestore.OpenReader(context.Background(), copied)
	if err != nil {
		t.Fatal(err)
	}
	im, err := sqlitestore.OpenImport(context.Background(), to+restoringTail, copiedOrigin, sqlitestore.ImportOptions{MinFree: -1, Batch: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := im.Copy(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(im.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	o := restoreOptions{from: copied, to: to, checkpoints: []string{writeTemp(t, last.Head.Checkpoint)}, minFree: -1, now: time.Now, verify: verifyStoreOnly}
	if _, err := restore(ended, o); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not whole has the name: %v", err)
	}
	a, err := restore(context.Background(), o)
	if err != nil || a.Verdict != verdictComplete || a.Size != 300 || a.Sources[0].Events != 200 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := os.Stat(to + restoringTail); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left behind: %v", err)
	}
}

// What a copy refuses, by kind.
func TestBackupRefuses(t *testing.T) {
	l := newCopiedLog(t)
	l.grow(t, 10)
	dir := t.TempDir()
	copied := filepath.Join(dir, "copy")
	if m, err := l.backup(t, copied); err != nil || m.Size != 10 || !m.OK {
		t.Fatalf("%+v, %v", m, err)
	}
	kind := func(o backupOptions) string {
		t.Helper()
		o.now = time.Now
		if o.minFree == 0 {
			o.minFree = -1
		}
		m, err := backup(context.Background(), o)
		if err == nil || m.OK || m.Error == nil {
			t.Fatalf("copied: %+v, %v", m, err)
		}
		return m.Error.Kind
	}
	other := newCopiedLog(t)
	other.grow(t, 20)
	if k := kind(backupOptions{data: other.dir, to: copied}); k != "forked" {
		t.Errorf("another log of the same name: %s", k)
	}
	if k := kind(backupOptions{data: l.dir, to: filepath.Join(dir, "unsigned"), key: other.key(t)}); k != "signature" {
		t.Errorf("a head signed by another key: %s", k)
	}
	old := l.dir + ".old"
	if err := os.CopyFS(old, os.DirFS(l.dir)); err != nil {
		t.Fatal(err)
	}
	l.grow(t, 5)
	if k := kind(backupOptions{data: l.dir, to: copied, minFree: 1 << 62}); k != "full" {
		t.Errorf("a full disk: %s", k)
	}
	if m, err := l.backup(t, copied); err != nil || m.Events != 5 || m.Before != 10 {
		t.Fatalf("after the disk was full: %+v, %v", m, err)
	}
	if k := kind(backupOptions{data: old, to: copied}); k != "ahead" {
		t.Errorf("a source that was put back: %s", k)
	}
	im, err := sqlitestore.OpenImport(context.Background(), copied, copiedOrigin, sqlitestore.ImportOptions{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	if k := kind(backupOptions{data: l.dir, to: copied}); k != "locked" {
		t.Errorf("a copy that another process writes: %s", k)
	}
	im.Close()
	if err := os.WriteFile(filepath.Join(copied, manifestFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if k := kind(backupOptions{data: l.dir, to: copied}); k != "not_a_copy" {
		t.Errorf("a manifest of something else: %s", k)
	}
	secret := writeTemp(t, []byte("-----BEGIN PRIVATE KEY-----\n"))
	if _, err := readPublic(secret); err == nil || !strings.Contains(err.Error(), "private key") {
		t.Errorf("a private key was read for copying: %v", err)
	}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func writeTemp(t *testing.T, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func writePEM(t *testing.T, file string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// destroy records a decision about the document of a number, carries it out in the store and records that.
func (l *copiedLog) destroy(t *testing.T, document string) {
	t.Helper()
	ctx := context.Background()
	s, err := sqlitestore.Open(ctx, l.dir, sqlitestore.Options{Origin: copiedOrigin, LogKey: l.log, NodeKey: l.node, MinFree: -1})
	must(t, err)
	target := destruction.Target{Document: document}
	c, err := destruction.Gather(ctx, s, target, destruction.ScopeAll, s.Head().Size)
	must(t, err)
	news, _, err := destruction.Decide(destruction.State{}, destruction.Request{
		ID: "1", Scope: destruction.ScopeAll, At: time.Unix(1e9, 0), Decisions: []destruction.Ruling{{Org: "H02", Date: "2026-11-20"}},
		Facts: destruction.Facts{Decisions: []destruction.RulingFacts{{Number: "12/QĐ", Body: "Sở", Ground: "hết thời hạn"}}},
		Targets: []destruction.Found{{CountedTarget: destruction.CountedTarget{Target: target, Facts: len(c.Facts), Packages: len(c.Packages)},
			Exists: true, Content: true, Keepers: []destruction.Keeper{{Org: "H02", By: []string{"H02"}}}}},
	})
	must(t, err)
	record := func(news []events.New) {
		st, err := destruction.Load(ctx, s)
		must(t, err)
		_, err = s.Append(ctx, events.Append{Stream: destruction.Stream, Expected: st.Version(), Actor: "node", Client: "node", Events: news})
		must(t, err)
	}
	record(news)
	must(t, s.Destroy(ctx, events.Removal{Packages: c.Packages, Facts: c.Facts}))
	st, err := destruction.Load(ctx, s)
	must(t, err)
	news, err = destruction.Execute(st, destruction.Executed{Decision: st.Decisions[0].Address.Position, Facts: len(c.Facts), Packages: len(c.Packages)})
	must(t, err)
	record(news)
	must(t, s.Close())
}

// What a decision destroys in the node leaves its copies with the next run, and does not come back from an older copy.
func TestCopiesFollowDestruction(t *testing.T) {
	l := newCopiedLog(t)
	l.grow(t, 2)
	document := events.Sum([]byte("doc")).String()
	s, err := sqlitestore.Open(context.Background(), l.dir, sqlitestore.Options{Origin: copiedOrigin, LogKey: l.log, NodeKey: l.node, MinFree: -1})
	must(t, err)
	const secret = "BI-MAT-CA-NHAN"
	_, err = s.Append(context.Background(), events.Append{Stream: "document/" + document, Expected: -1, Actor: "H02", Client: "node",
		Package: eventstest.NewPackage([]byte("<doc>" + secret + "</doc>")),
		Events:  []events.New{{Name: "document.received.v1", Data: struct{}{}, Facts: map[string]string{"subject": secret}}}})
	must(t, err)
	must(t, s.Close())
	dir := t.TempDir()
	old, copied := filepath.Join(dir, "old"), filepath.Join(dir, "copy")
	for _, to := range []string{old, copied} {
		_, err := l.backup(t, to)
		must(t, err)
	}
	has := func(folder string) bool {
		t.Helper()
		found := false
		must(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			found = found || bytes.Contains(b, []byte(secret))
			return err
		}))
		return found
	}
	if !has(copied) || !has(old) {
		t.Fatal("the test proves nothing: the copies never had it")
	}
	l.destroy(t, document)
	m, err := l.backup(t, copied)
	must(t, err)
	if m.Destroyed != 2 || has(copied) {
		t.Errorf("%d things were destroyed in the copy; still there: %t", m.Destroyed, has(copied))
	}
	if m, err := l.backup(t, copied); err != nil || m.Destroyed != 0 {
		t.Errorf("once more: %+v, %v", m, err)
	}
	r, err := sqlitestore.Verify(context.Background(), copied, sqlitestore.VerifyOptions{}, nil)
	if err != nil || r.Problem != nil {
		t.Errorf("the copy: %v, %v", r.Problem, err)
	}
	to := filepath.Join(dir, "data")
	a, err := restore(context.Background(), restoreOptions{from: old, also: []string{copied}, to: to, minFree: -1, now: time.Now, verify: verifyStoreOnly})
	if err != nil || a.Size != m.Size || has(to) {
		t.Errorf("restored %+v, %v; still there: %t", a, err, has(to))
	}
}
