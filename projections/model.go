package projections

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/internal/view"
)

// States of a delivery as stored. The numbers stand in the indexes of schemaSQL.
type state uint8

const (
	stateNone         state = 0
	stateWaiting      state = 1
	stateTaken        state = 2
	stateQueued       state = 3
	stateRetrying     state = 4
	stateFailed       state = 5
	stateAcknowledged state = 6
	stateForwarded    state = 7
	stateWithdrawn    state = 8
	stateRecalled     state = 9 // only of the outgoing side of a document
	stateCount              = 10
)

// stateNames are the words of package view.
var stateNames = [stateCount]string{
	stateWaiting: view.StateWaiting, stateTaken: view.StateTaken, stateQueued: view.StateQueued,
	stateRetrying: view.StateQueued, stateFailed: view.StateFailed, stateAcknowledged: view.StateAcknowledged,
	stateForwarded: view.StateForwarded, stateWithdrawn: view.StateWithdrawn, stateRecalled: view.StateRecalled,
}

// Marks, as bits.
const (
	markRecalled = 1 << iota
	markUpdated
	markReplaced
)

var markNames = [...]string{"recalled", "updated", "replaced"}

func listMarks(bits uint8) []string {
	var out []string
	for i, name := range markNames {
		if bits&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// Kinds of delivered items and of packages.
const (
	kindDocument = 0
	kindStatus   = 1
	kindAct      = 2 // package of an act: its document is a target
)

type key = [32]byte

// prefix is what indexes hold of a key or digest.
func prefix(k *key) int64 { return int64(binary.BigEndian.Uint64(k[:8])) }

// docState is what the writer knows of a document: everything but its words. Strings are numbers of dict.
type docState struct {
	id       uint64
	key      key
	org      uint32 // sender; 0: the document itself has not come in
	state    state
	business uint8
	date     string
	number   string
	typ      string

	received   uint64 // position of document.received
	at         int64
	pkg        key
	size       int64
	evidence   key // zero: none
	assurance  uint32
	client     uint32
	senderNode uint32
	priority   uint8
	destroyed  bool   // the words were destroyed
	decision   uint32 // words of the first decision to destroy the document itself, 0: none
	maker      key    // streamKey of the outgoing document as which an agency made it, zero: none

	counts     [stateCount]uint32 // of its document deliveries
	marks      uint8              // of the document as a whole: recalled (for all), updated, replaced
	replacedBy key                // latest
	lastStatus uint32
	readers    []uint32 // recipients by which words finds it, sorted

	// Of the transaction in progress.
	isNew, dirty bool
	first        uint64 // position of the first of entries
	entries      []byte
}

// outgoing is the state shown to the sender: the worst of what holds for any recipient.
func (d *docState) outgoing() state {
	if d.marks&markRecalled != 0 {
		return stateRecalled
	}
	for _, s := range [...]state{stateFailed, stateRetrying, stateQueued, stateWaiting, stateTaken, stateForwarded, stateAcknowledged, stateWithdrawn} {
		if d.counts[s] > 0 {
			if s == stateRetrying {
				return stateQueued
			}
			return s
		}
	}
	return stateNone
}

// addReader reports whether the organisation is new.
func (d *docState) addReader(org uint32) bool {
	i, ok := slices.BinarySearch(d.readers, org)
	if !ok {
		d.readers = slices.Insert(d.readers, i, org)
	}
	return !ok
}

func (d *docState) body(b []byte) []byte {
	b = putUint(b, d.received)
	b = putTime(b, d.at)
	b = append(b, d.pkg[:]...)
	b = putUint(b, uint64(d.size))
	b = append(b, d.evidence[:]...)
	b = putUint(b, uint64(d.assurance))
	b = putUint(b, uint64(d.client))
	b = putUint(b, uint64(d.senderNode))
	flags := uint64(0)
	if d.destroyed {
		flags = 1
	}
	if d.maker != (key{}) {
		flags |= 2
	}
	b = putUint(b, uint64(d.priority))
	b = putUint(b, flags)
	if d.maker != (key{}) {
		b = append(b, d.maker[:]...)
	}
	b = putUint(b, uint64(d.decision))
	for _, n := range d.counts {
		b = putUint(b, uint64(n))
	}
	b = putUint(b, uint64(d.marks))
	if d.marks&markReplaced != 0 {
		b = append(b, d.replacedBy[:]...)
	}
	b = putUint(b, uint64(d.lastStatus))
	b = putUint(b, uint64(len(d.readers)))
	for _, o := range d.readers {
		b = putUint(b, uint64(o))
	}
	return b
}

func (d *docState) readBody(b []byte) error {
	r := rowReader{b: b}
	d.received = r.uint()
	d.at = r.time()
	d.pkg = r.digest()
	d.size = int64(r.uint())
	d.evidence = r.digest()
	d.assurance, d.client, d.senderNode = r.id(), r.id(), r.id()
	d.priority = uint8(r.uint())
	flags := r.uint()
	d.destroyed = flags&1 != 0
	if flags&2 != 0 {
		d.maker = r.digest()
	}
	d.decision = r.id()
	for i := range d.counts {
		d.counts[i] = r.id()
	}
	d.marks = uint8(r.uint())
	if d.marks&markReplaced != 0 {
		d.replacedBy = r.digest()
	}
	d.lastStatus = r.id()
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		n = 0
	}
	d.readers = make([]uint32, n)
	for i := range d.readers {
		d.readers[i] = r.id()
	}
	if r.err != nil {
		return fmt.Errorf("couldn't read document %d: %w", d.id, r.err)
	}
	return nil
}

// deliveryState is one entry of a mailbox, or of the queue for another node.
type deliveryState struct {
	id     uint64
	key    key
	doc    uint64
	org    uint32
	sender uint32
	kind   uint8
	state  state
	marks  uint8
	peer   uint32

	pkg       key
	size      int64
	priority  uint8
	assurance uint32
	cause     uint64 // position (in this log) of the event that asked for the first offer
	offered   int64  // time of the first offer
	latest    int64  // time of the latest offer
	since     int64  // time of the latest change of state
	client    uint32 // who has or had the latest lease
	until     int64  // end of the latest lease
	acked     uint32 // who acknowledged
	ackedAt   int64
	reason    uint32 // of the latest retrying or failed
	attempts  uint64
	status    uint32 // latest status reported by the recipient about the document
	statusAt  int64

	isNew, dirty bool
}

func (d *deliveryState) body(b []byte) []byte {
	b = append(b, d.pkg[:]...)
	b = putUint(b, uint64(d.size))
	b = putUint(b, uint64(d.priority))
	b = putUint(b, uint64(d.assurance))
	b = putUint(b, d.cause)
	b = putTime(b, d.offered)
	b = putTime(b, d.latest-d.offered)
	b = putTime(b, d.since-d.offered)
	b = putUint(b, uint64(d.client))
	b = putTime(b, d.until)
	b = putUint(b, uint64(d.acked))
	b = putTime(b, d.ackedAt)
	b = putUint(b, uint64(d.reason))
	b = putUint(b, d.attempts)
	b = putUint(b, uint64(d.status))
	return putTime(b, d.statusAt)
}

func (d *deliveryState) readBody(b []byte) error {
	r := rowReader{b: b}
	d.pkg = r.digest()
	d.size = int64(r.uint())
	d.priority = uint8(r.uint())
	d.assurance = r.id()
	d.cause = r.uint()
	d.offered = r.time()
	d.latest = d.offered + r.time()
	d.since = d.offered + r.time()
	d.client = r.id()
	d.until = r.time()
	d.acked = r.id()
	d.ackedAt = r.time()
	d.reason = r.id()
	d.attempts = r.uint()
	d.status = r.id()
	d.statusAt = r.time()
	if r.err != nil {
		return fmt.Errorf("couldn't read delivery %d: %w", d.id, r.err)
	}
	return nil
}

// entry is one line of a document's history.
type entry struct {
	position uint64
	at       int64
	name     uint32
	actor    uint32
	client   uint32
	org      uint32 // organisation concerned
	other    uint32 // the other side, which may see it too
	code     uint32
	open     bool // for everybody who may read the document, not only for the organisations concerned
	pkg      *key
	detail   []detail // in the order of display
}

type detail struct {
	name  uint32
	value string
}

func (e *entry) append(b []byte) []byte {
	b = putUint(b, e.position)
	b = putTime(b, e.at)
	b = putUint(b, uint64(e.name))
	b = putUint(b, uint64(e.actor))
	b = putUint(b, uint64(e.client))
	b = putUint(b, uint64(e.org))
	b = putUint(b, uint64(e.other))
	b = putUint(b, uint64(e.code))
	flags := uint64(len(e.detail)) << 2
	if e.open {
		flags |= 1
	}
	if e.pkg != nil {
		flags |= 2
	}
	b = putUint(b, flags)
	if e.pkg != nil {
		b = append(b, e.pkg[:]...)
	}
	for _, d := range e.detail {
		b = putUint(b, uint64(d.name))
		b = putText(b, d.value)
	}
	return b
}

func (e *entry) read(r *rowReader) {
	*e = entry{
		position: r.uint(), at: r.time(), name: r.id(), actor: r.id(), client: r.id(), org: r.id(), other: r.id(), code: r.id(),
	}
	flags := r.uint()
	e.open = flags&1 != 0
	if flags&2 != 0 {
		d := r.digest()
		e.pkg = &d
	}
	for range flags >> 2 {
		if r.err != nil {
			return
		}
		e.detail = append(e.detail, detail{name: r.id(), value: r.text()})
	}
}
