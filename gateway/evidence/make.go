package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/asice"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// Record is what a container is made from: a store, or the folder of one.
type Record interface {
	Head() events.Head
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	Proof(ctx context.Context, position, size uint64) ([]events.Digest, events.Head, error)
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
}

// Options say who makes a container and for whom. Record, Key, Chain and Now are required.
type Options struct {
	Record Record
	Key    crypto.Signer       // of the node certificate
	Chain  []*x509.Certificate // of the node, its own first
	LogKey string              // the log's verifier key, for the container; "" leaves it out
	// Keys gives how the log's keys followed each other; its first key then stands for LogKey. nil: no other key than LogKey signed.
	Keys func(ctx context.Context) (ledger.KeyHistory, error)
	// Stamper dates the node's signature (level B-T), which needs Believe; nil: none.
	Stamper tsp.Stamper
	// Believe gives whom the node believes now and whom it asks about revocation (nil: nobody). What is known today of the
	// certificates of signers, time-stamps and node then goes into the container, beside what was known when they were judged;
	// nobody can be asked when it is checked. nil: nothing is added.
	Believe func() (*signing.Trust, revocation.Source)
	// Cosigned gives the published checkpoint that witnesses have cosigned, with their lines verified; nil: there is none. Receipts
	// lead to it where they can. nil: the log has no witnesses.
	Cosigned func() []byte
	Now      func() time.Time
	Rand     io.Reader // nil: crypto/rand

	// Include says whether the reader may see an event of the document; nil: all of them.
	Include func(events.Event) bool
	// MayRead says whether the reader may read a package; nil: all of them.
	MayRead func(ctx context.Context, sha256 events.Digest) (bool, error)
}

// ErrNoDocument: the record holds no such document, or nothing of it that the reader may see.
var ErrNoDocument = errors.New("couldn't make evidence: no such document in the record")

// File is a container ready to be written. Close it.
type File struct {
	b       *asice.Builder
	Size    int64 // bytes that WriteTo will write
	closers []io.Closer
}

// WriteTo writes the container. Packages are read from the record in pieces.
func (f *File) WriteTo(ctx context.Context, w io.Writer) error { return f.b.WriteTo(ctx, w) }

// Close ends reading from the record.
func (f *File) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	f.closers = nil
	return errors.Join(errs...)
}

// maker gathers one container.
type maker struct {
	o      Options
	at     time.Time
	m      Manifest
	b      *asice.Builder
	file   *File
	pkgs   *packages
	added  map[string]bool
	stamps []timestamp.Placed
	next   []int                   // see timestamp.Next
	raw    map[uint64]events.Event // events of stamps by position
	used   map[int]bool            // stamps whose event goes into the container
	facts  document.Facts
	asked  []asked // whose revocation is asked about

	cosigned *events.Head // that witnesses stand behind; nil: none
}

// Make gathers the evidence for the document with this key (the hex part of its stream). Every package is read and compared
// with its digest before anything is written, so a damaged record gives an error here and not half a container.
func Make(ctx context.Context, key string, o Options) (*File, error) {
	switch {
	case o.Stamper != nil && o.Believe == nil:
		return nil, errors.New("couldn't make evidence: to stamp the container, somebody has to be believed")
	case o.Record == nil || o.Key == nil || len(o.Chain) == 0 || o.Now == nil:
		return nil, errors.New("couldn't make evidence: record, key, chain and clock are needed")
	}
	m := &maker{o: o, at: o.Now().UTC().Truncate(time.Second), added: map[string]bool{}, raw: map[uint64]events.Event{}, used: map[int]bool{}}
	m.b = asice.NewBuilder(m.at)
	m.pkgs = &packages{ctx: context.WithoutCancel(ctx), record: o.Record} // written with a context of its own
	m.file = &File{b: m.b, closers: []io.Closer{m.pkgs}}
	var cosigned []byte
	if o.Cosigned != nil {
		cosigned = o.Cosigned() // before the head, which then is not smaller
	}
	head := o.Record.Head()
	m.m = Manifest{Format: Format, Origin: head.Origin, Document: key, Made: m.at, Head: head.Size,
		Statements: []StatementEntry{}, Timestamps: []StampEntry{}, Files: []FileEntry{}}
	if err := m.gather(ctx, key, cosigned); err != nil {
		return nil, errors.Join(err, m.file.Close())
	}
	m.file.Size = m.b.Size()
	return m.file, nil
}

