package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/witnessing"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/asice"
)

// pair is two nodes that witness each other: the province's publication waits for the other's cosignature.
type pair struct {
	province, vpcp *demoNode
	policy         *witness.Policy // for heads of the province
	grown          int
}

func newPair(t *testing.T) *pair {
	t.Helper()
	return newPairOf(t, true, func(*pair) {})
}

// newPairOf can leave the province without witnesses, so that nobody stops it. The nodes learn of what is enrolled when they meet.
func newPairOf(t *testing.T, witnessed bool, enrol func(*pair)) *pair {
	t.Helper()
	exe, err := exec.LookPath("tram")
	must(t, err)
	dir, ctx := t.TempDir(), t.Context()
	all, err := openDemoAuthorities(filepath.Join(dir, "authorities"))
	must(t, err)
	t.Cleanup(func() { _ = all.end() })
	p := &pair{}
	for _, n := range []struct {
		to                **demoNode
		org, name, origin string
	}{{&p.province, "H02", "Trạm tỉnh", "tram.bacgiang.example/log"}, {&p.vpcp, "G22", "Trạm VPCP", "tram.vpcp.example/log"}} {
		node, err := newDemoNode(dir, exe, n.org, n.name, n.origin, "", all, -time.Hour)
		must(t, err)
		operations, err := freeAddress()
		must(t, err)
		must(t, node.configure(`operations: ""`, `operations: "`+operations+`"`))
		*n.to = node
		t.Cleanup(func() {
			if node.process != nil {
				_ = node.kill()
			}
			if b, err := os.ReadFile(filepath.Join(node.dir(), "serve.log")); err == nil && t.Failed() {
				t.Logf("end of %s:\n%s", n.org, b[max(0, len(b)-3000):])
			}
		})
	}
	must(t, errors.Join(p.province.trustPeer(p.vpcp), p.vpcp.trustPeer(p.province)))
	if witnessed {
		must(t, p.province.witnessedBy(ctx, p.vpcp, true))
	}
	must(t, p.vpcp.witnessedBy(ctx, p.province, false))
	for _, n := range []*demoNode{p.vpcp, p.province} {
		begin(t, n)
	}
	enrol(p)
	must(t, errors.Join(p.province.meet(ctx, p.vpcp, "G22"), p.vpcp.meet(ctx, p.province, "H02")))
	key, err := cosignerKey(ctx, p.vpcp.config)
	must(t, err)
	k, err := witness.ParseKey(key)
	must(t, err)
	p.policy, err = witness.NewPolicy(1, witness.Peer{Name: "vpcp", Key: k})
	must(t, err)
	return p
}

// begin starts a node. Its ports were free when it was made; who takes one for a connection of its own gives it back.
func begin(t *testing.T, n *demoNode) {
	t.Helper()
	for try := 0; ; try++ {
		err := n.start(t.Context())
		log, _ := os.ReadFile(filepath.Join(n.dir(), "serve.log"))
		if err == nil || try == 20 || !bytes.HasSuffix(bytes.TrimSpace(log), []byte("address already in use")) {
			must(t, err)
			return
		}
	}
}

// grow records something and gives the size of the log after it.
func (p *pair) grow(t *testing.T, n *demoNode) (uint64, error) {
	t.Helper()
	p.grown++
	code := fmt.Sprintf("%s.%d", n.org, 70+p.grown)
	a, err := n.change(t.Context(), "một thay đổi", schemas.AddOrganisation{Code: code, Name: "Đơn vị " + code})
	return a.Position + 1, err
}

func (p *pair) head(t *testing.T, n *demoNode) (ledger.Head, []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(n.data(), logFolder, "checkpoint"))
	if errors.Is(err, os.ErrNotExist) {
		return ledger.Head{}, nil
	}
	must(t, err)
	h, err := ledger.ReadCheckpoint(b)
	must(t, err)
	return h, b
}

// health is the node's page of checks.
func health(t *testing.T, n *demoNode) string {
	t.Helper()
	resp, err := http.Get("http://" + n.config.Operations + "/readyz?verbose")
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return string(b)
}

