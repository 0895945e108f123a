package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// plan is what a verified package asks for: where, in whose name, and how it is decided.
type plan struct {
	stream    string
	locate    func(context.Context, Streams) (string, error) // finds stream; nil: it is known
	actor     string
	assurance string
	evidence  []byte
	warnings  []Warning // of reading and deciding
	notes     []Warning // of judging the signatures
	decide    func(context.Context, Streams, Own) ([]events.New, outcome, error)
	header    *headerID // to be bound before the append; nil: none
	beside    []string  // other streams on which nothing may be decided meanwhile, in order; find knows them
}

// find finds the stream that is decided on.
func (p *plan) find(ctx context.Context, streams Streams) (err error) {
	if p.locate != nil {
		p.stream, err = p.locate(ctx, streams)
	}
	return err
}

// outcome of a decision that did not refuse.
type outcome struct {
	earlier events.Address // when nothing was to be recorded
	resent  bool
}

// news decides, by the own state of the stream and by others.
func (p *plan) news(ctx context.Context, streams Streams, own Own) ([]events.New, outcome, error) {
	if p.header != nil {
		if err := p.header.free(ctx, streams); err != nil {
			return nil, outcome{}, err
		}
	}
	return p.decide(ctx, streams, own)
}

// judged is what the signatures of a package were found to be worth.
type judged struct {
	content   events.Digest // signed content, without signatures
	signer    events.Digest // fingerprint of the certificate
	assurance string
}

// planOwn is for edXML that its sender signed itself (or with its key in the node's custody).
func (h *handIn) planOwn(ctx context.Context, p *schemas.Package) (*plan, error) {
	sender, err := h.admit(p.Sender())
	if err != nil {
		return nil, err
	}
	v, err := h.verify(ctx, h.body.src)
	if err != nil {
		return nil, err
	}
	if err := h.bind(v, sender.Org); err != nil {
		return nil, err
	}
	return h.planEdXML(p, sender)
}

// admit finds the sender and says whether the caller may bring its packages. It comes before the signatures are looked
// at, so that strangers cannot make the node work.
func (h *handIn) admit(code string) (document.Party, error) {
	sender := h.party(code)
	switch {
	case !sender.Known:
		return sender, Refuse(CodeSenderUnknown).With(code)
	case sender.Closed || len(sender.Via) > 0:
		return sender, Refuse(CodeSenderClosed).With(code, sender.Org)
	case h.peer != nil && sender.Node != h.caller.Peer:
		return sender, Refuse(CodePeerSpace).With(code)
	case h.peer == nil && !maySendFor(h.snap.Directory, h.caller, sender.Org, h.at):
		return sender, Refuse(CodeNotSender).With(code)
	case h.peer == nil && sender.Node != "":
		return sender, Refuse(CodeNotServedHere).With(code, sender.Node)
	}
	return sender, nil
}

// party is an organisation code as the directory knew it at the time of judging.
func (h *handIn) party(code string) document.Party {
	r := h.resolve(code)
	p := document.Party{Code: normalCode(code), Known: r.Known, Org: r.Org, Via: r.Via, Closed: r.Closed, Node: r.Node}
	if r.Known {
		p.Identities = h.snap.Directory.Identities(r.Org, h.at)
	}
	return p
}

// bind says whether the certificate that signed the whole package may sign for the organisation, and what that is worth.
func (h *handIn) bind(v *signing.Verified, org string) error {
	h.verdict.content, h.verdict.signer = v.SignedContent(), v.Fingerprint()
	cert, err := h.enrolled(v, func(holder directory.Holder) bool {
		return holder.Kind == directory.HolderOrganisation && slices.Contains(h.snap.Directory.Identities(org, h.at), holder.ID)
	})
	if err != nil {
		return err
	}
	switch {
	case cert.ValidAt(h.at, directory.PurposeSign):
		h.verdict.assurance = document.AssuranceOwn
	case cert.ValidAt(h.at, directory.PurposeCustody):
		h.verdict.assurance = document.AssuranceCustody
	default:
		return Refuse(CodeWrongPurpose)
	}
	return h.judgeChains(v, authoritiesFor(directory.HolderOrganisation, directory.PurposeSign))
}

