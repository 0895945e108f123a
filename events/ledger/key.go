package ledger

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key is what a checker trusts: the keys of logs, each with those that followed it as far as that was proved, or
// certificates (a node's own, or those of authorities that a node's certificate must lead to).
type Key struct {
	chains       []KeyChain
	certificates []*x509.Certificate
}

// ParseKey reads verifier keys (origin+id+base64, one a line; each is trusted by itself), a key history, whose first key is
// trusted, or a PEM file of certificates.
func ParseKey(b []byte) (Key, error) {
	switch {
	case IsKeyHistory(b):
		h, err := ParseKeyHistory(b)
		if err != nil {
			return Key{}, err
		}
		c, err := h.Chain()
		return Key{chains: []KeyChain{c}}, err
	case bytes.Contains(b, []byte("-----BEGIN")):
		return parseCertificates(b)
	}
	var k Key
	for line := range strings.Lines(strings.TrimSpace(string(b))) {
		c, err := NewKeyChain(strings.TrimSpace(line))
		if err != nil {
			return Key{}, fmt.Errorf("couldn't read key: neither certificates in PEM nor verifier keys: %w", err)
		}
		k.chains = append(k.chains, c)
	}
	if len(k.chains) == 0 {
		return Key{}, errors.New("couldn't read key: it is empty")
	}
	return k, nil
}

func parseCertificates(b []byte) (k Key, err error) {
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return Key{}, fmt.Errorf("couldn't read key: PEM block %q, expected CERTIFICATE", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Key{}, fmt.Errorf("couldn't read key: %w", err)
		}
		k.certificates = append(k.certificates, c)
	}
	if len(k.certificates) == 0 {
		return Key{}, errors.New("couldn't read key: no certificate in the PEM file")
	}
	return k, nil
}

// CertificateKey trusts the given certificates.
func CertificateKey(c ...*x509.Certificate) Key { return Key{certificates: c} }

// VerifierKey trusts a log's verifier.
func VerifierKey(v note.Verifier) Key { return Key{chains: []KeyChain{{{v: v}}}} }

// ChainKey trusts the keys of a log, each for the heads that it signs.
func ChainKey(c KeyChain) Key { return Key{chains: []KeyChain{c}} }

// Follow gives the key with all that follow by the receipts of rotations, which need not be trusted: they must lead on from
// what is trusted already. Those of other logs are left out.
func (k Key) Follow(rotations [][]byte) (Key, error) {
	out := Key{certificates: k.certificates, chains: make([]KeyChain, len(k.chains))}
	for i, c := range k.chains {
		var err error
		if out.chains[i], err = c.FollowAll(rotations); err != nil {
			return Key{}, err
		}
	}
	return out, nil
}

// Chains are the log keys, nil if the key is certificates.
func (k Key) Chains() []KeyChain { return k.chains }

// Open verifies a checkpoint of a log (of any origin if empty) by the key: the line of the log key in force for its size, or
// that of the node's own certificate. Certificates of authorities cannot be used alone.
func (k Key) Open(checkpoint []byte, origin string) (Head, error) {
	if len(k.chains) == 0 {
		verifiers, err := k.Verifiers(origin)
		if err != nil {
			return Head{}, err
		}
		h, _, err := OpenCheckpoint(checkpoint, origin, verifiers...)
		return h, err
	}
	err := errNoKey
	for _, c := range k.chains {
		var h Head
		if h, err = c.Open(checkpoint, origin); err == nil {
			return h, nil
		}
	}
	return Head{}, err
}

// CheckReceipt parses a receipt and proves it with a key: the statement is the entry at its position, under the
// root of the checkpoint, which the key's owner signed for the statement's own origin.
func CheckReceipt(file []byte, key Key) (*Receipt, Head, error) {
	r, err := ParseReceipt(file)
	if err != nil {
		return nil, Head{}, err
	}
	head, err := key.openReceipt(r)
	if err != nil {
		return nil, Head{}, err
	}
	if err := CheckInclusion(r.Proof, r.Position, Entry(r.Bytes), head.Size, head.Root); err != nil {
		return nil, Head{}, err
	}
	return r, head, nil
}

func (k Key) openReceipt(r *Receipt) (Head, error) {
	if len(k.chains) == 0 {
		v, err := k.nodeVerifier(r)
		if err != nil {
			return Head{}, err
		}
		head, _, err := OpenCheckpoint(r.Checkpoint, r.Statement.Origin, v)
		return head, err
	}
	head, err := k.Open(r.Checkpoint, r.Statement.Origin)
	if err != nil || len(r.Chain) == 0 {
		return head, err
	}
	// The chain is not trusted here, but a receipt whose node line is not by its own certificate is damaged.
	own, err := newNodeVerifier(r.Statement.Origin, r.Chain[0].PublicKey)
	if err != nil {
		return Head{}, err
	}
	if _, _, err := OpenCheckpoint(r.Checkpoint, r.Statement.Origin, own); err != nil {
		return Head{}, fmt.Errorf("couldn't match the receipt with the certificate in it: %w", err)
	}
	return head, nil
}

// nodeVerifier finds the receipt's node certificate and says whether the key vouches for it: it is one of the
// given certificates, or it leads to one of them as of the statement's time and names the host of the origin
// (any other holder of a certificate of the same authority could else sign for this log).
func (k Key) nodeVerifier(r *Receipt) (note.Verifier, error) {
	if len(r.Chain) == 0 {
		return nil, errors.New("couldn't check receipt: it holds no certificate")
	}
	leaf := r.Chain[0]
	roots, own := x509.NewCertPool(), false
	for _, c := range k.certificates {
		own = own || c.Equal(leaf)
		roots.AddCert(c)
	}
	if !own {
		between := x509.NewCertPool()
		for _, c := range r.Chain[1:] {
			between.AddCert(c)
		}
		host, _, _ := strings.Cut(r.Statement.Origin, "/")
		_, err := leaf.Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: r.Statement.Time, DNSName: host,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't trust the node certificate %q: %w", leaf.Subject, err)
		}
	}
	return newNodeVerifier(r.Statement.Origin, leaf.PublicKey)
}

// Verifiers gives the note verifiers that a key means for checkpoints of origin: for use with OpenCheckpoint
// where there is no receipt to bring a chain. Certificates of authorities cannot be used alone. Of log keys that follow each
// other all are given: which is in force for a head only Open looks at.
func (k Key) Verifiers(origin string) ([]note.Verifier, error) {
	var out []note.Verifier
	for _, c := range k.chains {
		out = append(out, c.Verifiers()...)
	}
	if len(out) > 0 {
		return out, nil
	}
	for _, c := range k.certificates {
		if c.IsCA {
			continue
		}
		v, err := newNodeVerifier(origin, c.PublicKey)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, errors.New("couldn't use key: certificates of authorities say nothing about a log by themselves; give the node's own certificate or the log's verifier key")
	}
	return out, nil
}
