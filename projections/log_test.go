package projections

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
)

// testLog is a strict log in memory: it keeps encoded statements and gives them back decoded, sealed up to the head.
type testLog struct {
	mu       sync.Mutex
	origin   string
	clock    time.Time
	stmts    [][]byte
	facts    [][]byte
	versions map[string]uint64
	grown    chan struct{}
	failAt   uint64 // All fails before this position; 0: never
	short    uint64 // All stops silently before this position; 0: never
}

func newTestLog(origin string) *testLog {
	return &testLog{
		origin: origin, clock: time.Date(2022, 11, 22, 1, 0, 0, 0, time.UTC), versions: map[string]uint64{}, grown: make(chan struct{}),
	}
}

type record struct {
	stream, name, actor, client string
	data, facts                 any
	cause                       uint64
	pkg                         *events.PackageRef
}

var errTestRead = errors.New("disk gone")

// add records an event and gives its position.
func (l *testLog) add(t testing.TB, r record) uint64 {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	data, err := events.MarshalObject(r.data)
	if err != nil {
		t.Fatal(err)
	}
	l.clock = l.clock.Add(1500 * time.Millisecond)
	position := uint64(len(l.stmts))
	s := events.Statement{
		Origin: l.origin, Stream: r.stream, Version: l.versions[r.stream], Name: r.name, Time: l.clock, Actor: r.actor, Client: r.client,
		Package: r.pkg, Data: data, Nonce: [16]byte(sum16(fmt.Sprint("nonce", position))),
	}
	if s.Actor == "" {
		s.Actor = "node"
	}
	if s.Client == "" {
		s.Client = "node"
	}
	if r.cause > 0 {
		s.Cause = &events.Address{Origin: l.origin, Position: r.cause}
	}
	var facts []byte
	if r.facts != nil {
		text, err := events.MarshalObject(r.facts)
		if err != nil {
			t.Fatal(err)
		}
		f := events.Facts{Text: text}
		d := f.Digest()
		s.Facts, facts = &d, text
	}
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	l.versions[r.stream]++
	l.stmts, l.facts = append(l.stmts, b), append(l.facts, facts)
	close(l.grown)
	l.grown = make(chan struct{})
	return position
}

func sum16(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:16] }

// destroy takes the facts of an event away, as a lawful decision does.
func (l *testLog) destroy(position uint64) { l.facts[position] = nil }

func (l *testLog) Head() events.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return events.Head{Origin: l.origin, Size: uint64(len(l.stmts))}
}

func (l *testLog) Wait(ctx context.Context, size uint64) (events.Head, error) {
	for {
		l.mu.Lock()
		n, grown := uint64(len(l.stmts)), l.grown
		l.mu.Unlock()
		if n > size {
			return l.Head(), nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return events.Head{}, ctx.Err()
		}
	}
}

func (l *testLog) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	size := l.Head().Size
	for i := from; i < size; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.failAt != 0 && i >= l.failAt {
			return errTestRead
		}
		if l.short != 0 && i >= l.short {
			return nil
		}
		l.mu.Lock()
		b, facts := l.stmts[i], l.facts[i]
		l.mu.Unlock()
		s, err := events.DecodeStatement(b)
		if err != nil {
			return err
		}
		if err := f(events.Event{Position: i, Statement: s, Bytes: b, Facts: facts, Destroyed: s.Facts != nil && facts == nil}); err != nil {
			return err
		}
	}
	return nil
}

// The organisations of the tests.
const (
	ubnd = "H02"       // UBND tỉnh
	sxd  = "H02.05"    // Sở Xây dựng
	syt  = "H02.09"    // Sở Y tế
	stp  = "H02.11"    // Sở Tư pháp
	vpcp = "G22"       // on another node
	peer = "vpcp/log"  // its node
	bn   = "H05"       // successor of H02
	dept = "vxp.sa_02" // an odd identity
)

// organisations records a directory.
func (l *testLog) organisations(t testing.TB) {
	t.Helper()
	ops := []record{
		{name: directory.NameChangeAccepted, data: directory.ChangeAccepted{Change: "genesis", Authority: directory.AuthorityGenesis, Operations: 7}},
		{name: directory.NamePeerAdded, data: directory.PeerSet{Origin: peer, URLs: []string{"https://vpcp.example"}, Prefixes: []string{"G22"}}},
	}
	for _, o := range []struct{ org, name, node string }{
		{ubnd, "UBND tỉnh Bắc Giang", ""}, {sxd, "Sở Xây dựng", ""}, {syt, "Sở Y tế", ""}, {stp, "Sở Tư pháp", ""}, {vpcp, "Văn phòng Chính phủ", peer},
		{bn, "UBND tỉnh Bắc Ninh", ""}, {dept, "Đơn vị thử", ""},
	} {
		ops = append(ops, record{
			name: directory.NameOrganisationAdded, data: directory.OrganisationAdded{Org: o.org, Node: o.node}, facts: directory.OrganisationFacts{Name: o.name},
		})
	}
	for _, r := range ops {
		r.stream = directory.Stream
		l.add(t, r)
	}
}

// paperSpec is a document of the tests.
type paperSpec struct {
	from, number, notation, subject, typ, date string
	to                                         []string
	facts                                      func(*document.Facts)
	data                                       func(*document.Received)
}

func (p *paperSpec) id() string { return p.from + "," + p.date + "," + p.number + "/" + p.notation }

func (p *paperSpec) key() string { return document.Key(p.from, p.id()) }