// enrolled finds the certificate in the directory and says whether it belongs to the holder wanted and may be used.
func (h *handIn) enrolled(v *signing.Verified, wanted func(directory.Holder) bool) (*directory.Certificate, error) {
	cert, ok := h.snap.Directory.Certificate(v.Fingerprint())
	switch {
	case !ok:
		return nil, Refuse(CodeWrongOrganisation).Because(fmt.Errorf("certificate %x is not enrolled", v.Fingerprint()))
	case !wanted(cert.Holder):
		return nil, Refuse(CodeWrongOrganisation).Because(fmt.Errorf("certificate %x belongs to %s %s", v.Fingerprint(), cert.Holder.Kind, cert.Holder.ID))
	}
	switch cert.StandingAt(h.at) {
	case directory.StandingRevoked:
		return nil, Refuse(CodeRevoked)
	case directory.StandingSuspended:
		return nil, Refuse(CodeSuspended)
	}
	return cert, nil
}

// required is the least assurance for the sender and kind: the directory's word where it has one, else the policy's.
func (h *handIn) required(org string, kind schemas.Kind) string {
	if level := h.snap.Directory.RequiredAssurance(org, string(kind)); level != "" {
		return level
	}
	return h.snap.Policy.Policy.Required(string(kind))
}

// planSubmission is for a file that somebody else vouches for. The outer package is verified and recorded; the file inside
// is parsed, judged for secrecy and carried as it is.
func (h *handIn) planSubmission(ctx context.Context, p *schemas.Package) (*plan, error) {
	s := p.Submission
	inner, err := h.parse(ctx, schemas.Received{Source: s.File.Raw(), SHA256: s.FileSHA256})
	if err != nil {
		if r := AsRefusal(err); r.Code != CodeSecret && r.Code < 6000 {
			return nil, r.With("in the file of the submission")
		}
		return nil, err
	}
	if !inner.Kind.IsEdXML() {
		return nil, Refuse(CodeSubmissionNested).With(string(inner.Kind))
	}
	sender, err := h.admit(inner.Sender())
	if err != nil {
		return nil, err
	}
	h.sender, h.org = inner.Sender(), sender.Org
	if named := h.party(s.Sender); !named.Known || named.Org != sender.Org {
		return nil, Refuse(CodeHeaderMismatch).At("/Package/Submission/Sender").With(s.Sender, inner.Sender())
	}
	v, err := h.verify(ctx, h.body.src)
	if err != nil {
		return nil, err
	}
	if err := h.vouch(v, p, sender); err != nil {
		return nil, err
	}
	pl, err := h.planEdXML(inner, sender)
	if err != nil {
		return nil, err
	}
	return pl, h.bindHeaderID(pl, p, sender)
}

// vouch says whether the signer of a submission may vouch for the sender of what it carries.
func (h *handIn) vouch(v *signing.Verified, p *schemas.Package, sender document.Party) error {
	h.verdict.content, h.verdict.signer = v.SignedContent(), v.Fingerprint()
	purpose, level := directory.PurposeVoucher, document.AssuranceAgency
	wanted := func(holder directory.Holder) bool {
		return holder.Kind == directory.HolderOrganisation && slices.Contains(sender.Identities, holder.ID)
	}
	name, isChannel := strings.CutPrefix(p.Header.From, "channel:")
	switch p.Submission.Voucher {
	case schemas.VouchedByAgency:
		if isChannel || h.party(p.Header.From).Org != sender.Org {
			return Refuse(CodeVoucher).With(p.Header.From, sender.Code)
		}
	case schemas.VouchedByChannel:
		if !isChannel {
			return Refuse(CodeVoucher).With(p.Header.From, sender.Code)
		}
		purpose, level = directory.PurposeChannel, document.AssuranceChannel
		wanted = func(holder directory.Holder) bool {
			return holder.Kind == directory.HolderChannel && holder.ID == name
		}
		// The channel vouches for those it may bring. Handed in by somebody else, its signature says nothing about that.
		if h.peer == nil && h.caller.Kind != KindNode && (h.caller.Kind != KindChannel || h.caller.holder.ID != name) {
			return Refuse(CodeVoucher).With(p.Header.From, sender.Code)
		}
	default:
		return Refuse(CodeVoucher).With(string(p.Submission.Voucher))
	}
	h.verdict.assurance = level
	holder := directory.HolderOrganisation
	if isChannel {
		holder = directory.HolderChannel
	}
	if err := h.judgeChains(v, authoritiesFor(holder, purpose)); err != nil {
		return err
	}
	if h.peer != nil && h.peer.assurance == level && level == document.AssuranceChannel {
		// Channels are known to their own node only. That node's sealed statement says that it knew this one, and it is
		// trusted for its own senders; the signature itself was verified above.
		return nil
	}
	cert, err := h.enrolled(v, wanted)
	if err != nil {
		return err
	}
	if !cert.ValidAt(h.at, purpose) {
		return Refuse(CodeWrongPurpose)
	}
	return nil
}

