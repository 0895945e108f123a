package peer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math/big"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
)

// identity is a TLS certificate of a test.
type identity struct {
	cert *tls.Certificate
	leaf *x509.Certificate
}

func newIdentity(t testing.TB, name string, issuer *identity, edit func(*x509.Certificate)) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if edit != nil {
		edit(template)
	}
	parent, signer := template, any(key)
	if issuer != nil {
		parent, signer = issuer.leaf, issuer.cert.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{cert: &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, leaf: leaf}
}

// door remembers what came in.
type door struct {
	caller   gateway.Caller
	handover gateway.Handover
	digest   events.Digest
	size     int64
	got      int64
	answer   gateway.Accepted
	err      error
}

func (d *door) Authenticate(c gateway.Credential) (gateway.Caller, error) {
	switch c.Certificate.Subject.CommonName {
	case "province.example":
		return gateway.Caller{Client: "peer:p", Kind: gateway.KindPeer, Peer: "province.example/log"}, nil
	case "agency.example":
		return gateway.Caller{Client: "cert:a", Kind: gateway.KindAgency, Orgs: []string{"H02"}}, nil
	}
	return gateway.Caller{}, gateway.Refuse(gateway.CodeCertificateUnknown)
}

func (d *door) AcceptFromPeer(_ context.Context, c gateway.Caller, r io.Reader, size int64, h gateway.Handover) (gateway.Accepted, error) {
	d.caller, d.handover, d.size = c, h, size
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	if err != nil {
		return gateway.Accepted{}, gateway.Refuse(gateway.CodeCutShort).Because(err)
	}
	d.got = n
	sum.Sum(d.digest[:0])
	return d.answer, d.err
}

func (d *door) HandedReceipt(_ context.Context, c gateway.Caller, sum events.Digest) ([]byte, error) {
	if c.Peer != "" && sum == d.digest {
		return d.answer.Receipt, nil
	}
	return nil, gateway.Refuse(gateway.CodeNotFound)
}

// changes is a publisher of three changes.
type changes struct{}

func (changes) Next(_ context.Context, after string) (string, []byte, error) {
	all := []string{"a", "b", "c&?="}
	i := slices.Index(all, after) + 1
	if i == len(all) {
		return "", nil, nil
	}
	return all[i], []byte("change " + all[i]), nil
}

type side struct {
	d        *door
	server   *httptest.Server
	identity *identity
	heard    []string
	stranger []string
}

func (s *side) target() Target {
	return Target{Origin: "vpcp.example/log", URLs: []string{s.server.URL}, TLS: []events.Digest{sha256.Sum256(s.identity.leaf.Raw)}}
}

