package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// vietnam is the zone in which days without zone are meant.
var vietnam = time.FixedZone("+07:00", 7*60*60)

// planChange is for a signed change of the directory. Who may change what is the directory's own rule, judged by the
// signer; who hands it in matters little, so every registered caller but a channel may.
func (h *handIn) planChange(ctx context.Context, p *schemas.Package) (*plan, error) {
	if h.caller.Kind == KindChannel || h.caller.Kind == KindAuditor || !h.caller.stands(h.snap.Directory, h.at) {
		return nil, Refuse(CodeForbidden)
	}
	v, err := h.verify(ctx, h.body.src)
	if err != nil {
		return nil, err
	}
	if err := h.judgeChains(v, h.changeSigner(v.Fingerprint())); err != nil {
		return nil, err
	}
	if err := h.custodyEnough(v.Fingerprint(), p.Kind); err != nil {
		return nil, err
	}
	ops, err := h.operations(p.Change.Operations)
	if err != nil {
		return nil, err
	}
	h.urgent = takesAway(ops)
	cert := v.Certificate()
	policy := h.snap.Policy.Policy
	c := directory.Change{
		ID: p.Header.ID, Content: v.SignedContent(), At: h.at, Signer: v.Fingerprint(),
		SignerFrom: cert.NotBefore, SignerUntil: cert.NotAfter, Pinned: h.terms.pinned, Person: p.Header.Person.Account,
		SelfService: directory.SelfService{Certificates: policy.SelfServe.Certificates, Clients: policy.SelfServe.Clients},
		Facts: directory.ChangeFacts{
			Reason: p.Change.Reason, Person: p.Header.Person.Name, Position: p.Header.Person.Position, Account: p.Header.Person.Account,
		},
		Operations: ops,
	}
	pl := &plan{stream: directory.Stream, actor: h.signerName(v.Fingerprint()), warnings: warnings(p.Warnings)}
	pl.decide = func(_ context.Context, _ Streams, own Own) ([]events.New, outcome, error) {
		decision, err := directory.Decide(own.Directory, c)
		if err != nil {
			return nil, outcome{}, refuseDirectory(err)
		}
		if err := h.keepsTrust(own.Directory, decision, cert); err != nil {
			return nil, outcome{}, err
		}
		return decision.Events, outcome{earlier: decision.Earlier}, nil
	}
	return pl, nil
}

// takesAway says whether a change does nothing but end trust. A lost key must not stay in force because an authority is out of reach.
func takesAway(ops []directory.Operation) bool {
	for _, op := range ops {
		switch op.(type) {
		case directory.RevokeCertificate, directory.DistrustAuthority, directory.RemoveClient, directory.RevokeReading:
		default:
			return false
		}
	}
	return true
}

// changeSigner says which authorities are believed for the signer of a change, and notes a peer's. The genesis change is
// signed by a key that the configuration pins.
func (h *handIn) changeSigner(fingerprint events.Digest) []signing.Purpose {
	c, ok := h.snap.Directory.Certificate(fingerprint)
	if !ok {
		return authoritiesFor(directory.HolderOperator, directory.PurposeSign)
	}
	h.peerSigns = c.Holder.Kind == directory.HolderPeer
	return authoritiesFor(c.Holder.Kind, directory.PurposeSign)
}

// keepsTrust refuses a change of the trust list under which its own signer would no longer be believed: nobody could change
// the list back.
func (h *handIn) keepsTrust(s directory.State, decision directory.Decision, signer *x509.Certificate) error {
	next, err := directory.After(s, decision, h.at)
	if err != nil || next.TrustListVersion() == s.TrustListVersion() {
		return err
	}
	t, err := h.terms.trustOf(next)
	if err != nil {
		return err
	}
	if _, err := chainFor(t, signer, nil, h.at, h.changeSigner(sha256.Sum256(signer.Raw))); err != nil {
		return Refuse(CodeDirectoryRule).With("the signer of this change would no longer be trusted").Because(err)
	}
	return nil
}