// planEdXML decides documents and status messages, whoever vouched for them.
func (h *handIn) planEdXML(p *schemas.Package, sender document.Party) (*plan, error) {
	pl := &plan{actor: sender.Org, assurance: h.verdict.assurance, warnings: warnings(p.Warnings)}
	var err error
	if p.Kind == schemas.KindDocument {
		err = h.planDocument(pl, p, sender)
	} else {
		h.planStatus(pl, p, sender)
	}
	return pl, err
}

func warnings(in []schemas.Warning) []Warning {
	out := make([]Warning, len(in))
	for i, w := range in {
		out[i] = Warning{Code: w.Code, Path: w.Path, Detail: w.Detail}
	}
	return out
}

// documentKey is the key of a document stream, "" for others.
func documentKey(stream string) string {
	if key, ok := strings.CutPrefix(stream, document.StreamPrefix); ok {
		return key
	}
	return ""
}

// signingCodes gives the published number for each refusal of package signing. A test checks that none is missing.
var signingCodes = map[signing.Refusal]int{
	signing.Unsigned:             CodeUnsigned,
	signing.TooManySignatures:    CodeSignatureForm,
	signing.MalformedSignature:   CodeSignatureForm,
	signing.TooManyReferences:    CodeSignatureForm,
	signing.NoReferences:         CodeSignatureForm,
	signing.AlgorithmRefused:     CodeAlgorithm,
	signing.ExternalReference:    CodeSignatureForm,
	signing.UnsupportedReference: CodeSignatureForm,
	signing.TransformRefused:     CodeSignatureForm,
	signing.MissingReference:     CodeSignatureForm,
	signing.AmbiguousID:          CodeDuplicateID,
	signing.NoCertificate:        CodeSignatureForm,
	signing.BadCertificate:       CodeSignatureForm,
	signing.DigestMismatch:       CodeDigestMismatch,
	signing.ValueMismatch:        CodeSignatureInvalid,
	signing.UntrustedCertificate: CodeUntrusted,
	signing.WrongKeyUsage:        CodeWrongPurpose,
	signing.NotYetValid:          CodeNotYetValid,
	signing.ExpiredCertificate:   CodeExpired,
	signing.PartialCoverage:      CodeSignaturePartial,
	signing.MisplacedSignature:   CodeSignaturePartial,
}

// refuseSigning turns a verdict about signatures into the published refusal. When the organisation's own signature is
// good and another is not, the caller is told that it is a further one.
func refuseSigning(err error) error {
	var r *signing.RefusedError
	if !errors.As(err, &r) {
		return fmt.Errorf("couldn't verify package: %w", err)
	}
	code, ok := signingCodes[r.Refusal]
	if !ok {
		return fmt.Errorf("couldn't number the verifier's refusal %q", r.Refusal)
	}
	if r.Report != nil {
		for i := range r.Report.Signatures {
			s := &r.Report.Signatures[i]
			if s.Refusal == signing.Accepted && s.WholeDocument && s.InHeader {
				code = CodeFurtherSignature
			}
			// With a chain it is the list that no longer has the authority, trial or not.
			if code == CodeUntrusted && s.Refusal == r.Refusal && s.Certificate != nil && len(s.Chain) == 0 && signing.IsTrial(s.Certificate) {
				code = CodeTrialCertificate
			}
		}
	}
	return Refuse(code).With(r.Refusal.Text()).Because(err)
}
