package witness

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	keyType       = 0x04
	maxName       = 255 // bytes of a key name
	cosignatureV1 = 8 + ed25519.SignatureSize
)

// Key is the public side of a witness: a note.Verifier of its cosignatures. It is immutable.
type Key struct {
	name   string
	id     uint32
	public ed25519.PublicKey
}

// NewKey names a witness's public key.
func NewKey(name string, public ed25519.PublicKey) (*Key, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("couldn't use witness key %q: %d bytes, expected %d", name, len(public), ed25519.PublicKeySize)
	}
	k := &Key{name: name, public: append(ed25519.PublicKey(nil), public...)}
	sum := sha256.Sum256(append([]byte(name+"\n"), k.material()...))
	k.id = binary.BigEndian.Uint32(sum[:])
	return k, nil
}

// checkName keeps names to what a signed note allows for a key name.
func checkName(name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsRune(name, '+') ||
		strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("couldn't use witness name %q: expected 1 to %d bytes of UTF-8 without space, control and +", name, maxName)
	}
	return nil
}

// ParseKey reads a verifier key: name+id+base64 of 0x04 and the Ed25519 public key.
func ParseKey(text string) (*Key, error) {
	name, rest, _ := strings.Cut(text, "+")
	id, material, ok := strings.Cut(rest, "+")
	if !ok {
		return nil, fmt.Errorf("couldn't read witness key %.80q: expected name+id+base64", text)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(material)
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("couldn't read witness key %.80q: the key is not base64", text)
	}
	if raw[0] != keyType {
		return nil, fmt.Errorf("couldn't read witness key %.80q: signature type 0x%02x, expected 0x%02x (cosignature/v1)", text, raw[0], keyType)
	}
	k, err := NewKey(name, raw[1:])
	if err != nil {
		return nil, err
	}
	if k.String() != text {
		return nil, fmt.Errorf("couldn't read witness key %.80q: id %q, expected %08x", text, id, k.id)
	}
	return k, nil
}

func (k *Key) material() []byte { return append([]byte{keyType}, k.public...) }

// String is the verifier key in its text form, as ParseKey reads it.
func (k *Key) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.id, base64.StdEncoding.EncodeToString(k.material()))
}

// Name is the key name.
func (k *Key) Name() string { return k.name }

// KeyHash is the key id.
func (k *Key) KeyHash() uint32 { return k.id }

// Verify says whether sig, a time and a signature, is this witness's over the checkpoint text.
func (k *Key) Verify(text, sig []byte) bool {
	if len(sig) != cosignatureV1 {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= math.MaxInt64 && ed25519.Verify(k.public, message(text, at), sig[8:])
}

func message(text []byte, at uint64) []byte {
	b := append(make([]byte, 0, len(text)+48), "cosignature/v1\ntime "...)
	b = append(strconv.AppendUint(b, at, 10), '\n')
	return append(b, text...)
}

// Cosigner holds the private side. It must be a key of its own: the signed message does not name the witness, so
// one key under two names would let each speak for the other. Safe for concurrent use if the crypto.Signer is.
type Cosigner struct {
	*Key
	signer crypto.Signer
	random io.Reader
}

// NewCosigner takes an Ed25519 key; random is handed to it and may be nil for keys in memory.
func NewCosigner(name string, signer crypto.Signer, random io.Reader) (*Cosigner, error) {
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("couldn't use witness key %q: %T, expected Ed25519", name, signer.Public())
	}
	k, err := NewKey(name, public)
	if err != nil {
		return nil, err
	}
	return &Cosigner{Key: k, signer: signer, random: random}, nil
}

// at is the note.Signer for one time.
func (c *Cosigner) at(t time.Time) (note.Signer, error) {
	if t.Unix() <= 0 {
		return nil, fmt.Errorf("couldn't cosign: the clock says %s", t.UTC().Format(time.RFC3339))
	}
	return &cosignerAt{c, uint64(t.Unix())}, nil
}

type cosignerAt struct {
	*Cosigner
	time uint64
}

func (c *cosignerAt) Sign(text []byte) ([]byte, error) {
	sig, err := c.signer.Sign(c.random, message(text, c.time), crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	b := append(binary.BigEndian.AppendUint64(nil, c.time), sig...)
	if !c.Verify(text, b) { // a broken key device must not make a head look forged later
		return nil, errors.New("couldn't cosign: the key gave a signature that does not verify")
	}
	return b, nil
}

// openStrict is note.Open that also refuses a verified line in another base64 than the one it was signed with: the last
// character of most lines has bits that do not count, and a line would have several forms.
func openStrict(checkpoint []byte, keys note.Verifiers) (*note.Note, error) {
	n, err := note.Open(checkpoint, keys)
	if err != nil {
		return nil, err
	}
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, fmt.Errorf("signature line of %q is not in the one base64 form", s.Name)
		}
	}
	return n, nil
}

// timeOf reads the time out of a signature that a Key verified.
func timeOf(s note.Signature) (time.Time, error) {
	b, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(b) != 4+cosignatureV1 {
		return time.Time{}, fmt.Errorf("couldn't read time of cosignature by %q: %d bytes, expected %d", s.Name, len(b), 4+cosignatureV1)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0).UTC(), nil
}
