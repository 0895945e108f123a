package schemas

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// WriteDirectoryChange writes a directory change, unsigned: see Layout. The header's Kind is set by it. Times are written in UTC.
func WriteDirectoryChange(w io.Writer, h Header, c DirectoryChange) (Layout, error) {
	if len(c.Operations) == 0 {
		return Layout{}, errors.New("couldn't write directory change: it has no operation")
	}
	x := newXMLWriter(w)
	x.tramHeader(h, "DirectoryChange")
	x.raw(`<Body Id="body"><DirectoryChange>`)
	x.optional("Reason", c.Reason)
	for _, op := range c.Operations {
		if !x.operation(op) {
			return Layout{}, fmt.Errorf("couldn't write directory change: unknown operation %T", op)
		}
	}
	x.raw("</DirectoryChange></Body></Package>")
	return x.end()
}

// MarshalDirectoryChange is WriteDirectoryChange into memory.
func MarshalDirectoryChange(h Header, c DirectoryChange) ([]byte, Layout, error) {
	var b bytes.Buffer
	l, err := WriteDirectoryChange(&b, h, c)
	return b.Bytes(), l, err
}

// WriteSubmission writes a submission that carries file, unsigned: see Layout. FileSHA256 must be that of file, which is
// streamed; File is not read. Memory does not grow with the file.
func WriteSubmission(w io.Writer, h Header, s Submission, file io.Reader) (Layout, error) {
	x := newXMLWriter(w)
	x.tramHeader(h, "Submission")
	x.raw(`<Body Id="body"><Submission>`)
	x.text("VouchedBy", string(s.Voucher))
	x.text("Sender", s.Sender)
	x.text("Channel", s.Channel)
	x.text("ReceivedAt", instantText(s.ReceivedAt))
	x.text("Reason", s.Reason)
	x.optional("FileName", s.FileName)
	x.text("MediaType", s.MediaType)
	x.text("FileSHA256", hex.EncodeToString(s.FileSHA256[:]))
	x.raw("<File>")
	enc := base64.NewEncoder(base64.StdEncoding, x)
	_, err := io.Copy(enc, file)
	if err == nil {
		err = enc.Close()
	}
	if err != nil && x.err == nil {
		x.err = fmt.Errorf("couldn't copy submitted file: %w", err)
	}
	x.raw("</File></Submission></Body></Package>")
	return x.end()
}

// MarshalSubmission is WriteSubmission into memory.
func MarshalSubmission(h Header, s Submission, file []byte) ([]byte, Layout, error) {
	var b bytes.Buffer
	l, err := WriteSubmission(&b, h, s, bytes.NewReader(file))
	return b.Bytes(), l, err
}

func (x *xmlWriter) tramHeader(h Header, kind string) {
	x.raw(`<Package xmlns="` + NamespaceTram + `" version="1"><Header><Message Id="message">`)
	x.text("PackageId", h.ID)
	x.text("Kind", kind)
	x.text("From", h.From)
	for _, to := range h.To {
		x.text("To", to)
	}
	x.text("IssuedAt", instantText(h.IssuedAt))
	if h.Person != (Person{}) {
		x.raw("<Person>")
		x.text("Name", h.Person.Name)
		x.optional("Position", h.Person.Position)
		x.optional("Account", h.Person.Account)
		x.raw("</Person>")
	}
	x.text("Secrecy", h.Secrecy.String())
	x.raw("</Message>")
	x.signatureHere()
	x.raw("</Header>")
}

// instantText writes whole seconds without a fraction, and otherwise as much of one as there is.
func instantText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func (x *xmlWriter) instant(name string, t time.Time) {
	if !t.IsZero() {
		x.text(name, instantText(t))
	}
}

func (x *xmlWriter) holder(name string, h Holder) { x.text(name, h.ID, "kind", string(h.Kind)) }

func (x *xmlWriter) code(name string, c OrganisationCode) {
	x.text(name, c.Code, "from", c.From.format('-'), "to", c.To.format('-'))
}

func (x *xmlWriter) level(n int) {
	if n > 0 {
		x.text("Level", strconv.Itoa(n))
	}
}

func (x *xmlWriter) digest(name string, d [32]byte) { x.text(name, hex.EncodeToString(d[:])) }

func (x *xmlWriter) der(name string, der []byte) {
	x.text(name, base64.StdEncoding.EncodeToString(der))
}