func (m *maker) gather(ctx context.Context, key string, cosigned []byte) error {
	if err := m.readStamps(ctx); err != nil {
		return err
	}
	if err := m.findCosigned(ctx, cosigned); err != nil {
		return err
	}
	var list []events.Event
	err := m.o.Record.Stream(ctx, document.StreamPrefix+key, 0, func(e events.Event) error {
		if e.Position >= m.m.Head {
			return nil
		}
		if m.o.Include != nil && !m.o.Include(e) {
			m.m.Withheld = append(m.m.Withheld, e.Statement.Version)
			return nil
		}
		list = append(list, e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't read the document's events: %w", err)
	}
	if len(list) == 0 {
		return ErrNoDocument
	}
	for _, e := range list {
		if err := m.statement(ctx, e); err != nil {
			return fmt.Errorf("couldn't gather evidence for event %d: %w", e.Position, err)
		}
	}
	if err := m.addStamps(ctx); err != nil {
		return err
	}
	if err := m.addNode(ctx); err != nil {
		return err
	}
	if err := m.addAnswers(ctx); err != nil {
		return err
	}
	return m.finish(ctx)
}

// readStamps reads the log's time-stamps: 365 a year.
func (m *maker) readStamps(ctx context.Context) error {
	err := m.o.Record.Stream(ctx, timestamp.Stream, 0, func(e events.Event) error {
		if e.Position >= m.m.Head {
			return nil
		}
		d, err := timestamp.Decode(e)
		if err != nil {
			return err
		}
		m.stamps = append(m.stamps, timestamp.Placed{Stamped: d, Position: e.Position})
		m.raw[e.Position] = e
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't read the log's time-stamps: %w", err)
	}
	m.next = timestamp.Next(m.stamps)
	return nil
}

// add puts bytes into the container, once.
func (m *maker) add(ctx context.Context, name, mediaType string, b []byte) error {
	return m.addSource(ctx, name, mediaType, signing.BytesSource(b))
}

func (m *maker) addSource(ctx context.Context, name, mediaType string, src signing.Source) error {
	if m.added[name] {
		return nil
	}
	m.added[name] = true
	return m.b.Add(ctx, name, mediaType, src)
}

func entry(dir string, position uint64, ext string) string {
	return fmt.Sprintf("%s%012d%s", dir, position, ext)
}

const (
	typeXML   = "application/xml"
	typeJSON  = "application/json"
	typeText  = "text/plain"
	typeHTML  = "text/html"
	typePEM   = "application/x-pem-file"
	typeDER   = "application/octet-stream"
	typeToken = "application/vnd.etsi.timestamp-token"
)

// statement adds an event of the document, its receipt, package and stored evidence.
func (m *maker) statement(ctx context.Context, e events.Event) error {
	s := &e.Statement
	row := StatementEntry{Position: e.Position, Version: s.Version, Name: s.Name, Time: s.Time,
		Statement: entry(statementDir, e.Position, ".json"), Receipt: entry(receiptDir, e.Position, ".tlog-proof")}
	if err := m.add(ctx, row.Statement, typeJSON, e.Bytes); err != nil {
		return err
	}
	first := timestamp.Covering(m.stamps, e.Position)
	if err := m.receipt(ctx, e, row.Receipt, first); err != nil {
		return err
	}
	if err := m.witnessed(ctx, e, &row, first); err != nil {
		return err
	}
	if first >= 0 {
		row.Stamp = &m.stamps[first].Position
		for _, i := range timestamp.Chain(m.next, first) {
			m.used[i] = true
		}
		if m.m.Proved == nil {
			st := m.stamps[first]
			m.m.Proved = &ProvedTime{Time: st.Time, TSA: st.TSA, Position: st.Position}
		}
	}
	if s.Package != nil {
		row.Package = &s.Package.SHA256
		var err error
		if row.Absent, err = m.addPackage(ctx, *s.Package); err != nil {
			return err
		}
	}
	if s.Evidence != nil {
		if err := m.addEvidence(ctx, *s.Evidence, &row); err != nil {
			return err
		}
	}
	if s.Name == document.NameReceived && e.Facts != nil {
		if err := json.Unmarshal(e.Facts, &m.facts); err != nil {
			return fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	m.m.Statements = append(m.m.Statements, row)
	return nil
}

// receipt adds the proof of an event in the head of a stamp; without one, in that which witnesses have cosigned, or in the latest.
func (m *maker) receipt(ctx context.Context, e events.Event, name string, stamp int) error {
	switch {
	case stamp >= 0:
		st := &m.stamps[stamp]
		return m.receiptUnder(ctx, e, name, &events.Head{Size: st.Size, Root: st.Root, Checkpoint: []byte(st.Checkpoint)})
	case m.cosigned != nil && e.Position < m.cosigned.Size:
		return m.receiptUnder(ctx, e, name, m.cosigned)
	}
	return m.receiptUnder(ctx, e, name, nil)
}

// receiptUnder adds the proof of an event in a head with this checkpoint; nil: in the latest one.
func (m *maker) receiptUnder(ctx context.Context, e events.Event, name string, under *events.Head) error {
	size := uint64(0)
	if under != nil {
		size = under.Size
	}
	proof, head, err := m.o.Record.Proof(ctx, e.Position, size)
	if err != nil {
		return fmt.Errorf("couldn't prove it: %w", err)
	}
	if under != nil {
		if head.Root != under.Root {
			return fmt.Errorf("couldn't prove it: root of size %d is %s, it was signed as %s", size, head.Root, under.Root)
		}
		head.Checkpoint = under.Checkpoint
	}
	b, err := ledger.NewReceipt(events.Sealed{Events: []events.Event{e}, Head: head, Proofs: [][]events.Digest{proof}}, 0, m.o.Chain)
	if err != nil {
		return err
	}
	return m.add(ctx, name, typeText, b)
}

// addPackage adds a package that the reader may have, or says why it is absent.
func (m *maker) addPackage(ctx context.Context, ref events.PackageRef) (absent string, err error) {
	name := packageDir + ref.SHA256.String() + ".xml"
	if m.added[name] {
		return "", nil
	}
	if m.o.MayRead != nil {
		ok, err := m.o.MayRead(ctx, ref.SHA256)
		if err != nil {
			return "", err
		}
		if !ok {
			return "withheld", nil
		}
	}
	p, err := m.pkgs.stored(ref.SHA256)
	if errors.Is(err, events.ErrNotFound) {
		return "destroyed", nil
	}
	if err != nil {
		return "", err
	}
	if err := m.addSource(ctx, name, typeXML, p); err != nil {
		return "", err
	}
	objects := m.b.Objects()
	if o := objects[len(objects)-1]; events.Digest(o.SHA256) != ref.SHA256 {
		return "", fmt.Errorf("stored package hashes to %s, expected %s", events.Digest(o.SHA256), ref.SHA256)
	}
	return "", nil
}

// addStamps adds the time-stamps that are used: token, statement, and receipt under the next one of the chain.
func (m *maker) addStamps(ctx context.Context) error {
	for i := range m.stamps {
		if !m.used[i] {
			continue
		}
		st := m.stamps[i]
		e := m.raw[st.Position]
		row := StampEntry{Position: st.Position, Size: st.Size, Time: st.Time, TSA: st.TSA, Token: entry(timestampDir, st.Position, ".tst"),
			Statement: entry(statementDir, st.Position, ".json"), Receipt: entry(receiptDir, st.Position, ".tlog-proof")}
		token, err := m.o.Record.Evidence(ctx, st.Token)
		if err != nil {
			return fmt.Errorf("couldn't read the token of event %d: %w", st.Position, err)
		}
		next := m.next[i]
		if next >= 0 {
			row.Stamp = &m.stamps[next].Position
		}
		if t, err := tsp.Parse(token); err == nil && t.Signer != nil {
			m.asked = append(m.asked, asked{t.Signer, t.Certificates, signing.PurposeTimeStamp})
		}
		for _, part := range []struct {
			name, typ string
			b         []byte
		}{{row.Token, typeToken, token}, {row.Statement, typeJSON, e.Bytes}} {
			if err := m.add(ctx, part.name, part.typ, part.b); err != nil {
				return err
			}
		}
		if err := m.receipt(ctx, e, row.Receipt, next); err != nil {
			return fmt.Errorf("couldn't gather evidence for event %d: %w", st.Position, err)
		}
		m.m.Timestamps = append(m.m.Timestamps, row)
	}
	return nil
}

func (m *maker) addNode(ctx context.Context) error {
	m.asked = append(m.asked, asked{m.o.Chain[0], m.o.Chain[1:], signing.PurposeNode})
	var chain bytes.Buffer
	for _, c := range m.o.Chain {
		if err := pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return fmt.Errorf("couldn't encode the node's chain: %w", err)
		}
	}
	if err := m.add(ctx, chainName, typePEM, chain.Bytes()); err != nil {
		return err
	}
	if m.o.Keys != nil {
		h, err := m.o.Keys(ctx)
		if err != nil {
			return err
		}
		if len(h.Rotations) > 0 {
			m.o.LogKey = h.First
			if err := m.add(ctx, historyName, typeText, h.Encode()); err != nil {
				return err
			}
		}
	}
	if m.o.LogKey == "" {
		return nil
	}
	return m.add(ctx, logKeyName, typeText, []byte(m.o.LogKey+"\n"))
}

// finish adds what describes the rest, and the node's signature over everything.
func (m *maker) finish(ctx context.Context) error {
	readme, err := m.readme()
	if err != nil {
		return err
	}
	if err := m.add(ctx, ReadmeName, typeHTML, readme); err != nil {
		return err
	}
	for _, o := range m.b.Objects() {
		m.m.Files = append(m.m.Files, FileEntry{Name: o.Name, SHA256: o.SHA256, Size: o.Size})
	}
	manifest, err := json.MarshalIndent(m.m, "", " ")
	if err != nil {
		return fmt.Errorf("couldn't encode manifest: %w", err)
	}
	if err := m.add(ctx, ManifestName, typeJSON, append(manifest, '\n')); err != nil {
		return err
	}
	signed, err := m.sign(ctx)
	if err != nil {
		return fmt.Errorf("couldn't sign container: %w", err)
	}
	return m.b.AddSignatures(signed)
}

func (m *maker) sign(ctx context.Context) ([]byte, error) {
	types := map[string]string{}
	for _, o := range m.b.Objects() {
		types[o.Name] = o.MediaType
	}
	var signed bytes.Buffer
	err := xades.Sign(ctx, &signed, signing.BytesSource(asice.Signable()), m.o.Key, m.o.Chain, xades.SignOptions{
		SignOptions: signing.SignOptions{External: m.b.External(), Rand: m.o.Rand}, SigningTime: m.at, MimeTypes: types,
	})
	if err != nil || m.o.Stamper == nil {
		return signed.Bytes(), err
	}
	var stamped bytes.Buffer
	trust, _ := m.o.Believe()
	err = xades.Augment(ctx, &stamped, signing.BytesSource(signed.Bytes()), xades.AugmentOptions{
		Level: xades.LevelT, Stamper: m.o.Stamper, Trust: trust, Now: m.o.Now, Detached: m.b.Detached})
	return stamped.Bytes(), err
}