func (p *paperSpec) stream() string { return document.Stream(p.from, p.id()) }

func (p *paperSpec) pkg() *events.PackageRef { return packageOf("package " + p.id()) }

var packageContents sync.Map // events.Digest → []byte, of every package of the tests

// packageOf names a package of this content.
func packageOf(content string) *events.PackageRef {
	d := events.Sum([]byte(content))
	packageContents.Store(d, []byte(content))
	return &events.PackageRef{SHA256: d, Length: int64(len(content))}
}

func recipientsOf(orgs []string) []document.Recipient {
	out := make([]document.Recipient, len(orgs))
	for i, org := range orgs {
		out[i] = document.Recipient{Org: org, Codes: []string{org}}
		if org == vpcp {
			out[i].Node = peer
		}
	}
	return out
}

// receive records the acceptance of a document and gives its position.
func (l *testLog) receive(t testing.TB, p paperSpec) uint64 {
	t.Helper()
	f := document.Facts{
		DocumentID: p.id(), CodeNumber: p.number, CodeNotation: p.notation, Subject: p.subject, TypeName: p.typ, PromulgationDate: p.date,
		Place: "Bắc Giang", Signer: &document.SignerFacts{Name: "Nguyễn Văn Đức", Position: "Chủ tịch"}, SenderName: "Cơ quan " + p.from,
		Attachments:        []document.AttachmentFacts{{Name: "Phụ lục 1.pdf", ContentType: "application/pdf", Size: 12345}},
		PromulgationAmount: "12",
	}
	for _, org := range p.to {
		f.Recipients = append(f.Recipients, document.RecipientFacts{Code: org, Name: "Nơi nhận " + org})
	}
	if p.facts != nil {
		p.facts(&f)
	}
	data := document.Received{
		Document: p.key(), Sender: p.from, SenderCode: p.from, Content: sha256.Sum256([]byte(p.id())), Assurance: document.AssuranceOwn,
		Priority: 1, Recipients: recipientsOf(p.to),
	}
	if p.data != nil {
		p.data(&data)
	}
	return l.add(t, record{stream: p.stream(), name: document.NameReceived, actor: p.from, client: "cert:" + p.from, data: data, facts: f, pkg: p.pkg()})
}

// offer records the offers of a document to organisations.
func (l *testLog) offer(t testing.TB, p paperSpec, cause uint64, orgs ...string) {
	t.Helper()
	for _, org := range orgs {
		data := delivery.Offered{
			Item: p.stream(), ItemID: delivery.ItemDocument, Org: org, From: p.from, Package: p.pkg().SHA256, Size: p.pkg().Length,
			Priority: 1, Assurance: document.AssuranceOwn,
		}
		if org == vpcp {
			data.Node = peer
		}
		l.add(t, record{stream: deliveryStream(p, org), name: delivery.NameOffered, data: data, cause: cause})
	}
}

func deliveryStream(p paperSpec, org string) string {
	return delivery.Stream(p.stream(), delivery.ItemDocument, org)
}

func deliveryID(p paperSpec, org string) string {
	return delivery.Key(p.stream(), delivery.ItemDocument, org)
}

func (l *testLog) take(t testing.TB, p paperSpec, org string) {
	l.add(t, record{stream: deliveryStream(p, org), name: delivery.NameTaken, actor: org, client: "token:" + org,
		data: delivery.Taken{Client: "token:" + org, Until: l.clock.Add(time.Minute).Truncate(time.Microsecond)}})
}

func (l *testLog) acknowledge(t testing.TB, p paperSpec, org string) {
	l.add(t, record{stream: deliveryStream(p, org), name: delivery.NameAcknowledged, actor: org, client: "token:" + org,
		data: delivery.Acknowledged{Client: "token:" + org}})
}

// status records a status message and its offer to the sender, and gives its package.
func (l *testLog) status(t testing.TB, p paperSpec, org, code string) events.Digest {
	pkg := packageOf("status " + p.id() + org + code)
	data := document.StatusReported{Document: p.key(), Code: code, Reporter: org, ReporterCode: org, About: org, To: []string{p.from},
		Timestamp: "2022/11/22 08:30:00", Assurance: document.AssuranceOwn}
	if code == "13" {
		data.About, data.To = "", p.to
	}
	cause := l.add(t, record{stream: p.stream(), name: document.NameStatusReported, actor: org, client: "token:" + org, pkg: pkg, data: data,
		facts: document.StatusFacts{Description: "Đã tiếp nhận", Staff: "Trần Thị Bình", ReporterName: "Nơi nhận " + org}})
	for _, to := range data.To {
		offer := delivery.Offered{Item: p.stream(), ItemID: delivery.ItemStatus(pkg.SHA256), Org: to, From: org, Package: pkg.SHA256, Size: pkg.Length, Assurance: "own"}
		if to == vpcp {
			offer.Node = peer
		}
		l.add(t, record{stream: delivery.Stream(p.stream(), delivery.ItemStatus(pkg.SHA256), to), name: delivery.NameOffered, cause: cause, data: offer})
	}
	return pkg.SHA256
}

// testNow lies within the rights of the tests.
func testNow() time.Time { return time.Date(2022, 12, 1, 0, 0, 0, 0, time.UTC) }

// openViews opens views of the log on a real file and reads all of it.
func openViews(t testing.TB, path string, src Source, opt Options) *Views {
	t.Helper()
	if opt.Now == nil {
		opt.Now = testNow
	}
	v, err := Open(t.Context(), path, src, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := v.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}
