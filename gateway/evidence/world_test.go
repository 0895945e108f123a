package evidence_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

const (
	origin = "tram.bacgiang.example/log"
	sender = "H02.02"
	docID  = "H02.02,2026/11/20,215/SNV-VP"
)

const letter = `<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016" xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">
<edXML:edXMLEnvelope><edXML:edXMLHeader><edXML:MessageHeader>
<edXML:From><edXML:OrganId>H02.02</edXML:OrganId><edXML:OrganName>Sở Nội vụ</edXML:OrganName></edXML:From>
<edXML:To><edXML:OrganId>H02.11</edXML:OrganId><edXML:OrganName>Sở Y tế</edXML:OrganName></edXML:To>
<edXML:DocumentId>` + docID + `</edXML:DocumentId>
<edXML:Code><edXML:CodeNumber>215</edXML:CodeNumber><edXML:CodeNotation>SNV-VP</edXML:CodeNotation></edXML:Code>
<edXML:PromulgationInfo><edXML:Place>Bắc Giang</edXML:Place><edXML:PromulgationDate>2026/11/20</edXML:PromulgationDate></edXML:PromulgationInfo>
<edXML:DocumentType><edXML:Type>2</edXML:Type><edXML:TypeDetail>18</edXML:TypeDetail><edXML:TypeName>Công văn</edXML:TypeName></edXML:DocumentType>
<edXML:Subject>Về việc kiểm tra công tác cán bộ</edXML:Subject>
<edXML:Content></edXML:Content>
<edXML:SignerInfo><edXML:Competence></edXML:Competence><edXML:Position>Giám đốc</edXML:Position><edXML:FullName>Nguyễn Thị Hạnh</edXML:FullName></edXML:SignerInfo>
<edXML:OtherInfo><edXML:Priority>0</edXML:Priority></edXML:OtherInfo>
</edXML:MessageHeader></edXML:edXMLHeader><edXML:edXMLBody></edXML:edXMLBody></edXML:edXMLEnvelope>
</edXML>
`

// world is a log with documents and time-stamps in it, and the authorities behind it.
type world struct {
	t     testing.TB
	now   time.Time
	ca    *trialca.Authority
	trust *signing.Trust

	store    *sqlitestore.Store
	nodeKey  crypto.Signer
	chain    []*x509.Certificate
	logKey   ed25519.PrivateKey
	vkey     string
	signKey  crypto.Signer
	signCert *x509.Certificate
	tsa      *tsp.Authority
	version  map[string]int64
	stamps   timestamp.State
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC), version: map[string]int64{}}
	random := mathrand.NewChaCha8(sha256.Sum256([]byte("evidence")))
	clock := func() time.Time { return w.now }
	var err error
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w.ca, err = trialca.New("CA evidence", random, clock)
	check(err)
	w.trust, err = signing.NewTrustList([]signing.Authority{{Certificate: w.ca.Certificate}}, true)
	check(err)
	var node, tsaCert *x509.Certificate
	w.nodeKey, node, err = w.ca.Issue(trialca.Leaf{Name: "Trạm Bắc Giang", Use: trialca.Node, Hosts: []string{"tram.bacgiang.example"}})
	check(err)
	w.chain = []*x509.Certificate{node}
	w.signKey, w.signCert, err = w.ca.Issue(trialca.Leaf{Name: "Sở Nội vụ", OrgCode: sender, Use: trialca.Sign})
	check(err)
	key, tsaCert, err := w.ca.Issue(trialca.Leaf{Name: "TSA thử", Use: trialca.TimeStamp})
	check(err)
	w.tsa, err = tsp.NewAuthority(key, []*x509.Certificate{tsaCert}, tsp.Options{Now: clock, Rand: random})
	check(err)
	_, w.logKey, err = ed25519.GenerateKey(random)
	check(err)
	w.vkey, err = ledger.LogKey(origin, w.logKey.Public().(ed25519.PublicKey))
	check(err)
	w.store, err = sqlitestore.Open(t.Context(), t.TempDir(), sqlitestore.Options{Origin: origin, LogKey: w.logKey, NodeKey: w.nodeKey,
		NodeChain: w.chain, Now: clock, Rand: random, MinFree: -1})
	check(err)
	t.Cleanup(func() { check(w.store.Close()) })
	return w
}

type memPackage struct {
	*bytes.Reader
	sum events.Digest
}

func (p *memPackage) Digest() events.Digest { return p.sum }

// append records events, with evidence and a package if there are any.
func (w *world) append(stream string, pkg, stored []byte, news ...events.New) events.Sealed {
	w.t.Helper()
	a := events.Append{Stream: stream, Expected: w.version[stream] - 1, Actor: sender, Client: "token:snv", Evidence: stored, Events: news}
	if pkg != nil {
		a.Package = &memPackage{bytes.NewReader(pkg), events.Sum(pkg)}
	}
	sealed, err := w.store.Append(context.Background(), a)
	if err != nil {
		w.t.Fatal(err)
	}
	w.version[stream] += int64(len(news))
	return sealed
}