// signerName is in whose name a change is recorded: the holder of the signing certificate, or the node for a genesis
// change, whose signer nobody knows yet.
func (h *handIn) signerName(fingerprint events.Digest) string {
	if c, ok := h.snap.Directory.Certificate(fingerprint); ok {
		if c.Holder.Kind == directory.HolderOrganisation {
			return c.Holder.ID
		}
		return string(c.Holder.Kind) + ":" + c.Holder.ID
	}
	return ActorNode
}

// own folds the stream that is decided on.
func (n *Node) own(stream string, history []events.Event) (Own, error) {
	return ownOf(stream, history, n.directoryAt)
}

// directoryAt folds the directory up to the last event of history, starting from the snapshot.
func (n *Node) directoryAt(history []events.Event) (directory.State, error) {
	s := n.Snapshot().Directory
	for _, e := range history[s.Version()+1:] {
		var err error
		if s, err = directory.Fold(s, e); err != nil {
			return s, err
		}
	}
	return s, nil
}

// operations translates the operations of the form into those of the directory: codes normalised, days at their start in
// Vietnamese time, certificates by their digest.
func (h *handIn) operations(in []schemas.Operation) ([]directory.Operation, error) {
	out := make([]directory.Operation, len(in))
	for i, op := range in {
		o, err := h.operation(op, out[:i])
		if err != nil {
			var r *Refusal
			if errors.As(err, &r) {
				return nil, r.At(fmt.Sprintf("/Package/DirectoryChange/*[%d]", i+1))
			}
			return nil, err
		}
		out[i] = o
	}
	return out, nil
}

// operation translates one operation; before are those of the same change that come first.
func (h *handIn) operation(op schemas.Operation, before []directory.Operation) (directory.Operation, error) {
	switch op := op.(type) {
	case schemas.AddOrganisation:
		o := directory.AddOrganisation{
			Code: normalCode(op.Code), Name: op.Name, Level: op.Level, Parent: normalCode(op.Parent), Node: h.otherNode(op.Node), From: day(op.From),
		}
		for _, c := range op.Other {
			o.Other = append(o.Other, directoryCode(c))
		}
		return o, nil
	case schemas.ChangeOrganisation:
		return directory.ChangeOrganisation{
			Code: normalCode(op.Code), Name: op.Name, Parent: normalCode(op.Parent), Node: h.otherNode(op.Node),
			Local: op.Node != "" && h.otherNode(op.Node) == "", Level: op.Level,
		}, nil
	case schemas.CloseOrganisation:
		return directory.CloseOrganisation{Code: normalCode(op.Code), Successor: normalCode(op.Successor), From: day(op.From)}, nil
	case schemas.AddCode:
		return directory.AddCode{Organisation: normalCode(op.Organisation), Code: directoryCode(op.Code)}, nil
	case schemas.RemoveCode:
		return directory.RemoveCode{Organisation: normalCode(op.Organisation), Code: normalCode(op.Code), Until: day(op.From)}, nil
	case schemas.EnrolCertificate:
		c, err := x509.ParseCertificate(op.DER)
		if err != nil {
			return nil, Refuse(CodeValue).Because(err)
		}
		o := directory.EnrolCertificate{Holder: holder(op.Holder), SHA256: sha256.Sum256(op.DER), From: c.NotBefore, Until: c.NotAfter}
		for _, p := range op.Purposes {
			o.Purposes = append(o.Purposes, directory.Purpose(p))
		}
		t, err := h.trustAfter(before)
		if err != nil {
			return nil, err
		}
		return o, h.enrolment(t, c, o)
	case schemas.RevokeCertificate:
		return directory.RevokeCertificate{SHA256: op.SHA256, From: op.From, Suspend: op.Suspend, Reason: op.Reason}, nil
	case schemas.RegisterClient:
		return directory.RegisterClient{
			ID: op.ID, Holder: holder(op.Holder), Token: (*events.Digest)(op.TokenSHA256), TLS: (*events.Digest)(op.CertificateSHA256),
		}, nil
	case schemas.RemoveClient:
		return directory.RemoveClient{ID: op.ID}, nil
	case schemas.AddPeer:
		return directory.AddPeer{Peer: peerSet(op.Peer), Name: op.Peer.Name}, nil
	case schemas.ChangePeer:
		return directory.ChangePeer{Peer: peerSet(op.Peer), Name: op.Peer.Name}, nil
	case schemas.GrantReading:
		o := directory.GrantReading{
			ID: op.ID, Reader: holder(op.Reader), Organisation: normalCode(op.Organisation), From: op.From, Until: op.To, Reason: op.Reason,
		}
		if op.DocumentID != "" {
			o.Document = document.Key(h.resolve(op.Organisation).Direct, op.DocumentID)
		}
		return o, nil
	case schemas.RevokeReading:
		return directory.RevokeReading{ID: op.ID, Until: op.From}, nil
	case schemas.TrustAuthority:
		return h.trustAuthority(op)
	case schemas.DistrustAuthority:
		return directory.DistrustAuthority{SHA256: op.SHA256, From: op.From, Reason: op.Reason}, nil
	case schemas.SetPolicy:
		o := directory.SetPolicy{}
		for _, a := range op.Assurance {
			o.Assurance = append(o.Assurance, directory.RequiredAssurance{Sender: normalCode(a.Sender), Kind: string(a.Kind), Level: a.Level})
		}
		for _, e := range op.SecrecyElements {
			o.SecrecyElements = append(o.SecrecyElements, directory.SecrecyElement{Sender: normalCode(e.Sender), Namespace: e.Namespace, Local: e.Local})
		}
		for _, l := range op.Limits {
			o.Limits = append(o.Limits, directory.Limit(l))
		}
		return o, nil
	}
	if o, ok := officeOperation(op); ok {
		return o, nil
	}
	return nil, fmt.Errorf("couldn't translate directory operation %T", op)
}

