package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
)

// viewsOrg is the agency whose registers are measured: every document of viewsLog comes to it or from it.
const viewsOrg = "H99.01"

// viewsLog is a log of made-up office days: events as the deciders write them, without a store, without packages. It is made
// piece by piece and forgets what the views have read.
type viewsLog struct {
	r     *rand.Rand
	clock time.Time
	made  int // documents
	base  uint64
	piece []events.Event // from base on; the first is the last of the piece before
	orgs  []string
	lives []*viewsLife // documents under way

	numbers map[string]int      // last of each book and year
	ends    map[string][]string // of each kind, ids of some documents that are done with
}

// viewsLife is a document on its way: steps not yet taken.
type viewsLife struct {
	doc      viewsDocument
	received uint64
	versions map[string]uint64
	steps    []func(*viewsLife)

	// Of what the agency writes.
	id      string
	n, year int
}

// viewsDocument is what is said of one.
type viewsDocument struct {
	from, date, key, stream string
	to                      []string
	facts                   document.Facts
	pkg                     events.PackageRef
}

// viewsUnderWay is how many documents are open at any time, and viewsPerDay how many come and go on a working day.
const (
	viewsUnderWay = 2_000
	viewsPerDay   = 400
)

func newViewsLog() *viewsLog {
	l := &viewsLog{r: rand.New(rand.NewPCG(5, 2026)), clock: time.Date(2016, 1, 4, 1, 0, 0, 0, time.UTC), numbers: map[string]int{}, ends: map[string][]string{}}
	for i := range 120 {
		l.orgs = append(l.orgs, fmt.Sprintf("H99.%02d", i+2))
	}
	l.directory()
	return l
}

// Head is the end of the present piece.
func (l *viewsLog) Head() events.Head {
	return events.Head{Origin: "do.tram.example/log", Size: l.base + uint64(len(l.piece))}
}

// Wait is for followers; views of a bench only catch up.
func (l *viewsLog) Wait(ctx context.Context, _ uint64) (events.Head, error) {
	<-ctx.Done()
	return events.Head{}, ctx.Err()
}

