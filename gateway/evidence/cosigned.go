package evidence

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/witness"
)

// findCosigned takes the cosigned checkpoint if it is of this record, and signed by the node certificate that goes along: one from before the
// certificate was renewed could not be proved by it. Without one the container is sealed, no more.
func (m *maker) findCosigned(ctx context.Context, b []byte) error {
	h, err := ledger.ReadCheckpoint(b)
	if err != nil || h.Origin != m.m.Origin || h.Size == 0 || h.Size > m.m.Head {
		return nil //nolint:nilerr // none, or none of this record as it is read here
	}
	if _, err := ledger.CertificateKey(m.o.Chain[0]).Open(b, h.Origin); err != nil {
		return nil //nolint:nilerr // see above
	}
	_, head, err := m.o.Record.Proof(ctx, 0, h.Size)
	if err != nil {
		return fmt.Errorf("couldn't prove the cosigned head: %w", err)
	}
	if head.Root != h.Root {
		return fmt.Errorf("couldn't make evidence: the published checkpoint of size %d has root %s, the record's is %s", h.Size, h.Root, head.Root)
	}
	m.cosigned = &events.Head{Origin: h.Origin, Size: h.Size, Root: h.Root, Checkpoint: b}
	m.m.Cosigned = &CosignedHead{Size: h.Size, Witnesses: cosigners(b, h.Origin)}
	return nil
}

// cosigners are the names on the lines that are not the log's own.
func cosigners(checkpoint []byte, origin string) []string {
	out := []string{}
	_, lines, _ := strings.Cut(string(checkpoint), "\n\n")
	for line := range strings.Lines(lines) {
		rest, ok := strings.CutPrefix(line, "— ")
		name, _, _ := strings.Cut(rest, " ")
		if ok && name != origin && name != ledger.NodeKeyName(origin) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// witnessed names the receipt under the cosigned head. A stamped statement gets a second one: the token is over the octets of its own.
func (m *maker) witnessed(ctx context.Context, e events.Event, row *StatementEntry, stamp int) error {
	if m.cosigned == nil || e.Position >= m.cosigned.Size {
		return nil
	}
	if row.Witnessed = row.Receipt; stamp < 0 {
		return nil
	}
	row.Witnessed = entry(witnessedDir, e.Position, ".tlog-proof")
	return m.receiptUnder(ctx, e, row.Witnessed, m.cosigned)
}

// What stands behind a proved statement.
const (
	StandingSealed    = "sealed"    // the log's own signature
	StandingWitnessed = "witnessed" // and the quorum of the reader's policy
)

// Witnesses is what the reader's policy says of a head.
type Witnesses struct {
	Needed       int           `json:"needed"`
	Of           int           `json:"of"`
	Satisfied    bool          `json:"satisfied"`
	Cosignatures []Cosignature `json:"cosignatures"`
}

// Cosignature is one of a witness of the policy.
type Cosignature struct {
	Name string    `json:"name"` // within the policy
	Key  string    `json:"key"`
	Time time.Time `json:"time"` // as the witness says
}

// standing says what stands behind a proved statement: nothing but the log, or the quorum of the policy as well.
func (k *checker) standing(row *StatementEntry, p *proved, believed bool, proof *Proof) {
	part := row.Receipt
	if row.Witnessed != "" && row.Witnessed != row.Receipt {
		part = row.Witnessed
		second, ok := k.prove(row.Position, row.Statement, row.Witnessed)
		if second == nil || !ok {
			believed = false
		} else {
			p = second
		}
	}
	if !believed {
		return
	}
	proof.Standing = StandingSealed
	policy := k.o.Witnesses
	if policy == nil {
		return
	}
	v, err := witness.Witnessed(p.checkpoint, policy)
	if err != nil {
		k.fail(part, idCosignature, err.Error())
		return
	}
	w := &Witnesses{Satisfied: v.Satisfied, Cosignatures: []Cosignature{}}
	w.Needed, w.Of = policy.Need()
	names := make([]string, 0, len(v.Cosignatures))
	for _, c := range v.Cosignatures {
		w.Cosignatures = append(w.Cosignatures, Cosignature{c.Name, c.Key.String(), c.Time.UTC()})
		names = append(names, c.Name)
	}
	proof.Witnesses = w
	detail := fmt.Sprintf("%d/%d (cần / needed: %d) %s", len(names), w.Of, w.Needed, strings.Join(names, ", "))
	if !w.Satisfied {
		k.unknown(part, idWitnesses, detail)
		return
	}
	proof.Standing = StandingWitnessed
	k.pass(part, idWitnesses, detail)
	for _, c := range w.Cosignatures {
		k.rests("witness " + c.Name + " (" + c.Key + "), given by --witness-policy")
	}
}

// overall is the standing of the document: that of the statement with the fewest behind it.
func (r *Report) overall() {
	for i := range r.Proofs {
		p := &r.Proofs[i]
		if p.Standing == "" {
			r.Standing, r.Witnesses = "", nil
			return
		}
		if i == 0 || r.Standing == StandingWitnessed && (p.Standing == StandingSealed || len(p.Witnesses.Cosignatures) < len(r.Witnesses.Cosignatures)) {
			r.Standing, r.Witnesses = p.Standing, p.Witnesses
		}
	}
}