func serve(t testing.TB, id *identity) *side {
	t.Helper()
	s := &side{d: &door{answer: gateway.Accepted{Receipt: []byte("receipt of the peer")}}, identity: id}
	h, err := NewHandler(HandlerOptions{
		Door: s.d, Directory: changes{},
		Heard: func(o string) { s.heard = append(s.heard, o) }, Stranger: func(o string) { s.stranger = append(s.stranger, o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewUnstartedServer(h)
	s.server.TLS = &tls.Config{Certificates: []tls.Certificate{*id.cert}, ClientAuth: tls.RequestClientCert}
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

func connect(t testing.TB, id *identity) *Client {
	t.Helper()
	c, err := NewClient(ClientOptions{Now: time.Now, Certificate: func() (*tls.Certificate, error) { return id.cert, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func hand(b []byte) Handover {
	return Handover{
		SHA256: sha256.Sum256(b), Size: int64(len(b)), Package: bytes.NewReader(b), Handed: []string{"G22", "000.00.05.G22"},
		Receipt: []byte("receipt\nof mine\n\nwith \"--tram\" in it\n"), Evidence: []byte{0, 1, 2, 255},
	}
}

func TestHandOver(t *testing.T) {
	s := serve(t, newIdentity(t, "vpcp.example", nil, nil))
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	for name, b := range map[string][]byte{
		"small":            []byte("<edXML/>"),
		"with line breaks": []byte("\r\n--tram-\r\n--\r\n\r\n"),
		"large":            bytes.Repeat([]byte("0123456789abcdef"), 1<<18),
		"empty":            {},
	} {
		want := hand(b)
		got, err := c.Deliver(context.Background(), s.target(), want)
		if err != nil || string(got) != "receipt of the peer" {
			t.Fatalf("%s: answer %q, %v", name, got, err)
		}
		h := s.d.handover
		if s.d.digest != want.SHA256 || s.d.size != want.Size || !bytes.Equal(h.Receipt, want.Receipt) ||
			!bytes.Equal(h.Evidence, want.Evidence) || !slices.Equal(h.Handed, want.Handed) || s.d.caller.Peer != "province.example/log" {
			t.Errorf("%s: what arrived is not what was handed over: %+v", name, h)
		}
	}
	want := hand([]byte("x"))
	want.Evidence = nil
	if _, err := c.Deliver(context.Background(), s.target(), want); err != nil || s.d.handover.Evidence != nil {
		t.Errorf("without evidence: %v, evidence %q", err, s.d.handover.Evidence)
	}
	if len(s.heard) == 0 || s.heard[0] != "province.example/log" {
		t.Errorf("heard of %v", s.heard)
	}
}

func TestReceiptAskedFor(t *testing.T) {
	s := serve(t, newIdentity(t, "vpcp.example", nil, nil))
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	h := hand([]byte("x"))
	if b, err := c.Receipt(context.Background(), s.target(), h.SHA256); b != nil || err != nil {
		t.Errorf("before it was handed over: %q, %v; expected nothing", b, err)
	}
	if _, err := c.Deliver(context.Background(), s.target(), h); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Receipt(context.Background(), s.target(), h.SHA256); string(b) != "receipt of the peer" || err != nil {
		t.Errorf("after it was handed over: %q, %v", b, err)
	}
}

func TestAnswers(t *testing.T) {
	s := serve(t, newIdentity(t, "vpcp.example", nil, nil))
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	s.d.err = gateway.Refuse(gateway.CodeRecipientsUnknown).With("G22.99", "G22.98")
	_, err := c.Deliver(context.Background(), s.target(), hand([]byte("x")))
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Code != gateway.CodeRecipientsUnknown || refused.Retryable || refused.En == "" ||
		!slices.Equal(refused.Details, []string{"G22.99", "G22.98"}) {
		t.Errorf("answer %v, expected the peer's refusal with what it names", err)
	}
	if len(s.stranger) != 0 {
		t.Errorf("%v taken for strangers", s.stranger)
	}
	s.d.err = gateway.Refuse(gateway.CodeSenderUnknown)
	_, _ = c.Deliver(context.Background(), s.target(), hand([]byte("x")))
	if len(s.stranger) != 1 {
		t.Errorf("an unknown sender's node was taken for a stranger %d times, expected once", len(s.stranger))
	}
	s.d.err = errors.New("a defect")
	_, err = c.Deliver(context.Background(), s.target(), hand([]byte("x")))
	if !errors.As(err, &refused) || refused.Code != gateway.CodeInternal || !refused.Retryable {
		t.Errorf("answer %v, expected a retryable refusal %d", err, gateway.CodeInternal)
	}
}

// TestAnswersOfOthers: only a numbered refusal is one. What a proxy may say decides nothing for good.
func TestAnswersOfOthers(t *testing.T) {
	id := newIdentity(t, "vpcp.example", nil, nil)
	status, body := 0, ""
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{*id.cert}}
	server.StartTLS()
	defer server.Close()
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	target := Target{Origin: "v", URLs: []string{server.URL}, TLS: []events.Digest{sha256.Sum256(id.leaf.Raw)}}
	for _, x := range []struct {
		status int
		body   string
		class  string
	}{
		{404, "not here", ClassAnswer},
		{403, `{"error":"forbidden"}`, ClassAnswer},
		{302, "", ClassAnswer},
		{502, "<html>", ClassBusy},
		{503, "", ClassBusy},
		{429, "", ClassBusy},
		{200, strings.Repeat("x", maxAnswer+1), ClassAnswer},
	} {
		status, body = x.status, x.body
		_, err := c.Deliver(context.Background(), target, hand([]byte("x")))
		var failed *FailedError
		if !errors.As(err, &failed) || failed.Class != x.class || !failed.Reached {
			t.Errorf("status %d: %v, expected failure %q after reaching the peer", x.status, err, x.class)
		}
	}
}

func TestAddresses(t *testing.T) {
	s := serve(t, newIdentity(t, "vpcp.example", nil, nil))
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	target := s.target()
	target.URLs = []string{"https://127.0.0.1:1", s.server.URL + "/"}
	if _, err := c.Deliver(context.Background(), target, hand([]byte("x"))); err != nil {
		t.Errorf("the second address was not tried: %v", err)
	}
	for name, urls := range map[string][]string{"none": nil, "nobody there": {"https://127.0.0.1:1"}, "nonsense": {"::"}} {
		target.URLs = urls
		_, err := c.Deliver(context.Background(), target, hand([]byte("x")))
		var failed *FailedError
		if !errors.As(err, &failed) || failed.Class != ClassUnreachable || failed.Reached {
			t.Errorf("%s: %v, expected it to be unreachable", name, err)
		}
	}
}

// TestWhoIsTrusted: a server is the one in the directory, or has a certificate of its authority for its own name.
func TestWhoIsTrusted(t *testing.T) {
	ca := newIdentity(t, "authority", nil, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		c.ExtKeyUsage = nil
	})
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	ended := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	for _, x := range []struct {
		name string
		id   *identity
		edit func(*Target)
		want bool
	}{
		{"in the directory", newIdentity(t, "vpcp.example", nil, nil), nil, true},
		{"another certificate", newIdentity(t, "vpcp.example", nil, nil), func(x *Target) { x.TLS = []events.Digest{{1}} }, false},
		{"ended", newIdentity(t, "vpcp.example", nil, ended), nil, false},
		{"by authority", newIdentity(t, "vpcp.example", ca, nil), func(x *Target) { x.TLS, x.Authorities = nil, [][]byte{ca.leaf.Raw} }, true},
		{"by authority for another host", newIdentity(t, "another.example", ca, nil), func(x *Target) { x.TLS, x.Authorities = nil, [][]byte{ca.leaf.Raw} }, false},
		{"by another authority", newIdentity(t, "vpcp.example", nil, nil), func(x *Target) { x.TLS, x.Authorities = nil, [][]byte{ca.leaf.Raw} }, false},
		{"nothing known", newIdentity(t, "vpcp.example", nil, nil), func(x *Target) { x.TLS = nil }, false},
	} {
		s := serve(t, x.id)
		target := s.target()
		if x.edit != nil {
			x.edit(&target)
		}
		if _, err := c.Deliver(context.Background(), target, hand([]byte("x"))); (err == nil) != x.want {
			t.Errorf("%s: %v, expected trust %v", x.name, err, x.want)
		}
	}
}

func TestWhoMayCall(t *testing.T) {
	s := serve(t, newIdentity(t, "vpcp.example", nil, nil))
	for name, want := range map[string]int{"agency.example": gateway.CodeForbidden, "nobody.example": gateway.CodeCertificateUnknown} {
		_, err := connect(t, newIdentity(t, name, nil, nil)).Deliver(context.Background(), s.target(), hand([]byte("x")))
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Code != want {
			t.Errorf("%s: %v, expected refusal %d", name, err, want)
		}
	}
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := bare.Get(s.server.URL + PathDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a certificate: status %d, expected 401", resp.StatusCode)
	}
	if len(s.heard) != 0 {
		t.Errorf("heard of %v", s.heard)
	}
}

func TestChanges(t *testing.T) {
	s := serve(t, newIdentity(t, "vpcp.example", nil, nil))
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	after, got := "", []string{}
	for {
		id, b, err := c.Change(context.Background(), s.target(), after)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			break
		}
		got = append(got, string(b))
		after = id
	}
	if want := []string{"change a", "change b", "change c&?="}; !slices.Equal(got, want) {
		t.Errorf("changes %q, expected %q", got, want)
	}
}

// TestLargePackageStreams: neither side holds the package in memory.
func TestLargePackageStreams(t *testing.T) {
	s := serve(t, newIdentity(t, "vpcp.example", nil, nil))
	c := connect(t, newIdentity(t, "province.example", nil, nil))
	const size = 128 << 20
	pattern := bytes.Repeat([]byte("trạm "), 1<<14)
	h := Handover{Size: size, Package: repeated(pattern), SHA256: events.Digest{1}, Receipt: []byte("r")}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := c.Deliver(context.Background(), s.target(), h); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if s.d.got != size {
		t.Errorf("%d bytes arrived, expected %d", s.d.got, size)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > size/4 { // the race detector empties pools
		t.Errorf("%d MiB were allocated on the way of %d MiB", got>>20, size>>20)
	}
}

type repeated []byte

func (p repeated) ReadAt(b []byte, off int64) (int, error) {
	for i := 0; i < len(b); {
		i += copy(b[i:], p[(off+int64(i))%int64(len(p)):])
	}
	return len(b), nil
}

// body builds a multipart body with the parts in the order given.
func body(t testing.TB, parts ...string) (io.Reader, string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for i := 0; i+1 < len(parts); i += 2 {
		p, err := w.CreatePart(partHeader(parts[i], "text/plain"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(p, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf, w.Boundary()
}

func TestBadHandOvers(t *testing.T) {
	for _, x := range []struct {
		name  string
		parts []string
		want  int
	}{
		{"package first", []string{"package", "<x/>"}, gateway.CodeParameter},
		{"no receipt", []string{"handed", "[]", "package", "<x/>"}, gateway.CodeParameter},
		{"receipt twice", []string{"handed", "[]", "receipt", "r", "receipt", "r", "package", "<x/>"}, gateway.CodeParameter},
		{"unknown part", []string{"handed", "[]", "receipt", "r", "other", "o"}, gateway.CodeParameter},
		{"handed is no list", []string{"handed", "{}", "receipt", "r", "package", "<x/>"}, gateway.CodeParameter},
		{"no package", []string{"handed", "[]", "receipt", "r"}, gateway.CodeCutShort},
		{"nothing", nil, gateway.CodeCutShort},
		{"receipt too large", []string{"handed", "[]", "receipt", strings.Repeat("x", maxReceipt+1), "package", "<x/>"}, gateway.CodeTooLarge},
		{"too many handed", []string{"handed", "[" + strings.Repeat(`"x",`, maxHanded/4) + `"x"]`, "receipt", "r", "package", "<x/>"}, gateway.CodeTooLarge},
	} {
		r, boundary := body(t, x.parts...)
		_, _, _, err := readInbound(multipart.NewReader(r, boundary))
		var refusal *gateway.Refusal
		if !errors.As(err, &refusal) || refusal.Code != x.want {
			t.Errorf("%s: %v, expected refusal %d", x.name, err, x.want)
		}
	}
}

func TestRefusalShape(t *testing.T) {
	w := httptest.NewRecorder()
	f := gateway.Refuse(gateway.CodePeerReceipt).At("receipt").With("of another package")
	WriteRefusal(w, nil, f)
	got := &RefusedError{}
	if err := json.Unmarshal(w.Body.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	if w.Code != f.HTTP || got.Code != f.Code || got.ID != f.ID || got.Vi != f.Vi || got.En != f.En || got.Retryable != f.Retryable ||
		!slices.Equal(got.Details, f.Details) {
		t.Errorf("%+v was read back as %+v", f, got)
	}
}

// FuzzReadInbound: whatever a peer sends, reading it ends in a hand-over or a refusal, and what was framed comes back.
func FuzzReadInbound(f *testing.F) {
	head, tail, boundary, err := frame(hand([]byte("<edXML/>")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(slices.Concat(head, []byte("<edXML/>"), tail)), boundary)
	f.Add("--b\r\nContent-Disposition: form-data; name=\"handed\"\r\n\r\n[]\r\n--b--", "b")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, boundary string) {
		h, r, size, err := readInbound(multipart.NewReader(strings.NewReader(text), boundary))
		if err != nil {
			var refusal *gateway.Refusal
			if !errors.As(err, &refusal) || r != nil || h.Receipt != nil {
				t.Fatalf("%v with %+v", err, h)
			}
			return
		}
		if r == nil || size < -1 || len(h.Receipt) > maxReceipt || len(h.Evidence) > maxEvidence {
			t.Fatalf("%+v, size %d", h, size)
		}
	})
}