// operation writes one operation; false if it is none of ours.
func (x *xmlWriter) operation(op Operation) bool {
	switch op := op.(type) {
	case AddOrganisation:
		x.raw("<AddOrganisation>")
		x.text("Code", op.Code)
		for _, c := range op.Other {
			x.code("OtherCode", c)
		}
		x.text("Name", op.Name)
		x.level(op.Level)
		x.optional("Parent", op.Parent)
		x.optional("Node", op.Node)
		x.optional("From", op.From.format('-'))
		x.raw("</AddOrganisation>")
	case ChangeOrganisation:
		x.raw("<ChangeOrganisation>")
		x.text("Code", op.Code)
		x.optional("Name", op.Name)
		x.level(op.Level)
		x.optional("Parent", op.Parent)
		x.optional("Node", op.Node)
		x.optional("From", op.From.format('-'))
		x.raw("</ChangeOrganisation>")
	case CloseOrganisation:
		x.raw("<CloseOrganisation>")
		x.text("Code", op.Code)
		x.optional("Successor", op.Successor)
		x.text("From", op.From.format('-'))
		x.raw("</CloseOrganisation>")
	case AddCode:
		x.raw("<AddCode>")
		x.text("Organisation", op.Organisation)
		x.code("Code", op.Code)
		x.raw("</AddCode>")
	case RemoveCode:
		x.raw("<RemoveCode>")
		x.text("Organisation", op.Organisation)
		x.text("Code", op.Code)
		x.text("From", op.From.format('-'))
		x.raw("</RemoveCode>")
	case AddPeer:
		x.peer("AddPeer", &op.Peer)
	case ChangePeer:
		x.peer("ChangePeer", &op.Peer)
	default:
		return x.accessOperation(op)
	}
	return true
}

// accessOperation writes the operations about who may do what.
func (x *xmlWriter) accessOperation(op Operation) bool {
	switch op := op.(type) {
	case EnrolCertificate:
		x.raw("<EnrolCertificate>")
		x.holder("Holder", op.Holder)
		for _, p := range op.Purposes {
			x.text("Purpose", string(p))
		}
		x.der("Certificate", op.DER)
		x.raw("</EnrolCertificate>")
	case RevokeCertificate:
		x.raw("<RevokeCertificate>")
		x.holder("Holder", op.Holder)
		x.digest("CertificateSHA256", op.SHA256)
		x.text("From", instantText(op.From))
		x.text("Action", map[bool]string{false: "revoke", true: "suspend"}[op.Suspend])
		x.optional("Reason", op.Reason)
		x.raw("</RevokeCertificate>")
	case RegisterClient:
		x.raw("<RegisterClient>")
		x.text("ClientId", op.ID)
		x.holder("Holder", op.Holder)
		if op.TokenSHA256 != nil {
			x.digest("TokenSHA256", *op.TokenSHA256)
		}
		if op.CertificateSHA256 != nil {
			x.digest("CertificateSHA256", *op.CertificateSHA256)
		}
		x.raw("</RegisterClient>")
	case RemoveClient:
		x.raw("<RemoveClient>")
		x.text("ClientId", op.ID)
		x.raw("</RemoveClient>")
	case GrantReading:
		x.raw("<GrantReading>")
		x.text("GrantId", op.ID)
		x.holder("Reader", op.Reader)
		x.optional("Organisation", op.Organisation)
		x.optional("DocumentId", op.DocumentID)
		x.text("From", instantText(op.From))
		x.text("To", instantText(op.To))
		x.optional("Reason", op.Reason)
		x.raw("</GrantReading>")
	case RevokeReading:
		x.raw("<RevokeReading>")
		x.text("GrantId", op.ID)
		x.text("From", instantText(op.From))
		x.raw("</RevokeReading>")
	case SetPolicy:
		x.policy(&op)
	case TrustAuthority:
		x.raw("<TrustAuthority>")
		x.der("Certificate", op.DER)
		x.text("Kind", op.Kind)
		for _, p := range op.Purposes {
			x.text("Purpose", p)
		}
		x.instant("From", op.From)
		x.instant("Until", op.Until)
		x.optional("Name", op.Name)
		x.raw("</TrustAuthority>")
	case DistrustAuthority:
		x.raw("<DistrustAuthority>")
		x.digest("CertificateSHA256", op.SHA256)
		x.text("From", instantText(op.From))
		x.optional("Reason", op.Reason)
		x.raw("</DistrustAuthority>")
	default:
		return x.officeOperation(op)
	}
	return true
}

func (x *xmlWriter) peer(name string, p *Peer) {
	x.open(name)
	x.text("Origin", p.Origin)
	x.optional("Name", p.Name)
	for _, u := range p.URLs {
		x.text("URL", u)
	}
	for _, d := range p.CertificateSHA256s {
		x.digest("CertificateSHA256", d)
	}
	for _, der := range p.Authorities {
		x.der("Authority", der)
	}
	for _, v := range p.Verifiers {
		x.text("Verifier", v)
	}
	for _, prefix := range p.Prefixes {
		x.text("Prefix", prefix)
	}
	x.close(name)
}

func (x *xmlWriter) policy(p *SetPolicy) {
	x.raw("<SetPolicy>")
	for _, a := range p.Assurance {
		x.text("RequiredAssurance", a.Level, "sender", a.Sender, "kind", string(a.Kind))
	}
	for _, e := range p.SecrecyElements {
		x.text("SecrecyElement", e.Local, "namespace", e.Namespace, "sender", e.Sender)
	}
	for _, l := range p.Limits {
		x.text("Limit", strconv.FormatInt(l.Value, 10), "name", l.Name)
	}
	x.raw("</SetPolicy>")
}