// All gives the present piece.
func (l *viewsLog) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	if from < l.base {
		return fmt.Errorf("couldn't read event %d: the log of the bench begins at %d by now", from, l.base)
	}
	for _, e := range l.piece[from-l.base:] {
		if err := f(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// next makes the events of so many more documents. At the end they are all done with.
func (l *viewsLog) next(documents int, last bool) {
	if n := len(l.piece); l.made > 0 { // the views read the last one once more
		l.base += uint64(n - 1)
		l.piece = append(l.piece[:0], l.piece[n-1])
	}
	for documents > 0 || last && len(l.lives) > viewsUnderWay/10 {
		if documents > 0 && len(l.lives) < viewsUnderWay {
			l.lives = append(l.lives, l.life())
			if documents--; l.made%viewsDossierEach == 0 {
				l.lives = append(l.lives, l.dossier())
			}
		}
		i := l.r.IntN(len(l.lives))
		life := l.lives[i]
		life.steps[0](life)
		if life.steps = life.steps[1:]; len(life.steps) == 0 {
			l.finish(life)
			l.lives[i] = l.lives[len(l.lives)-1]
			l.lives = l.lives[:len(l.lives)-1]
		}
	}
}

// viewsEvent is one event to be recorded.
type viewsEvent struct {
	stream, name, actor, client string
	data, facts                 any
	pkg                         *events.PackageRef
	cause                       uint64
}

func (l *viewsLog) record(version uint64, v viewsEvent) uint64 {
	position := l.base + uint64(len(l.piece))
	data, err := events.MarshalObject(v.data)
	if err != nil {
		panic(fmt.Sprintf("event of the bench: %v", err)) // of our own making: cannot be
	}
	s := events.Statement{
		Origin: "do.tram.example/log", Stream: v.stream, Version: version, Name: v.name, Time: l.clock, Actor: v.actor, Client: v.client, Package: v.pkg, Data: data,
	}
	binary.BigEndian.PutUint64(s.Nonce[:], position)
	if v.cause > 0 {
		s.Cause = &events.Address{Origin: s.Origin, Position: v.cause}
	}
	e := events.Event{Position: position}
	if v.facts != nil {
		if e.Facts, err = events.MarshalObject(v.facts); err != nil {
			panic(fmt.Sprintf("facts of the bench: %v", err))
		}
		d := events.Digest(sha256.Sum256(e.Facts))
		s.Facts = &d
	}
	if e.Bytes, err = s.Encode(); err != nil {
		panic(fmt.Sprintf("statement of the bench: %v", err))
	}
	e.Statement = s
	l.piece = append(l.piece, e)
	return position
}

func (l *viewsLog) directory() {
	n := uint64(0)
	put := func(name string, data, facts any) {
		l.record(n, viewsEvent{stream: directory.Stream, name: name, actor: "H99", client: "node", data: data, facts: facts})
		n++
	}
	put(directory.NameChangeAccepted, directory.ChangeAccepted{Change: "genesis", Authority: directory.AuthorityGenesis, Operations: len(l.orgs) + 1}, nil)
	for i, org := range append([]string{viewsOrg}, l.orgs...) {
		put(directory.NameOrganisationAdded, directory.OrganisationAdded{Org: org}, directory.OrganisationFacts{Name: viewsOrgName(i)})
	}
	l.office(put)
}

// life begins a document: three of five come to the agency.
func (l *viewsLog) life() *viewsLife {
	l.made++
	if l.made%viewsPerDay == 0 {
		l.clock = l.clock.Add(24 * time.Hour)
		for l.clock.Weekday() == time.Saturday || l.clock.Weekday() == time.Sunday {
			l.clock = l.clock.Add(24 * time.Hour)
		}
	} else {
		l.clock = l.clock.Add(50 * time.Second) // the day's stretch is 5.6 hours
	}
	if l.made%viewsPerDay == 1 {
		l.clock = l.clock.Truncate(24 * time.Hour).Add(time.Hour)
	}
	life := &viewsLife{versions: map[string]uint64{}, doc: l.document()}
	if life.doc.from == viewsOrg {
		life.steps = l.written(life)
		return life
	}
	life.steps = []func(*viewsLife){l.receive, l.offer, func(f *viewsLife) { l.take(f, viewsOrg); l.acknowledge(f, viewsOrg) }}
	life.steps = append(append(life.steps, l.handled(life)...), l.status)
	return life
}

func (l *viewsLog) document() viewsDocument {
	d := viewsDocument{from: viewsOrg, date: l.clock.Add(7 * time.Hour).Format(time.DateOnly)}
	for range 1 + l.r.IntN(3) {
		d.to = append(d.to, l.some())
	}
	if l.r.IntN(5) < 3 {
		d.from, d.to = l.some(), []string{viewsOrg}
	}
	d.to = unique(d.to)
	typ := viewsTypes[min(l.r.IntN(len(viewsTypes)), l.r.IntN(len(viewsTypes)))] // few kinds make up most
	number := fmt.Sprint(l.made%9000 + 1)
	notation := typ.short + "-" + viewsUnits[l.r.IntN(len(viewsUnits))]
	if typ.short == "" {
		notation = notation[1:] + "-TH"
	}
	id := fmt.Sprintf("%s,%s,%s/%s,%d", d.from, d.date, number, notation, l.made)
	d.key, d.stream = document.Key(d.from, id), document.Stream(d.from, id)
	d.pkg = events.PackageRef{SHA256: events.Sum([]byte(id)), Length: 20_000 + int64(l.r.IntN(2_000_000))}
	d.facts = document.Facts{
		DocumentID: id, CodeNumber: number, CodeNotation: notation, Subject: l.subject(typ.name), TypeName: typ.name, PromulgationDate: d.date, Place: "Bắc Giang",
		Signer: &document.SignerFacts{Name: l.person(), Position: "Phó Giám đốc"}, SenderName: viewsOrgName(0), PageAmount: fmt.Sprint(1 + l.r.IntN(20)),
		Attachments: []document.AttachmentFacts{{Name: "van-ban.pdf", ContentType: "application/pdf", Size: d.pkg.Length}},
	}
	for _, org := range d.to {
		d.facts.Recipients = append(d.facts.Recipients, document.RecipientFacts{Code: org, Name: org})
	}
	return d
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !strings.Contains(" "+strings.Join(out, " ")+" ", " "+s+" ") {
			out = append(out, s)
		}
	}
	return out
}

// some is one of the other agencies, the first ones more often.
func (l *viewsLog) some() string { return l.orgs[min(l.r.IntN(len(l.orgs)), l.r.IntN(len(l.orgs)))] }

func (f *viewsLife) version(stream string) uint64 {
	f.versions[stream]++
	return f.versions[stream] - 1
}

func (l *viewsLog) receive(f *viewsLife) {
	d := &f.doc
	data := document.Received{Document: d.key, Sender: d.from, SenderCode: d.from, Content: d.pkg.SHA256, Assurance: document.AssuranceOwn,
		Priority: max(0, l.r.IntN(12)-8), Judged: l.clock}
	for _, org := range d.to {
		data.Recipients = append(data.Recipients, document.Recipient{Org: org, Codes: []string{org}})
	}
	f.received = l.record(f.version(d.stream), viewsEvent{stream: d.stream, name: document.NameReceived, actor: d.from, client: "token:" + d.from, data: data, facts: d.facts, pkg: &d.pkg})
}

func (l *viewsLog) offer(f *viewsLife) {
	for _, org := range f.doc.to {
		s := delivery.Stream(f.doc.stream, delivery.ItemDocument, org)
		l.record(f.version(s), viewsEvent{stream: s, name: delivery.NameOffered, actor: "node", client: "node", cause: f.received, data: delivery.Offered{
			Item: f.doc.stream, ItemID: delivery.ItemDocument, Org: org, From: f.doc.from, Package: f.doc.pkg.SHA256, Size: f.doc.pkg.Length, Priority: 1, Assurance: document.AssuranceOwn}})
	}
}

func (l *viewsLog) take(f *viewsLife, org string) {
	s := delivery.Stream(f.doc.stream, delivery.ItemDocument, org)
	l.record(f.version(s), viewsEvent{stream: s, name: delivery.NameTaken, actor: org, client: "token:" + org, data: delivery.Taken{Client: "token:" + org, Until: l.clock.Add(time.Minute)}})
}

func (l *viewsLog) acknowledge(f *viewsLife, org string) {
	s := delivery.Stream(f.doc.stream, delivery.ItemDocument, org)
	l.record(f.version(s), viewsEvent{stream: s, name: delivery.NameAcknowledged, actor: org, client: "token:" + org, data: delivery.Acknowledged{Client: "token:" + org}})
}

// status tells the sender that the first recipient has registered it.
func (l *viewsLog) status(f *viewsLife) {
	d, org := &f.doc, f.doc.to[0]
	pkg := events.PackageRef{SHA256: events.Sum([]byte("03" + d.key)), Length: 4_000}
	l.record(f.version(d.stream), viewsEvent{stream: d.stream, name: document.NameStatusReported, actor: org, client: "token:" + org, pkg: &pkg,
		data: document.StatusReported{Document: d.key, Code: "03", Reporter: org, ReporterCode: org, About: org, To: []string{d.from}, Timestamp: "2026/12/01 08:00:00",
			Content: pkg.SHA256, Assurance: document.AssuranceOwn, Judged: l.clock},
		facts: document.StatusFacts{Description: "Đã tiếp nhận"}})
}