// published waits until a node's published head has a size, and gives it.
func (p *pair) published(t *testing.T, n *demoNode, size uint64) []byte {
	t.Helper()
	var b []byte
	until(t, fmt.Sprintf("head %d of %s", size, n.org), func() bool {
		var h ledger.Head
		h, b = p.head(t, n)
		return h.Size >= size
	})
	return b
}

// TestNodesWitness: what is published is cosigned and waits for it, while packages are taken in all the same.
func TestNodesWitness(t *testing.T) {
	p := newPair(t)
	size, err := p.grow(t, p.province)
	must(t, err)
	b := p.published(t, p.province, size)
	if v, err := witness.Witnessed(b, p.policy); err != nil || !v.Satisfied {
		t.Fatalf("published without its cosignature: %v\n%s", err, b)
	}
	p.receipts(t)
	until(t, "the other's cosigned head", func() bool {
		_, b := p.head(t, p.vpcp)
		return bytes.Contains(b, []byte("— tram.bacgiang.example/log/witness "))
	})
	if h := health(t, p.province); !strings.Contains(h, "ok   witnesses") || !strings.Contains(h, "ok   witness G22") {
		t.Errorf("health:\n%s", h)
	}

	// The witness is away: nothing is published, everything is accepted.
	must(t, p.vpcp.stop())
	size, err = p.grow(t, p.province)
	must(t, err)
	until(t, "health", func() bool { return strings.Contains(health(t, p.province), "bad  published log") })
	if h, _ := p.head(t, p.province); h.Size >= size {
		t.Errorf("size %d is published without a witness", h.Size)
	}
	begin(t, p.vpcp)
	if v, err := witness.Witnessed(p.published(t, p.province, size), p.policy); err != nil || !v.Satisfied {
		t.Errorf("published without its cosignature: %v", err)
	}

	// An old copy of the data is put back: the node doesn't start on it, and nothing in it is signed.
	must(t, p.province.stop())
	old := filepath.Join(t.TempDir(), "old")
	must(t, os.CopyFS(old, os.DirFS(p.province.data())))
	begin(t, p.province)
	size, err = p.grow(t, p.province)
	must(t, err)
	p.published(t, p.province, size)
	must(t, p.province.stop())
	newest := p.province.data() + ".newest"
	must(t, os.Rename(p.province.data(), newest))
	must(t, os.CopyFS(p.province.data(), os.DirFS(old)))
	if err := p.province.start(t.Context()); err == nil {
		t.Fatal("an old copy was started")
	}
	p.province.process = nil
	log, err := os.ReadFile(filepath.Join(p.province.dir(), "serve.log"))
	must(t, err)
	if want := "refusing to sign: witness \"G22\" has cosigned size"; !bytes.Contains(log, []byte(want)) || !bytes.Contains(log, []byte("restore a newer backup")) {
		t.Errorf("the node's log doesn't say %q", want)
	}
	if h, _ := p.head(t, p.province); h.Size >= size {
		t.Error("the old copy has published something")
	}
	// With the witness away it goes by what was said.
	must(t, p.vpcp.stop())
	if err := p.province.start(t.Context()); err == nil {
		t.Fatal("an old copy was started while the witness was away")
	}
	p.province.process = nil
	must(t, os.RemoveAll(p.province.data()))
	must(t, os.Rename(newest, p.province.data()))
	begin(t, p.province) // the witness is still away: start: warn
	begin(t, p.vpcp)
	_, err = p.grow(t, p.province)
	must(t, err)
}

