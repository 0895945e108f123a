package ledger

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events"
)

const (
	proofVersion = "c2sp.org/tlog-proof@v1"
	maxReceipt   = 4 << 20 // bytes; a statement of the greatest size and a chain, in base64
	maxProof     = 63      // hashes
)

// Receipt proves one statement: what a sender keeps, and all that a checker without network needs.
type Receipt struct {
	Statement  events.Statement
	Bytes      []byte // of the statement, as recorded
	Position   uint64
	Proof      []events.Digest
	Checkpoint []byte
	Chain      []*x509.Certificate // of the node, its own certificate first; not trusted by being here
}

// NewReceipt writes the receipt of event i of an append. chain is the node's certificate chain, its own first; a head that
// names the chain of its own signer goes before it.
func NewReceipt(sealed events.Sealed, i int, chain []*x509.Certificate) ([]byte, error) {
	if i < 0 || i >= len(sealed.Events) || len(sealed.Proofs) != len(sealed.Events) {
		return nil, fmt.Errorf("couldn't write receipt: event %d of %d with %d proofs", i, len(sealed.Events), len(sealed.Proofs))
	}
	if sealed.Head.Chain != nil {
		chain = sealed.Head.Chain
	}
	r := Receipt{
		Bytes: sealed.Events[i].Bytes, Position: sealed.Events[i].Position,
		Proof: sealed.Proofs[i], Checkpoint: sealed.Head.Checkpoint, Chain: chain,
	}
	return r.Encode(), nil
}

// Encode writes the receipt file (see the package comment). Statement is not looked at, Bytes is.
func (r *Receipt) Encode() []byte {
	size := len(r.Bytes) + 1
	for _, c := range r.Chain {
		size += pemSize(len(c.Raw))
	}
	extra := append(append(make([]byte, 0, size), r.Bytes...), '\n')
	for _, c := range r.Chain {
		extra = appendPEM(extra, c.Raw)
	}
	b := make([]byte, 0, base64.StdEncoding.EncodedLen(len(extra))+len(r.Proof)*45+len(r.Checkpoint)+128)
	b = append(b, proofVersion+"\nextra "...)
	b = base64.StdEncoding.AppendEncode(b, extra)
	b = append(b, "\nindex "...)
	b = strconv.AppendUint(b, r.Position, 10)
	b = append(b, '\n')
	for i := range r.Proof {
		b = base64.StdEncoding.AppendEncode(b, r.Proof[i][:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, r.Checkpoint...)
}

const (
	pemBegin = "-----BEGIN CERTIFICATE-----\n"
	pemEnd   = "-----END CERTIFICATE-----\n"
	pemLine  = 48 // bytes on a line, as encoding/pem has them
)

func pemSize(n int) int {
	return len(pemBegin) + base64.StdEncoding.EncodedLen(n) + (n+pemLine-1)/pemLine + len(pemEnd)
}

// appendPEM is pem.Encode of a certificate into memory that is there already: a node writes its chain into every receipt.
func appendPEM(b, der []byte) []byte {
	b = append(b, pemBegin...)
	for len(der) > 0 {
		n := min(len(der), pemLine)
		b = append(base64.StdEncoding.AppendEncode(b, der[:n]), '\n')
		der = der[n:]
	}
	return append(b, pemEnd...)
}

// ParseReceipt reads a receipt file strictly. Nothing in it is verified: see CheckReceipt.
func ParseReceipt(file []byte) (*Receipt, error) {
	r, err := parseReceipt(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't parse receipt: %w", err)
	}
	return r, nil
}

func parseReceipt(file []byte) (*Receipt, error) {
	if len(file) > maxReceipt {
		return nil, fmt.Errorf("%d bytes, limit %d", len(file), maxReceipt)
	}
	head, checkpoint, ok := strings.Cut(string(file), "\n\n")
	if !ok {
		return nil, errors.New("no empty line before a checkpoint")
	}
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || lines[0] != proofVersion {
		return nil, fmt.Errorf("first line %.40q, expected %q", lines[0], proofVersion)
	}
	b64 := base64.StdEncoding.Strict()
	extraText, ok := strings.CutPrefix(lines[1], "extra ")
	extra, err := b64.DecodeString(extraText)
	if !ok || err != nil || base64.StdEncoding.EncodeToString(extra) != extraText {
		return nil, errors.New("second line is not extra and base64")
	}
	indexText, ok := strings.CutPrefix(lines[2], "index ")
	r := &Receipt{Checkpoint: []byte(checkpoint)}
	r.Position, err = strconv.ParseUint(indexText, 10, 63)
	if !ok || err != nil || strconv.FormatUint(r.Position, 10) != indexText {
		return nil, errors.New("third line is not index and a decimal number")
	}
	if len(lines)-3 > maxProof {
		return nil, fmt.Errorf("%d proof lines, limit %d", len(lines)-3, maxProof)
	}
	for _, line := range lines[3:] {
		h, err := b64.DecodeString(line)
		if err != nil || len(h) != len(events.Digest{}) || len(line) != 44 {
			return nil, fmt.Errorf("proof line %q is not a hash", line)
		}
		r.Proof = append(r.Proof, events.Digest(h))
	}
	statement, chain, ok := bytes.Cut(extra, []byte("\n"))
	if !ok {
		return nil, errors.New("no newline after the statement")
	}
	r.Bytes = statement
	if r.Statement, err = events.DecodeStatement(statement); err != nil {
		return nil, err
	}
	if r.Chain, err = parseChain(chain); err != nil {
		return nil, err
	}
	return r, nil
}

func parseChain(b []byte) (chain []*x509.Certificate, err error) {
	again := []byte{}
	for rest := b; len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("something other than certificates follows the statement")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the chain: %w", len(chain), err)
		}
		chain = append(chain, c)
		again = append(again, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	if !bytes.Equal(again, b) {
		return nil, errors.New("certificates are not in the one PEM form")
	}
	return chain, nil
}
