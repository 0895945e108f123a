package xades

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tram-exchange/tram/signing"
)

// SignOptions say what is signed, and what the signer says about it. The zero value, but for the time, makes an organisation's signature.
type SignOptions struct {
	signing.SignOptions // Properties is ours to set

	SigningTime  time.Time // claimed, to the second; required
	Policy       *PolicyID // the rules that the signature keeps; nil for none
	ClaimedRoles []string  // what the signer says he is; nobody confirms it
	Place        *Place
	Commitment   string // such as ProofOfApproval, for all that is signed; empty for none
	IssuerSerial bool   // name issuer and serial number of the certificate too, beside its digest

	// MimeTypes tells the formats of what is signed, by the URI of the reference ("" for the document, "#id", what External names).
	// Otherwise the document and its parts are text/xml, and what lies outside application/octet-stream.
	MimeTypes map[string]string
}

// PolicyID names a signature policy.
type PolicyID struct {
	Implied bool        // a policy that follows from the circumstances; the rest is empty then
	ID      string      // OID (dotted or as URN) or URI
	Hash    crypto.Hash // of the policy document
	Digest  []byte
	// For people: what it is, where it can be read.
	Description, URI string
}

// Place is where it was signed.
type Place struct {
	City, StreetAddress, StateOrProvince, PostalCode, Country string
}

func (o *SignOptions) check() error {
	switch p := o.Policy; {
	case o.Properties != nil:
		return errors.New("couldn't sign: SignOptions.Properties is set by XAdES itself")
	case o.SigningTime.IsZero():
		return errors.New("couldn't sign: no signing time")
	case p == nil || p.Implied:
	case p.ID == "" || !p.Hash.Available() || len(p.Digest) != p.Hash.Size():
		return fmt.Errorf("couldn't sign: policy %q needs an identifier and a digest of %d bytes, it has %d", p.ID, p.Hash.Size(), len(p.Digest))
	}
	return nil
}

// Sign writes the document with a signature of level B-B in it. It reads src like signing.SignTo; chain starts
// with the certificate of key.
func Sign(ctx context.Context, w io.Writer, src signing.Source, key crypto.Signer, chain []*x509.Certificate, o SignOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if len(chain) == 0 {
		return errors.New("couldn't sign: no certificate")
	}
	so := o.SignOptions
	so.Properties = func(sigID string) ([]byte, string, string, error) {
		object, id, err := o.object(sigID, chain[0], o.formats(sigID))
		return object, id, SignedPropertiesType, err
	}
	return signing.SignTo(ctx, w, src, key, chain, so)
}

// formats lists the references to what the signer signs, in the order and with the Ids that signing gives them.
func (o *SignOptions) formats(sigID string) []format {
	var out []format
	add := func(id, uri, mime string) {
		if m := o.MimeTypes[uri]; m != "" {
			mime = m
		}
		if id == "" {
			id = signing.ReferenceID(sigID, len(out))
		}
		out = append(out, format{id, mime})
	}
	if o.Whole || len(o.IDs) == 0 && len(o.External) == 0 {
		add("", "", "text/xml")
	}
	for _, id := range o.IDs {
		add("", "#"+id, "text/xml")
	}
	for _, e := range o.External {
		add(e.ID, e.URI, "application/octet-stream")
	}
	return out
}