// sign makes a package by the sender's certificate.
func (w *world) sign(doc string) []byte {
	w.t.Helper()
	b, err := signing.Sign([]byte(doc), w.signKey, []*x509.Certificate{w.signCert}, signing.SignOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) storedEvidence() []byte {
	b, err := json.Marshal(gateway.Evidence{Format: gateway.EvidenceFormat, Policy: signing.PolicyVersion,
		Chains: [][][]byte{{w.signCert.Raw, w.ca.Certificate.Raw}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

var key = document.Key(sender, docID)

// document records the letter, and returns its package.
func (w *world) document() []byte {
	w.t.Helper()
	pkg := w.sign(letter)
	w.append(document.StreamPrefix+key, pkg, w.storedEvidence(), events.New{Name: document.NameReceived, Data: document.Received{
		Document: key, Sender: sender, SenderCode: sender, Content: events.Sum([]byte("content")), Assurance: "own",
		Recipients: []document.Recipient{{Org: "H02.11", Codes: []string{"H02.11"}}}, Judged: w.now,
	}, Facts: document.Facts{DocumentID: docID, CodeNumber: "215", CodeNotation: "SNV-VP", Subject: "Về việc <b>kiểm tra</b>", SenderName: "Sở Nội vụ"}})
	return pkg
}

// resend records the same document in another package.
func (w *world) resend() []byte {
	w.t.Helper()
	pkg := w.sign(strings.Replace(letter, "H02.11", "H02.12", 1))
	w.append(document.StreamPrefix+key, pkg, w.storedEvidence(), events.New{Name: document.NameResent, Data: document.Resent{
		Document: key, Assurance: "own", Recipients: []document.Recipient{{Org: "H02.12", Codes: []string{"H02.12"}}}, Judged: w.now}})
	return pkg
}

// noise records something else.
func (w *world) noise(n int) {
	for range n {
		w.append("test/noise", nil, nil, events.New{Name: "test.noise.v1", Data: struct{}{}})
	}
}

// stamp has the head stamped and recorded.
func (w *world) stamp() {
	w.t.Helper()
	head := w.store.Head()
	imprint, err := timestamp.Imprint("SHA-256", head.Checkpoint)
	if err != nil {
		w.t.Fatal(err)
	}
	token, err := w.tsa.Stamp(context.Background(), crypto.SHA256, imprint)
	if err != nil {
		w.t.Fatal(err)
	}
	news, err := timestamp.Decide(w.stamps, timestamp.Stamp{Raw: token.Raw, Stamped: timestamp.Stamped{
		Size: head.Size, Root: head.Root, Checkpoint: string(head.Checkpoint), Hash: "SHA-256", Imprint: hex.EncodeToString(imprint),
		Token: events.Sum(token.Raw), TSA: token.Signer.Subject.String(), Signer: events.Digest(signing.Fingerprint(token.Signer)),
		Time: token.Time, Until: token.Signer.NotAfter}})
	if err != nil {
		w.t.Fatal(err)
	}
	sealed := w.append(timestamp.Stream, nil, token.Raw, news...)
	if w.stamps, err = timestamp.Fold(w.stamps, sealed.Events[0]); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) options() evidence.Options {
	return evidence.Options{Record: w.store, Key: w.nodeKey, Chain: w.chain, LogKey: w.vkey, Now: func() time.Time { return w.now },
		Rand: mathrand.NewChaCha8(sha256.Sum256([]byte("container")))}
}

// container makes the evidence of the letter.
func (w *world) container(o evidence.Options) []byte {
	w.t.Helper()
	f, err := evidence.Make(context.Background(), key, o)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	if err := f.WriteTo(context.Background(), &b); err != nil {
		w.t.Fatal(err)
	}
	if int64(b.Len()) != f.Size {
		w.t.Fatalf("%d bytes, said %d", b.Len(), f.Size)
	}
	return b.Bytes()
}

// check judges a container by trust in the one authority.
func (w *world) check(b []byte, change func(*evidence.CheckOptions)) *evidence.Report {
	w.t.Helper()
	o := evidence.CheckOptions{Trust: w.trust, At: w.now}
	if change != nil {
		change(&o)
	}
	r, err := evidence.Check(context.Background(), signing.BytesSource(b), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// written is what a report says against a container.
func written(r *evidence.Report) string {
	var b strings.Builder
	io.WriteString(&b, string(r.Indication)+"\n")
	for _, f := range r.Findings {
		if f.Result != "passed" {
			io.WriteString(&b, string(f.Result)+" "+f.ID+" "+f.Part+": "+f.Detail+"\n")
		}
	}
	return b.String()
}

// grown is the whole story: the letter, a stamp, the letter again, two more stamps a year apart.
func (w *world) grown() (pkg []byte) {
	w.noise(3)
	pkg = w.document()
	w.noise(2)
	w.now = w.now.Add(3 * time.Hour)
	w.stamp()
	w.resend()
	w.noise(300)
	w.now = w.now.AddDate(0, 0, 1)
	w.stamp()
	w.noise(1)
	w.now = w.now.AddDate(0, 0, 1)
	w.stamp()
	w.now = w.now.Add(time.Hour)
	return pkg
}
