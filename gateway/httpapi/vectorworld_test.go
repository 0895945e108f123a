package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

// sharedT is a testing.TB whose cleanups run when the world is closed, not when the first test that used it ends.
type sharedT struct{ testing.TB }

func (sharedT) Cleanup(func()) {}

// TempDir lives until the world is closed.
func (t sharedT) TempDir() string {
	dir, err := os.MkdirTemp("", "tram-vectors-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (w *world) close() {
	w.cancel()
	w.server.CloseClientConnections()
	w.server.Close()
	w.running.Wait()
	_ = w.views.Close()
	_ = w.store.Close()
	_ = w.vpcp.store.Close()
	_ = os.RemoveAll(w.dir)
}

// shareable says whether refusals leave the node as it was, so that vectors can share it.
func shareable(node string) bool {
	switch node {
	case "", "own-signatures", "rsa-3072", "two-recipients", "one-megabyte", "desk":
		return true
	}
	return strings.HasPrefix(node, "drafting")
}

// nodeIn makes the world in the state that a vector names.
func nodeIn(t testing.TB, state string) *world {
	t.Helper()
	o := func(f func(*worldOptions)) *world { return newWorld(t, f) }
	switch state {
	case "":
		return newWorld(t)
	case "past-building":
		return o(func(o *worldOptions) { o.past = stuckPast{&view.BuildingError{Read: 1, Size: 2}} })
	case "past-full":
		return o(func(o *worldOptions) { o.past = stuckPast{view.ErrPastRoom} })
	case "one-megabyte":
		return o(func(o *worldOptions) { o.limits.MaxPackage = 1 << 20 })
	case "impatient":
		return o(func(o *worldOptions) { o.api.BodyIdle = 50 * time.Millisecond })
	case "three-a-minute":
		return o(func(o *worldOptions) { o.api.ClientPerMinute = 3 })
	case "one-at-once":
		return o(func(o *worldOptions) { o.limits.PerClient = 1 })
	case "two-recipients":
		return o(func(o *worldOptions) { o.policy = func(p *policy.Policy) { p.Limits.Recipients = 2 } })
	case "rsa-3072":
		return o(func(o *worldOptions) { o.policy = func(p *policy.Policy) { p.Signature.RSABits = 3072 } })
	case "channels":
		return o(func(o *worldOptions) { o.policy = func(p *policy.Policy) { p.Assurance[""] = "channel" } })
	case "revocation-required", "revocation-when-named", "revocation-if-available":
		return o(func(o *worldOptions) {
			o.policy = func(p *policy.Policy) { p.Revocation = strings.TrimPrefix(state, "revocation-") }
		})
	case "revocation-silent", "revocation-silent-if-available":
		w := o(func(o *worldOptions) {
			o.policy = func(p *policy.Policy) {
				if p.Revocation = policy.RevocationRequired; state != "revocation-silent" {
					p.Revocation = policy.RevocationIfAvailable
				}
			}
		})
		w.lists.silence(true)
		w.clock.Add(48 * time.Hour) // what was heard before is too old
		return w
	case "trust-list":
		w := newWorld(t)
		w.mustChange(w.trustLists()...)
		return w
	case "trust-narrowed":
		w := newWorld(t)
		w.mustChange(w.trust(w.people), w.trust(w.ca))
		w.key("person")
		w.mustChange(w.trust(w.people, "person"))
		return w
	case "desk":
		return deskIn(t)
	case "desk-full":
		return fullDeskIn(t)
	case "office":
		w := newWorld(t)
		w.key("custody")
		w.mustChange(senderOffice()...)
		return w
	case "distrusted":
		w := newWorld(t)
		w.mustChange(w.trust(w.ca), w.trust(w.people))
		w.key("person")
		w.mustChange(schemas.DistrustAuthority{SHA256: sha256.Sum256(w.people.Certificate.Raw), From: w.clock.Now(), Reason: "lộ khóa"})
		return w
	case "own-signatures":
		w := newWorld(t)
		if _, err := w.change(schemas.SetPolicy{Assurance: []schemas.RequiredAssurance{{Sender: codeSender, Level: "own"}}}); err != nil {
			t.Fatal(err)
		}
		return w
	case "disk-full":
		w := newWorld(t)
		w.free.set(1 << 20)
		return w
	case "draining":
		w := newWorld(t)
		if err := w.node.Drain(w.ctx); err != nil {
			t.Fatal(err)
		}
		return w
	case "starting", "clock-off", "log-behind", "log-split", "store-away", "contended", "destroyed", "broken-views", "no-memory":
		w := newWorld(t)
		w.second(state)
		return w
	}
	if phase, ok := strings.CutPrefix(state, "drafting"); ok {
		return officeIn(t, strings.TrimPrefix(phase, "-"))
	}
	t.Fatalf("unknown state %q of the node", state)
	return nil
}

// second replaces the node by one with a fault, on the same record.
func (w *world) second(fault string) {
	w.t.Helper()
	c := w.config
	c.Metrics, c.SpoolDir = nil, filepath.Join(w.dir, "spool2")
	switch fault {
	case "clock-off":
		c.ClockOK = func(context.Context) error { return errors.New("90 s away from the time-stamp authority") }
	case "log-behind":
		c.Halted = func() error { return gateway.Refuse(gateway.CodeLogBehind) }
	case "log-split":
		c.Halted = func() error { return gateway.Refuse(gateway.CodeLogSplit) }
	case "store-away":
		c.Halted = func() error { return gateway.Refuse(gateway.CodeStoreAway).Because(events.ErrAway) }
	case "no-memory":
		c.Limits.MaxMemory = 100
	case "contended":
		c.Store = contended{w.store}
	case "stops-between":
		c.Store = &stopsBetween{Store: w.store}
	case "destroyed":
		c.Store = destroyed{w.store}
	case "broken-views":
		c.Views = brokenViews{w.views}
	}
	n, err := gateway.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	if fault != "starting" {
		if err := n.Start(w.ctx); err != nil {
			w.t.Fatal(err)
		}
	} else if err := n.CatchUp(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	w.node = n
	cfg := w.apiConfig
	cfg.Node = n
	if w.api, err = httpapi.New(cfg, nil); err != nil {
		w.t.Fatal(err)
	}
	w.metrics = nil
	w.server.Config.Handler = w.api
}

// contended is a store on which somebody else always comes first.
type contended struct{ events.Store }

func (contended) Append(_ context.Context, a events.Append) (events.Sealed, error) {
	return events.Sealed{}, &events.ConflictError{Stream: a.Stream, Expected: a.Expected, Actual: a.Expected + 1}
}

// destroyed is a store whose packages were destroyed by lawful decision.
type destroyed struct{ events.Store }

func (destroyed) OpenPackage(context.Context, events.Digest) (events.PackageReader, error) {
	return nil, events.ErrNotFound
}

type brokenViews struct{ gateway.Views }

func (brokenViews) Document(context.Context, view.Reader, string) (view.Document, error) {
	return view.Document{}, errors.New("views.db: disk I/O error, secret path /srv/x")
}

// request sends what was built as a step says.
func (w *world) request(st *vectorStep, b []byte) answer {
	w.t.Helper()
	st2 := *st
	st2.path = w.fill(st.path)
	if st.path == "/v1/packages" && b != nil {
		sum := sha256.Sum256(b)
		w.lastPackage = events.Digest(sum).String()
		if bytes.Contains(b, []byte("<edXML:Subject>")) {
			w.lastDocument = w.lastPackage
		}
	}
	headers := st.headers
	who := st.as
	if who == "nobody" {
		who = ""
	}
	if st.certificate != "" {
		who = w.withCertificate(who, st.certificate)
	}
	if st.hold {
		release := w.hold(who, b)
		defer release()
	}
	if st.handover != "" {
		return w.handOver(b, st.handover)
	}
	mode, n, _ := strings.Cut(st.send, " ")
	switch mode {
	case "":
		a := w.call(who, st2.method, escapeQuery(st2.path), b, headers...)
		var taken httpapi.TakenAnswer
		if st2.path == "/v1/mailbox/take" && json.Unmarshal(a.body, &taken) == nil && len(taken.Entries) > 0 {
			w.lastTaken = taken.Entries[0].ID
		}
		return a
	case "chunked":
		return w.chunked(who, b)
	case "cut", "stall":
		count, err := strconv.Atoi(n)
		if err != nil {
			w.t.Fatal(err)
		}
		return w.raw(who, b, count, mode == "cut")
	}
	w.t.Fatalf("unknown way to send %q", st.send)
	return answer{}
}

func escapeQuery(p string) string {
	path, q, ok := strings.Cut(p, "?")
	if !ok {
		return p
	}
	name, value, _ := strings.Cut(q, "=")
	return path + "?" + name + "=" + url.QueryEscape(value)
}

// withCertificate makes an actor that presents a certificate beside its token.
func (w *world) withCertificate(who, key string) string {
	a := &actor{}
	if who != "" {
		a.token = w.actors[who].token
	}
	if key == "peer" {
		a.tls = w.actors["peer"].tls
	} else {
		k := w.key(key)
		a.tls = &tls.Certificate{Certificate: [][]byte{k.cert.Raw}, PrivateKey: k.key, Leaf: k.cert}
	}
	name := who + "+" + key
	w.actors[name] = a
	return name
}

func (w *world) chunked(who string, b []byte) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.server.URL+"/v1/packages", io.MultiReader(bytes.NewReader(b)))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.actors[who].token)
	resp, err := w.client(w.actors[who]).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	return readAnswer(w.t, resp)
}