// receipts are led from what the node gave at once to a head that the witness stands behind, by published files alone.
func (p *pair) receipts(t *testing.T) {
	t.Helper()
	p.grown++
	code := fmt.Sprintf("H02.%d", 70+p.grown)
	a, err := p.province.change(t.Context(), "biên nhận", schemas.AddOrganisation{Code: code, Name: code})
	must(t, err)
	p.published(t, p.province, a.Position+1)
	dir := t.TempDir()
	file, policy := filepath.Join(dir, "change.receipt"), filepath.Join(dir, "policy")
	must(t, os.WriteFile(file, []byte(a.Receipt), 0o600))
	key, err := cosignerKey(t.Context(), p.vpcp.config)
	must(t, err)
	must(t, os.WriteFile(policy, []byte("log "+p.province.vkey+"\nwitness vpcp "+key+"\nquorum vpcp\n"), 0o600))
	tram := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := run(args, strings.NewReader(""), &out, &out); code != want {
			t.Fatalf("tram %s ended with %d:\n%s", strings.Join(args, " "), code, &out)
		}
		return out.String()
	}
	check := []string{"receipt", "check", file, "--key", p.province.keyFile(), "--policy", policy}
	if out := tram(1, check...); !strings.Contains(out, "sealed") {
		t.Errorf("before: %s", out)
	}
	tram(0, "receipt", "refresh", file, "--key", p.province.keyFile(), "--log", p.province.url(), "--ca", filepath.Join(p.province.dir(), "trust", "trial-ca.crt"), "--policy", policy)
	if out := tram(0, check...); !strings.Contains(out, "witnessed (1 of 1)") {
		t.Errorf("after: %s", out)
	}
	var answer receiptAnswer
	must(t, json.Unmarshal([]byte(tram(0, append(check, "--json", "--log", filepath.Join(p.province.data(), logFolder))...)), &answer))
	if w := answer.Witnesses; answer.Standing != standingWitnessed || w == nil || len(w.Cosignatures) != 1 || w.Cosignatures[0].Name != "vpcp" || w.Cosignatures[0].Time.IsZero() {
		t.Errorf("after: %+v", answer)
	}

	// The whole record, under the same policy, and under one of strangers.
	proved := func(policy string) (int, verifyAnswer) {
		t.Helper()
		return verifyJSON(t, p.province.dir(), "--key", p.province.keyFile(), "--policy", policy)
	}
	if code, a := proved(policy); code != 0 || !a.OK || a.Published == nil || !a.Published.Satisfied || len(a.Published.Cosigned) != 1 {
		t.Errorf("verified under the policy: %d, %+v, %+v", code, a.Error, a.Published)
	}
	stranger, err := cosignerKey(t.Context(), p.province.config)
	must(t, err)
	strangers := filepath.Join(dir, "strangers")
	must(t, os.WriteFile(strangers, []byte("log "+p.province.vkey+"\nwitness stranger "+stranger+"\nquorum stranger\n"), 0o600))
	if code, a := proved(strangers); code != 1 || a.Error == nil || a.Error.Kind != "cosignatures" {
		t.Errorf("verified under a policy of strangers: %d, %+v", code, a.Error)
	}
}

// evidenceIsWitnessed: the container that a node makes leads to the head that its witness stands behind, from the folder and over the API.
func (p *pair) evidenceIsWitnessed(t *testing.T, s *sent) {
	t.Helper()
	key, err := cosignerKey(t.Context(), p.province.config)
	must(t, err)
	dir := t.TempDir()
	policy, trust := filepath.Join(dir, "policy"), filepath.Join(p.vpcp.dir(), "trust")
	must(t, os.WriteFile(policy, []byte("log "+p.vpcp.vkey+"\nwitness tinh "+key+"\nquorum tinh\n"), 0o600))
	until(t, "a cosigned head over the letter", func() bool {
		h, b := p.head(t, p.vpcp)
		return h.Size > s.reply.Position && bytes.Contains(b, []byte("— tram.bacgiang.example/log/witness "))
	})
	fromFolder, fromAPI := filepath.Join(dir, "folder.asice"), filepath.Join(dir, "api.asice")
	var out bytes.Buffer
	if code := run([]string{"evidence", s.reply.Document, "-c", p.vpcp.config.file, "--offline", "-o", fromFolder}, strings.NewReader(""), &out, &out); code != 0 {
		t.Fatalf("tram evidence: %s", &out)
	}
	resp, err := s.from.api.do(t.Context(), http.MethodGet, "/v1/documents/"+s.reply.Document+"/evidence", nil, nil, 0, "", asice.MediaType)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, os.WriteFile(fromAPI, b, 0o600))
	for _, file := range []string{fromFolder, fromAPI} {
		out.Reset()
		_ = run([]string{"evidence", "check", file, "--trust", trust, "--key", p.vpcp.keyFile(), "--witness-policy", policy}, strings.NewReader(""), &out, &out)
		if !strings.Contains(out.String(), "witnessed (1 of 1)") || !strings.Contains(out.String(), ": tinh ") || strings.Contains(out.String(), "✗") {
			t.Errorf("%s:\n%s", filepath.Base(file), &out)
		}
		out.Reset()
		_ = run([]string{"evidence", "check", file, "--trust", trust, "--key", p.vpcp.keyFile(), "--witness-policy", policy, "--json"}, strings.NewReader(""), &out, &out)
		var r evidence.Report
		must(t, json.Unmarshal(out.Bytes(), &r))
		if w := r.Witnesses; r.Standing != evidence.StandingWitnessed || w == nil || len(w.Cosignatures) != 1 || len(r.Proofs) == 0 || r.Proofs[0].Standing != evidence.StandingWitnessed {
			t.Errorf("%s: %s %+v", filepath.Base(file), r.Standing, r.Proofs)
		}
	}
}

