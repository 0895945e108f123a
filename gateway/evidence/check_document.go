package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/verdict"
)

// statements proves what was recorded about the document, in order, and judges the packages.
func (k *checker) statements() error {
	if len(k.m.Statements) == 0 {
		k.fail(ManifestName, idManifest, "it lists no statement")
		return nil
	}
	var last uint64
	for i, row := range k.m.Statements {
		p, believed := k.prove(row.Position, row.Statement, row.Receipt)
		if p == nil {
			continue
		}
		s := &p.Statement
		if s.Stream != k.stream() {
			k.fail(row.Statement, idStatement, fmt.Sprintf("stream %s, expected %s", s.Stream, k.stream()))
			continue
		}
		if i > 0 && row.Position <= last {
			k.fail(row.Statement, idOrder, fmt.Sprintf("position %d after %d", row.Position, last))
		}
		last = row.Position
		k.versions(i, &row, s.Version)
		proof := Proof{Position: row.Position, Name: s.Name, NodeTime: s.Time}
		if believed {
			proof.Proved = k.provedTime(p)
			if proof.Proved == nil {
				k.warn(row.Receipt, idNoTime, "")
			}
		}
		k.standing(&row, p, believed, &proof)
		if s.Package != nil {
			proof.Package = &s.Package.SHA256
			if err := k.pkg(&row, p, believed, proof.Proved, i == 0); err != nil {
				return err
			}
		}
		k.r.Proofs = append(k.r.Proofs, proof)
	}
	return nil
}

// versions sees that no statement of the stream is missing that the manifest does not say is withheld.
func (k *checker) versions(i int, row *StatementEntry, got uint64) {
	want := uint64(0)
	if i > 0 {
		want = k.m.Statements[i-1].Version + 1
	}
	for slices.Contains(k.m.Withheld, want) {
		want++
	}
	if got != want || row.Version != got {
		k.fail(row.Statement, idOrder, fmt.Sprintf("version %d of the document's stream, expected %d", got, want))
	}
}

// pkg judges one package as the statement names it.
func (k *checker) pkg(row *StatementEntry, p *proved, believed bool, at *ProvedTime, main bool) error {
	ref := p.Statement.Package
	name := packageDir + ref.SHA256.String() + ".xml"
	k.evidenceOf(row, p)
	got, readable := k.sums[name]
	if !readable {
		switch _, there := k.c.Entry(name); {
		case there: // told by digest
		case row.Absent == "":
			k.fail(name, idMissing, "the statement "+row.Statement+" names it")
		case main:
			k.unknown(name, idAbsent, row.Absent)
		default:
			k.warn(name, idAbsent, row.Absent)
		}
		return nil
	}
	src, _ := k.c.Source(name)
	if got != ref.SHA256 || src.Size() != ref.Length {
		k.fail(name, idPackage, fmt.Sprintf("%d bytes with SHA-256 %s, the statement names %d with %s", src.Size(), got, ref.Length, ref.SHA256))
		return nil
	}
	if k.r.Packages[got.String()] != nil {
		return nil
	}
	k.pass(name, idPackage, "")
	kind, err := k.sameDocument(name, src, got, p)
	if err != nil {
		return err
	}
	o := verdict.Options{Trust: k.o.Trust, At: k.o.At, Policy: k.o.Policy, Revocation: k.source, Kind: kind}
	if at != nil {
		o.Proofs = append(o.Proofs, verdict.Proof{Time: at.Time, By: "time-stamp of " + at.TSA + " over the log"})
	}
	if k.o.NodeTime && believed {
		o.Proofs = append(o.Proofs, verdict.Proof{Time: p.Statement.Time, By: "receipt of " + p.Statement.Origin})
	}
	v, err := verdict.Judge(k.ctx, src, o)
	if err != nil {
		return fmt.Errorf("couldn't judge package %s: %w", got, err)
	}
	k.r.Packages[got.String()] = v
	k.tellVerdict(name, idSignatures, v)
	k.sameSigners(row, v)
	return nil
}

// sameDocument reads the package and compares whose document it is with the stream; it returns the package's kind.
func (k *checker) sameDocument(name string, src signing.Source, sum events.Digest, p *proved) (string, error) {
	parsed, err := schemas.Parse(k.ctx, schemas.Received{Source: src, SHA256: sum}, schemas.Options{})
	var refused *schemas.Refusal
	switch {
	case errors.As(err, &refused):
		k.warn(name, idKind, refused.Error())
		return "", nil
	case err != nil:
		if k.ctx.Err() != nil {
			return "", context.Cause(k.ctx)
		}
		k.fail(name, idKind, err.Error())
		return "", nil
	}
	kind := string(parsed.Kind)
	d := parsed.Document
	if d == nil || p.Statement.Name != document.NameReceived && p.Statement.Name != document.NameResent {
		return kind, nil
	}
	if want := document.Key(senderOf(p), d.DocumentID); p.Statement.Name == document.NameReceived && want != k.m.Document {
		k.fail(name, idKind, fmt.Sprintf("it is the document %s of the sender, not %s", want, k.m.Document))
	}
	return kind, nil
}

// evidenceOf compares the stored evidence with its digest in the statement.
func (k *checker) evidenceOf(row *StatementEntry, p *proved) {
	sum := p.Statement.Evidence
	if sum == nil {
		return
	}
	name := evidenceDir + sum.String() + ".json"
	got, ok := k.sums[name]
	switch {
	case row.Evidence != name:
		k.fail(name, idMissing, "the statement "+row.Statement+" names it")
	case !ok: // told by files
	case got != *sum:
		k.fail(name, idDigest, fmt.Sprintf("SHA-256 is %s, the statement says %s", got, sum))
	default:
		k.storedEvidence(name)
	}
}

// storedEvidence reads how the package was judged, and sees that the answers it refers to are here.
func (k *checker) storedEvidence(name string) {
	b, ok := k.read(name, maxSmall)
	if !ok {
		return
	}
	e, err := gateway.DecodeEvidence(b)
	if err != nil {
		k.fail(name, idEvidence, err.Error())
		return
	}
	for _, answer := range e.Answers() {
		if _, there := k.c.Entry(revocationDir + answer.String() + ".der"); !there {
			k.fail(revocationDir+answer.String()+".der", idMissing, name+" refers to it")
		}
	}
	k.pass(name, idEvidence, "")
}

// sameSigners sees that the package's signatures are by the certificates that the node had judged.
func (k *checker) sameSigners(row *StatementEntry, v *verdict.Verdict) {
	if row.Evidence == "" || v.Report() == nil {
		return
	}
	b, ok := k.read(row.Evidence, maxSmall)
	if !ok {
		return
	}
	e, err := gateway.DecodeEvidence(b)
	if err != nil {
		return // told by storedEvidence
	}
	sigs := v.Report().Signatures
	if len(sigs) != len(e.Chains) {
		k.fail(row.Evidence, idEvidence, fmt.Sprintf("it is about %d signatures, the package has %d", len(e.Chains), len(sigs)))
		return
	}
	for i := range sigs {
		if sigs[i].Certificate != nil && (len(e.Chains[i]) == 0 || string(e.Chains[i][0]) != string(sigs[i].Certificate.Raw)) {
			k.fail(row.Evidence, idEvidence, fmt.Sprintf("signature %d was made by another certificate than it says", i+1))
		}
	}
}
