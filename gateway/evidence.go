package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// EvidenceFormat begins every evidence file that the gateway stores.
const EvidenceFormat = "tram-evidence-1"

// Evidence is what is kept beside an acceptance, so that it can be judged again as of then: the rules, the certificate
// chains and, from a peer, what that node proved. It holds nothing that the package or the statement says already, so
// that packages of one signer share one stored evidence. Its one encoding is compact JSON in the order of the fields.
type Evidence struct {
	Format string        `json:"format"`
	Policy string        `json:"policy"`         // signing.PolicyVersion
	Chains [][][]byte    `json:"chains"`         // for each signature in document order: DER from the signer to the root
	Peer   *PeerEvidence `json:"peer,omitempty"` // what the node that handed the package over sent along
	// Revocation is what was known of each certificate below the root of each chain; absent where the policy asked nobody.
	Revocation [][]RevocationEvidence `json:"revocation,omitempty"`
	// MaxAge, in seconds, of an answer, as the policy had it; 0: until the next update it promised.
	MaxAge int64 `json:"revocation_max_age,omitempty"`
}

// Answers are the digests of the CRLs and OCSP responses that the evidence refers to, each once, in order.
func (e *Evidence) Answers() []events.Digest {
	var out []events.Digest
	for _, chain := range e.Revocation {
		for i := range chain {
			for r := &chain[i]; r != nil; r = r.Responder {
				if r.Answer != nil && !slices.Contains(out, *r.Answer) {
					out = append(out, *r.Answer)
				}
			}
		}
	}
	return out
}

// PeerEvidence is kept as it came.
type PeerEvidence struct {
	Receipt  string `json:"receipt"`            // the peer's receipt, verified under its keys in the directory
	Evidence []byte `json:"evidence,omitempty"` // the peer's stored evidence, not verified
	// Handed are the codes of the recipients that the peer handed over; none: all that this node serves.
	Handed []string `json:"handed,omitempty"`
}

// JudgeAgain judges the revocation of the chains as of a time by the answers that the evidence refers to, and by nothing else, and
// says where that differs from what it says itself. read gives the answers by their digest.
func (e *Evidence) JudgeAgain(ctx context.Context, at time.Time, read func(events.Digest) ([]byte, error)) error {
	k, err := e.Known(read)
	if err != nil {
		return err
	}
	return k.JudgeAgain(ctx, at)
}

// Known is evidence with its chains and answers read, for judging many acceptances by it. It is safe for concurrent use.
type Known struct {
	e       *Evidence
	chains  [][]*x509.Certificate
	checker revocation.Checker

	once    sync.Once
	assumed *signing.Trust // see Trust
	err     error
}

// Trust is the trust in the authorities that the chains lead to, and in no others: for what was judged before the record had a trust list.
func (k *Known) Trust() (*signing.Trust, error) {
	k.once.Do(func() {
		var authorities []*x509.Certificate
		for _, chain := range k.chains {
			for _, c := range chain[min(1, len(chain)):] {
				if !slices.ContainsFunc(authorities, c.Equal) {
					authorities = append(authorities, c)
				}
			}
		}
		k.assumed, k.err = signing.NewTrust(authorities, true)
	})
	return k.assumed, k.err
}

// Known reads the chains, and the answers that the evidence refers to. read gives them by their digest.
func (e *Evidence) Known(read func(events.Digest) ([]byte, error)) (*Known, error) {
	k := &Known{e: e, chains: make([][]*x509.Certificate, len(e.Chains))}
	for i, ders := range e.Chains {
		var err error
		if k.chains[i], err = parseChain(ders); err != nil {
			return nil, err
		}
	}
	if len(e.Revocation) == 0 {
		return k, nil
	}
	if len(e.Revocation) != len(e.Chains) {
		return nil, fmt.Errorf("couldn't judge revocation again: evidence about %d chains, there are %d", len(e.Revocation), len(e.Chains))
	}
	var raws [][]byte
	for _, d := range e.Answers() {
		raw, err := read(d)
		if err != nil {
			return nil, fmt.Errorf("couldn't read answer %s: %w", d, err)
		}
		if got := events.Sum(raw); got != d {
			return nil, fmt.Errorf("couldn't read answer %s: its bytes hash to %s", d, got)
		}
		raws = append(raws, raw)
	}
	k.checker.Source = revocation.NewOffline(raws...)
	return k, nil
}

// JudgeAgain is Evidence.JudgeAgain.
func (k *Known) JudgeAgain(ctx context.Context, at time.Time) error {
	if len(k.e.Revocation) == 0 {
		return nil
	}
	f := revocation.Freshness{MaxAge: time.Duration(k.e.MaxAge) * time.Second}
	for i, chain := range k.chains {
		found := k.checker.Chain(ctx, chain, at, f)
		if len(found.Certificates) != len(k.e.Revocation[i]) {
			return fmt.Errorf("evidence about %d certificates of chain %d, there are %d", len(k.e.Revocation[i]), i+1, len(found.Certificates))
		}
		for j, c := range found.Certificates {
			if want := k.e.Revocation[i][j].Status; c.Status.String() != want {
				return fmt.Errorf("certificate of %q is %s by the stored answers, the evidence says %s", c.Certificate.Subject, c.Status, want)
			}
		}
	}
	return nil
}

func parseChain(ders [][]byte) ([]*x509.Certificate, error) {
	chain := make([]*x509.Certificate, len(ders))
	for i, der := range ders {
		var err error
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("couldn't read stored chain: %w", err)
		}
	}
	return chain, nil
}