// otherNode is the origin of another node, "" for this one.
func (h *handIn) otherNode(origin string) string {
	if origin == h.terms.origin {
		return ""
	}
	return origin
}

func directoryCode(c schemas.OrganisationCode) directory.Code {
	return directory.Code{Code: normalCode(c.Code), From: day(c.From), Until: day(c.To)}
}

func holder(in schemas.Holder) directory.Holder {
	out := directory.Holder{Kind: directory.HolderKind(in.Kind), ID: in.ID}
	if out.Kind == directory.HolderOrganisation {
		out.ID = normalCode(in.ID)
	}
	return out
}

func peerSet(p schemas.Peer) directory.PeerSet {
	out := directory.PeerSet{
		Origin: p.Origin, URLs: p.URLs, Authorities: p.Authorities, Verifiers: p.Verifiers, Prefixes: normalCodes(p.Prefixes),
	}
	for _, d := range p.CertificateSHA256s {
		out.TLS = append(out.TLS, d)
	}
	return out
}

func day(d schemas.Date) time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, vietnam).UTC()
}

// refuseDirectory numbers the directory's refusals: who may not sign, an id used before, and rules that an operation breaks.
func refuseDirectory(err error) error {
	var r *directory.Refusal
	if !errors.As(err, &r) {
		return err
	}
	code := CodeDirectoryRule
	switch r.Reason {
	case directory.ReasonIDReused:
		code = CodeHeaderTaken
	case directory.ReasonNotPinned, directory.ReasonSignerUnknown, directory.ReasonSignerInvalid, directory.ReasonSignerNoRight:
		code = CodeAdministratorUnknown
	}
	if c, ok := officeCode(r); ok {
		code = c
	}
	out := Refuse(code).Because(err).With(string(r.Reason))
	if r.Detail != "" {
		out = out.With(r.Detail)
	}
	for _, b := range r.Bad {
		out = out.With(fmt.Sprintf("operation %d (%s): %s %s", b.Index+1, b.Kind, b.Reason, b.Detail))
	}
	return out
}