// TestPeerReceiptContradicts: a node shows another history to its witness than to those whose packages it takes. The receipt that it gives
// for a package convicts it.
func TestPeerReceiptContradicts(t *testing.T) {
	tally := &tally{}
	centre, unit := newOffice("G22", "Văn phòng Chính phủ", 0, tally), newOffice("H02.01", "Văn phòng UBND tỉnh", 1, tally)
	p := newPairOf(t, false, func(p *pair) {
		must(t, errors.Join(enrolOffices(t.Context(), p.vpcp, "cơ quan", centre), enrolOffices(t.Context(), p.province, "đơn vị", unit)))
	})
	until(t, "the other node's agency", func() bool {
		return centre.api.call(t.Context(), http.MethodGet, "/v1/directory/"+unit.code, nil, nil, nil) == nil
	})
	first, err := centre.send(t.Context(), letter{kind: "Công văn", subject: "Thư thứ nhất", to: []*office{unit}})
	must(t, err)
	_, err = unit.take(t.Context(), 1)
	must(t, err)
	p.evidenceIsWitnessed(t, first)

	must(t, p.province.stop())
	secret, prove := fork(t, p.province, p.province.data())
	key, err := cosignerKey(t.Context(), p.vpcp.config)
	must(t, err)
	vpcp, err := witness.ParseKey(key)
	must(t, err)
	policy, err := witness.NewPolicy(1, witness.Peer{Name: "vpcp", Key: vpcp, URL: p.vpcp.url() + strings.TrimSuffix(witnessPrefix, "/")})
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(p.vpcp.ca.Certificate)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	_, err = witness.NewClient(policy, witness.ClientOptions{HTTP: client}).Gather(t.Context(), secret, prove)
	must(t, err)

	begin(t, p.province)
	for range 2 { // the receipts are under larger heads than the secret one
		_, err = p.grow(t, p.province)
		must(t, err)
	}
	_, err = centre.send(t.Context(), letter{kind: "Công văn", subject: "Thư thứ hai", to: []*office{unit}})
	must(t, err)
	until(t, "the proof in the other's record", func() bool {
		return strings.Contains(health(t, p.vpcp), "bad  contradiction tram.bacgiang.example/log")
	})
	// The node that found it goes on, its views as well.
	third, err := centre.send(t.Context(), letter{kind: "Công văn", subject: "Thư thứ ba", to: []*office{unit}})
	must(t, err)
	_, err = centre.until(t.Context(), third, "a page", func(a httpapi.DocumentAnswer) bool { return true })
	must(t, err)
	must(t, p.vpcp.stop())
	alarms := p.recorded(t, p.vpcp)
	text := func(checkpoint string) string { text, _, _ := strings.Cut(checkpoint, "\n\n"); return text }
	if len(alarms) != 1 || alarms[0].Source != witnessing.SourceReceipt || text(alarms[0].First) != text(string(secret)) {
		t.Errorf("recorded %+v", alarms)
	}
}