// DecodeEvidence reads stored evidence.
func DecodeEvidence(b []byte) (Evidence, error) {
	var e Evidence
	if err := json.Unmarshal(b, &e); err != nil {
		return Evidence{}, fmt.Errorf("couldn't read evidence: %w", err)
	}
	if e.Format != EvidenceFormat {
		return Evidence{}, fmt.Errorf("couldn't read evidence: format %q, expected %q", e.Format, EvidenceFormat)
	}
	return e, nil
}

// evidence encodes what was found: the chains and, unless the policy asks nobody, what is known of each. For clients of this
// node it is remembered: a signer's second package costs a map look-up.
func (n *Node) evidence(chains [][]*x509.Certificate, found []*standing, p *policy.Policy, peer *hop) ([]byte, error) {
	sum := sha256.New()
	for i, chain := range chains {
		if i < len(found) {
			sum.Write(found[i].key[:])
			sum.Write(found[i].sum[:])
			continue
		}
		for _, c := range chain {
			sum.Write(c.Raw)
		}
		sum.Write([]byte{0})
	}
	sum.Write(binary.BigEndian.AppendUint64(nil, uint64(p.RevocationMaxAge)))
	key := events.Digest(sum.Sum(nil))
	if peer == nil {
		if b, ok := n.evidences.get(key); ok {
			return b, nil
		}
	}
	var known [][]RevocationEvidence
	var age int64
	for _, st := range found {
		known, age = append(known, st.evidence), p.RevocationMaxAge
	}
	b, err := encodeEvidence(chains, known, age, peer)
	if err != nil {
		return nil, err
	}
	if peer == nil {
		n.evidences.put(key, b)
	}
	return b, nil
}

// encodeEvidence is the one encoding of what was found.
func encodeEvidence(chains [][]*x509.Certificate, known [][]RevocationEvidence, maxAge int64, peer *hop) ([]byte, error) {
	e := Evidence{Format: EvidenceFormat, Policy: signing.PolicyVersion, Chains: make([][][]byte, len(chains))}
	for i, chain := range chains {
		e.Chains[i] = make([][]byte, len(chain))
		for j, c := range chain {
			e.Chains[i][j] = c.Raw
		}
	}
	e.Revocation, e.MaxAge = known, maxAge
	if peer != nil {
		e.Peer = &PeerEvidence{Receipt: string(peer.receipt), Evidence: peer.evidence, Handed: peer.Handed}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode evidence: %w", err)
	}
	return b, nil
}

// hop is a hand-over whose receipt was verified.
type hop struct {
	document.FromPeer
	assurance string // as the peer's sealed statement says
	receipt   []byte
	evidence  []byte
	answers   [][]byte // CRLs and OCSP responses that the peer's evidence refers to
}

// maxPeerAhead is how far a peer's sealed receive time may lie ahead of this node's clock.
const maxPeerAhead = time.Minute

// openHandover verifies the peer's receipt: signed by a checkpoint key that the directory lists for this peer, about a
// statement of the peer's own log that refers to these very bytes. Its sealed time is the time of judging.
func (h *handIn) openHandover(over *Handover, now time.Time) error {
	p, ok := h.snap.Directory.Peer(h.caller.Peer)
	if !ok {
		return Refuse(CodeForbidden)
	}
	receipt, err := checkPeerReceipt(over.Receipt, p)
	if err != nil {
		return Refuse(CodePeerReceipt).Because(err)
	}
	s := &receipt.Statement
	switch {
	case s.Package == nil || s.Package.SHA256 != h.body.digest || s.Package.Length != h.body.size:
		return Refuse(CodePeerReceipt).With("receipt of another package")
	case s.Time.After(now.Add(maxPeerAhead)):
		return Refuse(CodePeerReceipt).With("sealed in the future")
	}
	h.at = s.Time
	evidence, answers := unpackHanded(over.Evidence)
	h.peer = &hop{
		FromPeer: document.FromPeer{
			Hop:    document.PeerHop{Origin: p.Origin, Position: receipt.Position, Received: s.Time},
			Handed: normalCodes(over.Handed),
		},
		assurance: statementAssurance(s), receipt: over.Receipt, evidence: evidence, answers: answers,
	}
	return nil
}

// checkPeerReceipt verifies a receipt with any checkpoint key of the peer. It must be of the peer's own log.
func checkPeerReceipt(file []byte, p *directory.Peer) (*ledger.Receipt, error) {
	err := fmt.Errorf("couldn't check receipt: the directory lists no checkpoint key of %s", p.Origin)
	for _, text := range p.Verifiers {
		var v note.Verifier
		if v, err = note.NewVerifier(text); err != nil {
			continue
		}
		var r *ledger.Receipt
		if r, _, err = ledger.CheckReceipt(file, ledger.VerifierKey(v)); err != nil {
			continue
		}
		if r.Statement.Origin != p.Origin {
			return nil, fmt.Errorf("couldn't check receipt: origin %q, expected %q", r.Statement.Origin, p.Origin)
		}
		return r, nil
	}
	return nil, err
}

// statementAssurance reads the assurance that a hand-in's statement names, "" if it names none.
func statementAssurance(s *events.Statement) string {
	var d struct {
		Assurance string `json:"assurance"`
	}
	if json.Unmarshal(s.Data, &d) != nil {
		return ""
	}
	return d.Assurance
}

func recordedAssurance(e events.Event) string { return statementAssurance(&e.Statement) }

// kindOf is the package kind that an event of this name records, for answers about earlier hand-ins.
func kindOf(event string) string {
	switch {
	case event == document.NameStatusReported:
		return string(schemas.KindStatus)
	case strings.HasPrefix(event, "document."):
		return string(schemas.KindDocument)
	case strings.HasPrefix(event, "directory."):
		return string(schemas.KindDirectoryChange)
	case strings.HasPrefix(event, "destruction."):
		return string(schemas.KindDestruction)
	}
	return ""
}
