package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/signing/trialca"
)

// testSite is a node as a process of its own, ended with the test.
func testSite(t *testing.T) *benchSite {
	t.Helper()
	exe, err := exec.LookPath("tram") // this test binary: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	s, err := newBenchSite(t.Context(), t.TempDir(), exe, trialca.P256)
	if s != nil {
		t.Cleanup(func() {
			if s.process != nil {
				_ = s.kill()
			}
			if t.Failed() {
				if b, err := os.ReadFile(filepath.Join(s.demoNode.dir(), "serve.log")); err == nil {
					t.Logf("end of the node's log:\n%s", b[max(0, len(b)-2000):])
				}
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// taken is a package that got a receipt.
type taken struct {
	benchPackage
	sum      string
	position uint64
	receipt  []byte
}

// one makes a package and hands it in.
func (s *benchSite) one(ctx context.Context, agency int, attachment []byte) (taken, error) {
	p, err := s.make(agency, attachment)
	if err != nil {
		return taken{}, err
	}
	return s.again(ctx, p)
}

// again hands a package in, for the first time or not.
func (s *benchSite) again(ctx context.Context, p benchPackage) (taken, error) {
	a, err := s.units[p.agency].api.sendReader(ctx, bytes.NewReader(p.body), int64(len(p.body)))
	return taken{benchPackage: p, sum: a.SHA256, position: a.Position, receipt: []byte(a.Receipt)}, err
}

// sendUntil sends from several connections until a hand-in fails, and gives what got a receipt and how the senders ended.
func (s *benchSite) sendUntil(ctx context.Context, senders int) (wait func() ([]taken, []error)) {
	var mu sync.Mutex
	var all []taken
	var errs []error
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for ctx.Err() == nil {
				got, err := s.one(ctx, i%benchAgencies, []byte("báo cáo"))
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else {
					all = append(all, got)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	return func() ([]taken, []error) { wg.Wait(); return all, errs }
}

// checkReceipts proves receipts offline.
func (s *benchSite) checkReceipts(t *testing.T, all []taken) {
	t.Helper()
	var list []benchReceipt
	for _, g := range all {
		list = append(list, benchReceipt{sum: []byte(g.sum), receipt: g.receipt})
	}
	must(t, s.prove(list))
}

// proved runs tram verify on the node's data, with the log's key and with the checkpoint of a receipt that must still
// hold (nil: none).
func (s *benchSite) proved(t *testing.T, receipt []byte) verifyAnswer {
	t.Helper()
	args := []string{"--key", s.keyFile()}
	if receipt != nil {
		_, checkpoint, ok := bytes.Cut(receipt, []byte("\n\n"))
		if !ok {
			t.Fatalf("receipt without a checkpoint: %q", receipt)
		}
		file := filepath.Join(t.TempDir(), "checkpoint")
		must(t, os.WriteFile(file, checkpoint, 0o600))
		args = append(args, "--checkpoint", file)
	}
	code, a := verifyJSON(t, s.data(), args...)
	if code != 0 || !a.OK {
		t.Fatalf("tram verify ended with %d: %+v", code, a.Error)
	}
	return a
}

// verifyJSON is the command: its exit status and its answer.
func verifyJSON(t *testing.T, dir string, args ...string) (int, verifyAnswer) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(append([]string{"verify", "--json", dir}, args...), strings.NewReader(""), &out, &errs)
	var a verifyAnswer
	if out.Len() == 0 {
		t.Logf("tram verify %s: %s", dir, &errs)
		return code, a
	}
	must(t, json.Unmarshal(out.Bytes(), &a))
	return code, a
}

// openStore opens the record of a stopped node as the node would.
func (s *benchSite) openStore(t *testing.T, c *Config) *sqlitestore.Store {
	t.Helper()
	keys, err := loadKeys(c)
	must(t, err)
	store, err := sqlitestore.Open(t.Context(), c.path(c.Data), sqlitestore.Options{Origin: c.Origin, LogKey: keys.log, NodeKey: keys.node, NodeChain: keys.chain})
	must(t, err)
	return store
}

// recorded are the documents in the record of a stopped node, by package.
func (s *benchSite) recorded(t *testing.T) map[string]uint64 {
	t.Helper()
	store := s.openStore(t, s.config)
	defer store.Close()
	found := map[string]uint64{}
	must(t, store.All(t.Context(), 0, func(e events.Event) error {
		if e.Statement.Name == "document.received.v1" {
			found[e.Statement.Package.SHA256.String()] = e.Position
		}
		return nil
	}))
	return found
}

// get asks as an agency and gives the status and the body.
func (s *benchSite) get(t *testing.T, agency int, path string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url()+path, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+s.tokens[agency])
	resp, err := s.units[agency].api.http.Do(req)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, b
}

// until asks for what is put together behind the record, until ok.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if ok() {
			return
		}
	}
	t.Fatalf("%s never came", what)
}

// TestDrain: asked to end, a node answers every hand-in that it records, and takes no more.
func TestDrain(t *testing.T) {
	s := testSite(t)
	wait := s.sendUntil(t.Context(), 16)
	warm := time.NewTimer(300 * time.Millisecond)
	<-warm.C
	must(t, s.stop())
	got, errs := wait()
	if len(got) == 0 || len(errs) != 16 {
		t.Fatalf("%d receipts and %d senders ended, want some and 16", len(got), len(errs))
	}
	for _, err := range errs {
		var refused *refusedError
		if errors.As(err, &refused) && refused.Status != http.StatusServiceUnavailable {
			t.Errorf("a sender was refused with %v, want 503", err)
		}
	}
	recorded := s.recorded(t)
	for _, g := range got {
		if position, ok := recorded[g.sum]; !ok || position != g.position {
			t.Errorf("package %s has a receipt for position %d, recorded is %d (%v)", g.sum, g.position, position, ok)
		}
	}
	if len(recorded) != len(got) {
		t.Errorf("%d documents are recorded, %d were answered", len(recorded), len(got))
	}
	t.Logf("%d hand-ins answered", len(got))
	s.proved(t, got[len(got)-1].receipt)
}

// TestSecondProcess: a folder belongs to one process.
func TestSecondProcess(t *testing.T) {
	s := testSite(t)
	out, err := exec.CommandContext(t.Context(), s.exe, "serve", "-c", filepath.Join(s.demoNode.dir(), "tram.yaml")).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "in use by another process") {
		t.Errorf("second process: %v\n%s", err, out)
	}
	if _, err := s.one(t.Context(), 0, []byte("x")); err != nil {
		t.Errorf("the first process does not go on: %v", err)
	}
}

// TestBackupAndViews: the folder of a stopped node, copied, is the node; and views.db is nothing that would be missed.
func TestBackupAndViews(t *testing.T) {
	s := testSite(t)
	var got []taken
	for i := range 12 {
		g, err := s.one(t.Context(), i%benchAgencies, bytes.Repeat([]byte{byte(i)}, 1<<(10+i%10)))
		must(t, err)
		got = append(got, g)
	}
	answers := func() map[string]string {
		out := map[string]string{}
		for agency := range benchAgencies {
			for _, path := range []string{"/v1/documents?direction=outgoing", "/v1/documents?direction=incoming", "/v1/mailbox"} {
				status, b := s.get(t, agency, path)
				if status != http.StatusOK {
					t.Fatalf("%s: HTTP %d %s", path, status, b)
				}
				out[s.units[agency].code+path] = string(b)
				if path == "/v1/mailbox" {
					continue
				}
				var page httpapi.DocumentPage
				must(t, json.Unmarshal(b, &page))
				for _, d := range page.Documents {
					status, b := s.get(t, agency, "/v1/documents/"+d.Document)
					if status != http.StatusOK {
						t.Fatalf("%s: HTTP %d %s", d.Document, status, b)
					}
					out[s.units[agency].code+d.Document] = string(b)
				}
			}
		}
		return out
	}
	// The log rests once every document has been offered to its one recipient; then the views have it all.
	rests := func() bool {
		offered := 0
		for agency := range benchAgencies {
			status, b := s.get(t, agency, "/v1/mailbox")
			if status != http.StatusOK {
				t.Fatalf("mailbox: HTTP %d %s", status, b)
			}
			var box httpapi.MailboxPage
			must(t, json.Unmarshal(b, &box))
			offered += len(box.Entries)
		}
		status, b := s.get(t, 0, "/v1/documents?direction=outgoing")
		if status != http.StatusOK {
			t.Fatalf("register: HTTP %d %s", status, b)
		}
		var page httpapi.DocumentPage
		must(t, json.Unmarshal(b, &page))
		_, checkpoint := s.get(t, 0, "/v1/checkpoint")
		head, err := sealedSize(append([]byte("\n\n"), checkpoint...))
		must(t, err)
		return page.AsOf == head && offered == len(got)
	}
	until(t, "views", rests)
	before := answers()
	same := func(what string) {
		t.Helper()
		until(t, "views", rests)
		after := answers()
		if len(after) != len(before) || len(after) < 3*benchAgencies+2*len(got) {
			t.Errorf("%s: %d answers, %d before", what, len(after), len(before))
		}
		for k, v := range before {
			if after[k] != v {
				t.Errorf("%s: %s\n was %s\n now %s", what, k, v, after[k])
			}
		}
	}

	must(t, s.stop())
	files, err := filepath.Glob(filepath.Join(s.data(), viewsFile+"*"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("there is no views.db to delete")
	}
	for _, f := range files {
		must(t, os.Remove(f))
	}
	must(t, s.start(t.Context()))
	same("after views.db was deleted")

	must(t, s.stop())
	backup := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(backup, os.DirFS(s.demoNode.dir())))
	keys, err := filepath.Glob(filepath.Join(backup, "keys", "*"))
	must(t, err)
	for _, k := range keys { // CopyFS opens every file to all, and a node refuses such keys
		must(t, os.Chmod(k, 0o600))
	}
	// The original could go on and be lost: the copy must stand for itself.
	must(t, os.Rename(s.demoNode.dir(), s.demoNode.dir()+".lost"))
	s.config, err = loadConfig(filepath.Join(backup, "tram.yaml"))
	must(t, err)
	must(t, s.start(t.Context()))
	same("from the backup")
	for _, g := range got {
		status, b := s.get(t, g.agency, "/v1/packages/"+g.sum)
		if sum := sha256.Sum256(b); status != http.StatusOK || hex.EncodeToString(sum[:]) != g.sum {
			t.Errorf("package %s from the backup: HTTP %d, %d bytes", g.sum, status, len(b))
		}
	}
	if _, err := s.one(t.Context(), 1, []byte("mới")); err != nil {
		t.Errorf("the backup takes nothing in: %v", err)
	}
	s.proved(t, got[len(got)-1].receipt)
}

// TestDiskNearlyFull: a node that would fill the disk takes nothing in, says so before anything is written, and goes on
// when there is room.
func TestDiskNearlyFull(t *testing.T) {
	s := testSite(t)
	p, err := s.make(0, []byte("x"))
	must(t, err)
	must(t, s.stop())
	file := filepath.Join(s.demoNode.dir(), "tram.yaml")
	yaml, err := os.ReadFile(file)
	must(t, err)
	full := bytes.Replace(yaml, []byte("min_free_mib: 256"), []byte("min_free_mib: 1073741824"), 1)
	if bytes.Equal(full, yaml) {
		t.Fatal("the configuration has another min_free_mib")
	}
	must(t, os.WriteFile(file, full, 0o600))
	before := s.recordedSize(t)
	must(t, s.start(t.Context()))
	_, err = s.again(t.Context(), p)
	var refused *refusedError
	if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || refused.Code != 6001 || !refused.Retryable {
		t.Errorf("with a full disk: %v, want 503 and 6001, retryable", err)
	}
	must(t, s.stop())
	if after := s.recordedSize(t); after != before {
		t.Errorf("the record has %d events, had %d", after, before)
	}
	must(t, os.WriteFile(file, yaml, 0o600))
	must(t, s.start(t.Context()))
	if _, err := s.again(t.Context(), p); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func (s *benchSite) recordedSize(t *testing.T) uint64 {
	t.Helper()
	store := s.openStore(t, s.config)
	defer store.Close()
	return store.Head().Size
}

// TestLargePackage: 100 MB pass in less than 64 MiB.
func TestLargePackage(t *testing.T) {
	s := testSite(t)
	if _, err := s.one(t.Context(), 0, []byte("x")); err != nil { // what one hand-in costs anyway
		t.Fatal(err)
	}
	extra, _, err := s.extraMemory(t.Context(), 100_000_000)
	must(t, err)
	if extra > 64<<20 {
		t.Errorf("the node took %d MiB more, want at most 64", extra>>20)
	}
	t.Logf("%.1f MiB more", float64(extra)/(1<<20))
}

// TestNoLeak: thousands of requests of every sort leave no goroutine, descriptor or memory behind.
func TestNoLeak(t *testing.T) {
	s := testSite(t)
	good, err := s.one(t.Context(), 0, []byte("x"))
	must(t, err)
	b, err := os.ReadFile(filepath.Join(s.demoNode.dir(), "keys", "admin.token"))
	must(t, err)
	s.tokens = append(s.tokens, strings.TrimSpace(string(b)))
	s.units = append(s.units, s.units[0])
	gauge := func(name string) (v float64) {
		t.Helper()
		status, b := s.get(t, benchAgencies, "/metrics")
		if status != http.StatusOK {
			t.Fatalf("/metrics: HTTP %d", status)
		}
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				must(t, json.Unmarshal([]byte(strings.TrimSpace(rest)), &v))
				return v
			}
		}
		t.Fatalf("/metrics has no %s", name)
		return 0
	}
	round := func(n int) {
		t.Helper()
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				c := *s.units[w].api
				for i := range n / 4 {
					switch i % 8 {
					case 0: // a caller that never comes back to its connection
						c.http = &http.Client{Transport: &http.Transport{TLSClientConfig: s.units[w].api.http.Transport.(*http.Transport).TLSClientConfig.Clone(), DisableKeepAlives: true}}
					case 1:
						c.http = s.units[w].api.http
					}
					var err error
					switch i % 4 {
					case 0:
						_, err = s.again(t.Context(), good.benchPackage)
					case 1:
						_, err = c.sendReader(t.Context(), strings.NewReader("<edXML"), 6)
					case 2:
						err = c.call(t.Context(), http.MethodGet, "/v1/packages/"+strings.Repeat("0", 64), nil, nil, nil)
					case 3:
						err = c.call(t.Context(), http.MethodGet, "/v1/documents", nil, nil, nil)
					}
					var refused *refusedError
					if err != nil && !errors.As(err, &refused) {
						t.Errorf("request %d: %v", i, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	round(400)
	descriptors, goroutines := gauge("process_open_fds"), gauge("go_goroutines")
	memory, err := s.memory("VmRSS")
	must(t, err)
	round(2000)
	var d, g float64
	until(t, "rest", func() bool {
		d, g = gauge("process_open_fds"), gauge("go_goroutines")
		return d <= descriptors+8 && g <= goroutines+16
	})
	after, err := s.memory("VmRSS")
	must(t, err)
	if after > memory+32<<20 {
		t.Errorf("memory went from %d to %d MiB", memory>>20, after>>20)
	}
	t.Logf("descriptors %.0f → %.0f, goroutines %.0f → %.0f, memory %d → %d KiB", descriptors, d, goroutines, g, memory>>10, after>>10)
}

// TestKill ends a node as a power cut ends a process, again and again at random moments while it is being sent to: what
// got a receipt is there, at its position, and the whole record proves.
func TestKill(t *testing.T) {
	s := testSite(t)
	var all []taken
	random := sha256.New()
	for round := range 12 {
		wait := s.sendUntil(t.Context(), 8)
		// Any moment of the first quarter of a second, other ones in each run.
		random.Write([]byte(time.Now().String()))
		moment := time.NewTimer(time.Duration(random.Sum(nil)[0]) * time.Millisecond)
		<-moment.C
		must(t, s.kill())
		got, _ := wait()
		all = append(all, got...)
		must(t, s.start(t.Context()))
		s.checkReceipts(t, got)
		for i, g := range got {
			if i%4 == 0 { // the same bytes again: the same statement
				again, err := s.again(t.Context(), g.benchPackage)
				if err != nil || again.position != g.position {
					t.Fatalf("round %d: package %s handed in again: position %d, want %d (%v)", round, g.sum, again.position, g.position, err)
				}
				continue
			}
			if status, b := s.get(t, g.agency, "/v1/packages/"+g.sum); status != http.StatusOK || !bytes.Equal(b, g.body) {
				t.Fatalf("round %d: package %s: HTTP %d, %d bytes, want %d", round, g.sum, status, len(b), len(g.body))
			}
		}
		var last taken
		for _, g := range all {
			if g.position >= last.position {
				last = g
			}
		}
		s.proved(t, last.receipt)
	}
	if len(all) < 20 {
		t.Fatalf("only %d packages got a receipt", len(all))
	}
	must(t, s.stop())
	recorded := s.recorded(t)
	for _, g := range all {
		if position, ok := recorded[g.sum]; !ok || position != g.position {
			t.Errorf("package %s has a receipt for position %d, recorded is %d (%v)", g.sum, g.position, position, ok)
		}
	}
	t.Logf("%d receipts over 12 kills, %d documents recorded", len(all), len(recorded))
}
