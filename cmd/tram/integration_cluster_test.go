package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/signing/trialca"
)

// tram runs a command in this process.
func tram(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// storeIn has a stopped node's configuration say where the record lies.
func (n *demoNode) storeIn(t *testing.T, where string) {
	t.Helper()
	text := string(readFile(t, n.config.file))
	from := strings.Index(text, "store: {")
	text = text[:from] + "store: {" + where + "}" + text[from+strings.Index(text[from:], "\n"):]
	must(t, os.WriteFile(n.config.file, []byte(text), 0o600))
	var err error
	n.config, err = loadConfig(n.config.file)
	must(t, err)
}

// sibling makes the folder of another node of the same log: the log's key is the same, address, certificate and data are its own.
func (s *benchSite) sibling(t *testing.T) *benchSite {
	t.Helper()
	from := s.demoNode.dir()
	dir := filepath.Join(s.dir, "node-2")
	must(t, os.CopyFS(dir, os.DirFS(from)))
	must(t, os.RemoveAll(filepath.Join(dir, "data")))
	secret, err := filepath.Glob(filepath.Join(dir, "keys", "*")) // CopyFS does not keep their mode
	must(t, err)
	for _, f := range secret {
		must(t, os.Chmod(f, 0o600))
	}
	key, cert, err := s.ca.Issue(trialca.Leaf{Name: "Trạm đo 2", Use: trialca.Node, Key: trialca.P256, Hosts: []string{"do.tram.example", "127.0.0.1", "localhost"}})
	must(t, err)
	for _, f := range []string{"node.pem", "node.crt"} {
		must(t, os.Remove(filepath.Join(dir, "keys", f)))
	}
	must(t, writePair(filepath.Join(dir, "keys"), "node", key, cert))
	c, err := loadConfig(filepath.Join(dir, "tram.yaml"))
	must(t, err)
	second := &benchSite{dir: s.dir, demoNode: &demoNode{org: s.org, name: "Trạm đo 2", exe: s.exe, config: c, ca: s.ca, admin: s.admin}, units: nil}
	address, err := freeAddress()
	must(t, err)
	for old, changed := range map[string]string{
		fmt.Sprintf("listen: %q", c.Listen): fmt.Sprintf("listen: %q", address), c.PublicURL: "https://" + address,
	} {
		must(t, second.configure(old, changed))
	}
	for _, u := range s.units {
		o := *u
		o.node = second.demoNode
		o.api, err = second.client(filepath.Join(o.dir, "token"))
		must(t, err)
		second.units = append(second.units, &o)
		second.tokens = append(second.tokens, o.api.token)
	}
	second.made.Store(1 << 20) // numbers of its own
	return second
}

// provedCluster runs tram verify -c, which is tram store verify.
func provedCluster(t *testing.T, n *benchSite, receipt []byte) verifyAnswer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "receipt")
	must(t, os.WriteFile(file, receipt, 0o600))
	code, out, errs := tram(t, "verify", "--json", "-c", n.config.file, "--checkpoint", file)
	var a verifyAnswer
	if out != "" {
		must(t, json.Unmarshal([]byte(out), &a))
	}
	if code != 0 || !a.OK {
		t.Fatalf("tram store verify ended with %d: %+v %s", code, a, errs)
	}
	return a
}