// recorded are the contradictions in the record of a stopped node, which is verified.
func (p *pair) recorded(t *testing.T, n *demoNode) (found []witnessing.Alarm) {
	t.Helper()
	v, err := runVerification(t.Context(), verifyOptions{dir: n.data(), keyFile: n.keyFile(), each: func(e events.Event) {
		if e.Statement.Name == witnessing.NameContradiction {
			a, err := witnessing.Decode(e)
			must(t, err)
			found = append(found, a)
		}
	}}, func(string, int64, int64) {})
	must(t, err)
	if !v.OK {
		t.Errorf("verified %v", v.Error)
	}
	return found
}

// fork goes on with a copy of a node's record on its own, and gives a signed head with the files under it.
func fork(t *testing.T, n *demoNode, from string) ([]byte, witness.Prover) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fork")
	must(t, os.CopyFS(dir, os.DirFS(from)))
	keys, err := loadKeys(n.config)
	must(t, err)
	store, err := sqlitestore.Open(t.Context(), dir, sqlitestore.Options{Origin: n.config.Origin, LogKey: keys.log, NodeKey: keys.node, NodeChain: keys.chain})
	must(t, err)
	defer store.Close()
	_, err = store.Append(t.Context(), events.Append{Stream: "secret", Expected: -1, Actor: "node", Client: "node", Events: []events.New{{Name: "secret.v1", Data: struct{}{}}}})
	must(t, err)
	files := tiles.OSFiles(filepath.Join(dir, "forked-log"))
	must(t, tiles.NewWriter(store, files, tiles.Options{}).Publish(t.Context(), store.Head()))
	head, err := ledger.ReadCheckpoint(store.Head().Checkpoint)
	must(t, err)
	return store.Head().Checkpoint, witness.ProveFrom(tiles.Hashes(head, files))
}

// TestSplitView: a node shows its witness one history and goes on with another. It stops, and its witness records the proof.
func TestSplitView(t *testing.T) {
	p := newPair(t)
	size, err := p.grow(t, p.province)
	must(t, err)
	p.published(t, p.province, size)
	must(t, p.province.stop())
	before := filepath.Join(t.TempDir(), "before")
	must(t, os.CopyFS(before, os.DirFS(p.province.data())))
	secret, prove := fork(t, p.province, before)
	ask := func(checkpoint []byte, prove witness.Prover) error {
		t.Helper()
		policy, err := p.province.config.witnessPolicy()
		must(t, err)
		client, err := p.province.config.witnessHTTP()
		must(t, err)
		_, err = witness.NewClient(policy, witness.ClientOptions{HTTP: client}).Gather(t.Context(), checkpoint, prove)
		return err
	}
	must(t, ask(secret, prove))

	// The node that everybody else sees goes on from where both were one. Its start is too early to see it: as warned.
	must(t, os.RemoveAll(filepath.Join(p.province.data(), logFolder)))
	must(t, p.province.configure("start: warn", "start: require"))
	if err := p.province.start(t.Context()); err == nil {
		t.Fatal("started though a witness has seen more")
	}
	p.province.process = nil
	must(t, os.Remove(filepath.Join(p.province.data(), alarmFile)))
	must(t, p.province.configure("start: require", "start: warn"))
	must(t, p.vpcp.stop())
	begin(t, p.province)
	begin(t, p.vpcp)
	accused := func() bool {
		_, err := p.grow(t, p.province)
		refused := new(refusedError)
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		return err != nil && (refused.Code == gateway.CodeLogSplit || refused.Code == gateway.CodeLogBehind)
	}
	until(t, "the refusal of an accused log", accused)
	if h := health(t, p.province); !strings.Contains(h, "bad  witnesses") || !strings.Contains(h, "not ready") {
		t.Errorf("health of the accused:\n%s", h)
	}
	until(t, "the proof in the witness's record", func() bool {
		return strings.Contains(health(t, p.vpcp), "bad  contradiction tram.bacgiang.example/log")
	})
	must(t, p.vpcp.stop())
	if found := p.recorded(t, p.vpcp); len(found) == 0 || found[0].Log != p.province.config.Origin {
		t.Errorf("found %+v", found)
	}
}