func readAnswer(t testing.TB, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}

// open begins a hand-in on a connection of its own and sends the first n bytes.
func (w *world) open(who string, b []byte, n int) *tls.Conn {
	w.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(w.ca.Certificate)
	conn, err := tls.Dial("tcp", w.server.Listener.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "tram.bacgiang.example", Time: w.clock.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/packages HTTP/1.1\r\nHost: tram\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", w.actors[who].token, len(b))
	if _, err := conn.Write(b[:n]); err != nil {
		w.t.Fatal(err)
	}
	return conn
}

func (w *world) raw(who string, b []byte, n int, cut bool) answer {
	w.t.Helper()
	conn := w.open(who, b, n)
	defer conn.Close()
	if cut {
		if err := conn.CloseWrite(); err != nil {
			w.t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return readRaw(w.t, conn)
}

func readRaw(t testing.TB, conn *tls.Conn) answer {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return readAnswer(t, resp)
}

// hold begins a hand-in and leaves it open. It returns when the node has begun to read it.
func (w *world) hold(who string, b []byte) (release func()) {
	w.t.Helper()
	conn := w.open(who, append(bytes.Clone(b), ' '), len(b)/2)
	w.until(func() bool { return w.gauge("tram_accept_in_flight") > 0 })
	return func() { conn.Close() }
}

// handOver posts a package as VPCP's node does.
func (w *world) handOver(b []byte, kind string) answer {
	w.t.Helper()
	receipt := w.peerReceipt(b, kind)
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part := func(name string, content []byte) {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", `form-data; name="`+name+`"`)
		h.Set("Content-Length", strconv.Itoa(len(content)))
		p, err := m.CreatePart(h)
		if err == nil {
			_, err = p.Write(content)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	part("handed", []byte("[]"))
	part("receipt", receipt)
	part("package", b)
	if err := m.Close(); err != nil {
		w.t.Fatal(err)
	}
	a := w.call("peer", http.MethodPost, "/peer/v1/packages", form.Bytes(), "Content-Type", m.FormDataContentType())
	if a.status >= 400 {
		a.header.Set("X-Request-Id", a.problem(w.t).Request)
	}
	return a
}

// peerReceipt is the receipt of VPCP's node for these bytes, or one that is not.
func (w *world) peerReceipt(b []byte, kind string) []byte {
	w.t.Helper()
	store, content := w.vpcp.store, b
	switch kind {
	case "other-package":
		content = append(bytes.Clone(b), ' ')
	case "stranger":
		_, log, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		store, err = sqlitestore.Open(w.ctx, filepath.Join(w.dir, "stranger"), sqlitestore.Options{
			Origin: peerOrigin, LogKey: log, NodeKey: p256(w.t), NodeChain: []*x509.Certificate{w.vpcp.cert}, Now: w.clock.Now, MinFree: -1,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		defer store.Close()
	}
	sealed, err := store.Append(w.ctx, events.Append{
		Stream: "document/" + fmt.Sprintf("%x", sha256.Sum256(append(content, kind...))), Expected: -1, Actor: codeVPCP, Client: "cert:x",
		Package: bytesPackage(content), Events: []events.New{{Name: document.NameReceived, Data: document.Received{Assurance: "own"}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	receipt, err := ledger.NewReceipt(sealed, 0, []*x509.Certificate{w.vpcp.cert})
	if err != nil {
		w.t.Fatal(err)
	}
	if kind == "altered" {
		i := bytes.LastIndex(receipt, []byte("\n— ")) + 20
		receipt[i] ^= 1
	}
	return receipt
}

type bytesPackage []byte

func (b bytesPackage) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(b).ReadAt(p, off)
}
func (b bytesPackage) Size() int64           { return int64(len(b)) }
func (b bytesPackage) Digest() events.Digest { return sha256.Sum256(b) }

// key is a signing key by the name that vectors use.
func (w *world) key(name string) *agency {
	w.t.Helper()
	if a := w.keys[name]; a != nil {
		return a
	}
	sign := trialca.Leaf{Name: "Thử " + name, OrgCode: codeSender, Use: trialca.Sign}
	a := &agency{code: codeSender}
	enrol, purpose := true, schemas.PurposeSign
	switch name {
	case "sender":
		return w.agencies[codeSender]
	case "recipient":
		return w.agencies[codeRecipient]
	case "second":
		return w.agencies[codeSecond]
	case "other":
		return w.agencies[codeOther]
	case "voucher":
		return w.agencies["voucher:"+codeSender]
	case "channel":
		return w.agencies["channel:folder"]
	case "vpcp":
		return w.agencies[codeVPCP]
	case "admin":
		return &agency{key: w.adminKey, cert: w.adminCert}
	case "stranger":
		a.key, a.cert = w.issue(w.other, sign)
		enrol = false // nobody could enrol it
	case "untrusted":
		a.key, a.cert = plainAuthority(w.t, w.clock.Now())
		enrol = false
	case "expired":
		sign.NotBefore, sign.Lifetime = w.clock.Now().AddDate(-1, 0, 0), 24*time.Hour
		a.key, a.cert = w.issue(w.ca, sign)
		enrol = false // an expired certificate cannot be enrolled any more
	case "not-yet":
		sign.NotBefore = w.clock.Now().AddDate(0, 1, 0)
		a.key, a.cert = w.issue(w.ca, sign)
	case "unenrolled":
		a.key, a.cert = w.issue(w.ca, sign)
		enrol = false
	case "revoked", "suspended":
		a.key, a.cert = w.issue(w.ca, sign)
	case "list-revoked", "list-held":
		a.key, a.cert = w.issue(w.ca, sign)
		w.lists.enter(a.cert, name == "list-held")
	case "person":
		a.key, a.cert = w.issue(w.people, sign)
	case "custody":
		purpose = schemas.PurposeCustody
		a.key, a.cert = w.issue(w.ca, sign)
	case "rsa":
		sign.Key = trialca.RSA2048
		a.key, a.cert = w.issue(w.ca, sign)
	default:
		w.t.Fatalf("unknown key %q", name)
	}
	if enrol {
		holder := schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender}
		if _, err := w.change(schemas.EnrolCertificate{Holder: holder, Purposes: []schemas.Purpose{purpose}, DER: a.cert.Raw}); err != nil {
			w.t.Fatal(err)
		}
		if name == "revoked" || name == "suspended" {
			if _, err := w.change(schemas.RevokeCertificate{Holder: holder, SHA256: sha256.Sum256(a.cert.Raw), From: w.clock.Now(), Suspend: name == "suspended", Reason: "mất khóa"}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.keys[name] = a
	return a
}

// plainAuthority issues a signing certificate of an authority that is no trial one, and that nobody trusts.
func plainAuthority(t testing.TB, now time.Time) (crypto.Signer, *x509.Certificate) {
	t.Helper()
	caKey, key := p256(t), p256(t)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Nơi khác"}, NotBefore: now.AddDate(-1, 0, 0),
		NotAfter: now.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Sở ở nơi khác"}, NotBefore: now.AddDate(0, -1, 0),
		NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func (w *world) signAs(b []byte, value string) []byte {
	w.t.Helper()
	name, parts, _ := strings.Cut(value, " parts=")
	k := w.key(name)
	var o signing.SignOptions
	if parts != "" {
		o.IDs = strings.Split(parts, ",")
	}
	signed, err := signing.Sign(b, k.key, []*x509.Certificate{k.cert}, o)
	if err != nil {
		w.t.Fatalf("couldn't sign: %v", err)
	}
	return signed
}

// vouch wraps a file into a submission, unsigned.
func (w *world) vouch(file []byte, value string) []byte {
	w.t.Helper()
	fields := strings.Fields(value)
	s := schemas.Submission{Voucher: schemas.Voucher(fields[0]), Channel: "folder:thu-nghiem", ReceivedAt: w.clock.Now(),
		Reason: "phần mềm cũ không ký số", MediaType: "application/xml", FileName: "van-ban.xml", FileSHA256: sha256.Sum256(file)}
	h := schemas.Header{ID: fmt.Sprintf("nop-ho-%x", s.FileSHA256[:6]), To: []string{"node:" + origin}, IssuedAt: w.clock.Now()}
	for _, f := range fields[1:] {
		name, v, _ := strings.Cut(f, "=")
		switch name {
		case "id":
			h.ID = v
		case "from":
			h.From = v
		case "sender":
			s.Sender = v
		case "digest":
			s.FileSHA256[0] ^= 1
		}
	}
	b, _, err := schemas.MarshalSubmission(h, s, file)
	if err != nil {
		w.t.Fatalf("couldn't write submission: %v", err)
	}
	return b
}

// trust is the operation that puts an authority on the trust list.
func (w *world) trust(ca *trialca.Authority, purposes ...string) schemas.Operation {
	return schemas.TrustAuthority{DER: ca.Certificate.Raw, Kind: "trial", Purposes: purposes, Name: ca.Certificate.Subject.CommonName}
}

// trustLists keeps the authorities of organisations and of persons apart.
func (w *world) trustLists() []schemas.Operation {
	return []schemas.Operation{w.trust(w.ca, "organisation", "node"), w.trust(w.people, "person")}
}

func (w *world) mustChange(ops ...schemas.Operation) {
	w.t.Helper()
	if _, err := w.change(ops...); err != nil {
		w.t.Fatalf("couldn't change the directory: %v", err)
	}
}

// revocationLists is the one CRL of the trial authority, always fresh unless it is silent.
type revocationLists struct {
	ca  *trialca.Authority
	now func() time.Time

	mu      sync.Mutex
	entries []x509.RevocationListEntry
	raw     []byte
	silent  bool
	asked   int
	number  int64
}

func (l *revocationLists) silence(yes bool) { l.mu.Lock(); defer l.mu.Unlock(); l.silent = yes }

// enter revokes a certificate, or holds it.
func (l *revocationLists) enter(c *x509.Certificate, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reason := revocation.KeyCompromise
	if held {
		reason = revocation.CertificateHold
	}
	l.entries = append(l.entries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: l.now().Add(-time.Minute), ReasonCode: reason})
	l.raw = nil
}

func (l *revocationLists) Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]revocation.Answer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.silent {
		return nil, errors.New("couldn't fetch list: connection refused")
	}
	if l.raw == nil {
		l.number++
		now := l.now().UTC().Truncate(time.Second)
		raw, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(l.number), ThisUpdate: now,
			NextUpdate: now.Add(24 * time.Hour), RevokedCertificateEntries: l.entries}, l.ca.Certificate, l.ca.Key())
		if err != nil {
			return nil, err
		}
		l.raw = raw
	}
	return revocation.NewOffline(l.raw).Find(ctx, cert, issuer, at)
}

func (w *world) firstEntry(who string) string {
	w.t.Helper()
	var box httpapi.MailboxPage
	w.call(who, http.MethodGet, "/v1/mailbox", nil).into(w.t, &box)
	if len(box.Entries) == 0 {
		w.t.Fatalf("the mailbox of %s is empty", who)
	}
	return box.Entries[0].ID
}