// TestMoveToACluster is the life of a log that outgrows its folder: moved, served by two nodes, one of which is killed while it
// sequences, proved from outside, and moved back. Every receipt of all that time stays good.
func TestMoveToACluster(t *testing.T) {
	s := testSite(t)
	var all []taken
	hand := func(n *benchSite, agency int) {
		t.Helper()
		g, err := n.one(t.Context(), agency, []byte("báo cáo"))
		must(t, err)
		all = append(all, g)
	}
	for i := range 6 {
		hand(s, i%benchAgencies)
	}
	must(t, s.stop())
	alone := s.proved(t, all[0].receipt)

	server, err := esdbtest.NewCluster().Start()
	must(t, err)
	t.Cleanup(server.Stop)
	cluster := fmt.Sprintf("kind: esdb, connection: %q, objects: %q, lease: 1s", server.Connection(), filepath.Join(s.dir, "objects"))
	s.storeIn(t, cluster)
	if err := s.start(t.Context()); err == nil {
		t.Fatal("a node joined the cluster past the record in its folder")
	}
	for range 2 { // once more does nothing
		code, out, errs := tram(t, "store", "move", "-q", "-c", s.config.file)
		if code != 0 || !strings.Contains(out, alone.Root.String()) {
			t.Fatalf("tram store move ended with %d: %s%s", code, out, errs)
		}
	}
	s.storeIn(t, "kind: sqlite")
	if err := s.start(t.Context()); err == nil {
		t.Fatal("a record that was moved goes on in its folder")
	}
	s.storeIn(t, cluster)
	must(t, s.start(t.Context()))
	second := s.sibling(t)
	t.Cleanup(func() {
		if second.process != nil {
			_ = second.kill()
		}
		if t.Failed() {
			b := readFile(t, filepath.Join(second.demoNode.dir(), "serve.log"))
			t.Logf("end of the second node's log:\n%s", b[max(0, len(b)-2000):])
		}
	})
	must(t, second.start(t.Context()))
	first := all[0]
	for i := range 4 {
		hand(s, i)
		hand(second, i)
	}
	again, err := second.again(t.Context(), first.benchPackage)
	must(t, err)
	if again.position != first.position {
		t.Errorf("the same package is at %d on another node, it was at %d", again.position, first.position)
	}
	toldOfACluster(t, second, first)
	// The database is away: a quick answer with a number instead of none, and nothing needs to be started again.
	server.Stop()
	until(t, "6015", func() bool {
		_, err := second.one(t.Context(), 0, []byte("báo cáo"))
		return err != nil && strings.Contains(err.Error(), "6015")
	})
	server, err = server.Restart()
	must(t, err)
	t.Cleanup(server.Stop)
	until(t, "the database to be back", func() bool {
		g, err := second.one(t.Context(), 0, []byte("báo cáo"))
		if err == nil {
			all = append(all, g)
		}
		return err == nil
	})
	// Killed in office: the other one takes over and nothing is lost.
	must(t, s.kill())
	for i := range 4 {
		hand(second, i)
	}
	chains := map[string]bool{}
	vkey, err := readKey(s.keyFile())
	must(t, err)
	for _, g := range all {
		r, _, err := ledger.CheckReceipt(g.receipt, vkey)
		must(t, err)
		// And by who knows nothing but the authority.
		if _, _, err := ledger.CheckReceipt(g.receipt, ledger.CertificateKey(s.ca.Certificate)); err != nil {
			t.Errorf("receipt of position %d by its certificate: %v", r.Position, err)
		}
		chains[string(r.Chain[0].Raw)] = true
	}
	if len(chains) != 2 {
		t.Errorf("receipts carry %d certificates, two nodes signed heads", len(chains))
	}
	if a := provedCluster(t, second, first.receipt); a.Packages < uint64(len(all)) || a.Judged == 0 {
		t.Errorf("proved %d packages and judged %d, %d were handed in", a.Packages, a.Judged, len(all))
	}
	until(t, "delivery by the second node", func() bool {
		status, b := second.get(t, 1, "/v1/mailbox")
		return status == 200 && strings.Count(string(b), all[len(all)-4].sum) > 0
	})
	must(t, s.start(t.Context())) // comes back as one that follows
	hand(s, 0)
	must(t, s.stop())
	must(t, second.stop())
	moved := provedCluster(t, s, all[len(all)-1].receipt)

	code, out, errs := tram(t, "store", "move", "--back", "-q", "-c", s.config.file)
	if code != 0 || !strings.Contains(out, moved.Root.String()) {
		t.Fatalf("tram store move --back ended with %d: %s%s", code, out, errs)
	}
	if err := second.start(t.Context()); err == nil {
		t.Fatal("a log that was moved out goes on in the cluster")
	}
	s.storeIn(t, "kind: sqlite")
	must(t, s.start(t.Context()))
	hand(s, 2)
	must(t, s.stop())
	if a := s.proved(t, all[len(all)-2].receipt); a.Size <= moved.Size {
		t.Errorf("the log has %d events, in the cluster it had %d", a.Size, moved.Size)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return b
}

// toldOfACluster asks the commands that read a record about one that lies in a cluster: they read it there, or say what to use.
func toldOfACluster(t *testing.T, n *benchSite, g taken) {
	t.Helper()
	dir, now := t.TempDir(), time.Now().UTC().Format(time.RFC3339)
	for _, args := range [][]string{
		{"history", g.sum, "-c", n.config.file},
		{"replay", "-q", "--as-of", now, "--directory", "-c", n.config.file},
		{"evidence", g.sum, "--offline", "-o", filepath.Join(dir, "x.asice"), "-c", n.config.file},
		{"export", g.sum, "-o", filepath.Join(dir, "x.xml"), "-c", n.config.file},
		{"verify", "-q", "-c", n.config.file},
		{"store", "verify", "-q", "-c", n.config.file},
	} {
		if code, out, errs := tram(t, args...); code != 0 {
			t.Errorf("tram %s ended with %d: %s%s", strings.Join(args, " "), code, out, errs)
		}
	}
	for _, args := range [][]string{
		{"history", g.sum, n.demoNode.dir()},
		{"replay", "-q", "--as-of", now, "--directory", n.demoNode.dir()},
		{"verify", "-q", n.demoNode.dir()},
		{"log", "export", n.demoNode.dir(), "--out", filepath.Join(dir, "mirror")},
		{"backup", n.demoNode.dir(), "--to", filepath.Join(dir, "copy")},
	} {
		if code, _, errs := tram(t, args...); code != 1 || !strings.Contains(errs, "lies in a cluster") || !strings.Contains(errs, "-c tram.yaml") {
			t.Errorf("tram %s ended with %d: %s", strings.Join(args, " "), code, errs)
		}
	}
	if code, _, errs := tram(t, "backup", "-c", n.config.file, "--to", filepath.Join(dir, "copy")); code != 1 || !strings.Contains(errs, "its own tools") {
		t.Errorf("tram backup ended with %d: %s", code, errs)
	}
}
