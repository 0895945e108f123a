package ledger

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
)

// nodeAlgorithm follows the key name in the id of a node certificate's key (see the package comment).
const nodeAlgorithm = "\xfftram-node-certificate-v1\n"

// NodeKeyName is the key name on the second signature line of a log's checkpoints.
func NodeKeyName(origin string) string { return origin + "/node" }

// Head is an unsigned tree head.
type Head struct {
	Origin string
	Size   uint64
	Root   events.Digest
}

// Text is the checkpoint text that both lines sign: origin, size and root, each ended by a newline.
func (h Head) Text() string {
	return h.Origin + "\n" + strconv.FormatUint(h.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(h.Root[:]) + "\n"
}

// parseText reads a checkpoint text strictly. Extension lines are refused: our logs write none.
func parseText(text string) (Head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" {
		return Head{}, errors.New("couldn't parse checkpoint: expected origin, size and root, one a line")
	}
	h := Head{Origin: lines[0]}
	var err error
	if h.Size, err = strconv.ParseUint(lines[1], 10, 63); err != nil || strconv.FormatUint(h.Size, 10) != lines[1] {
		return Head{}, fmt.Errorf("couldn't parse checkpoint: size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(h.Root) {
		return Head{}, fmt.Errorf("couldn't parse checkpoint: root %q", lines[2])
	}
	copy(h.Root[:], root)
	return h, nil
}

// checkOrigin keeps origins to what a note's key name can be and a checkpoint's first line should be.
func checkOrigin(origin string) error {
	if origin == "" || len(origin) > 255 {
		return fmt.Errorf("couldn't use origin: %d characters, expected 1 to 255", len(origin))
	}
	for _, c := range []byte(origin) {
		if c <= ' ' || c > '~' || c == '+' {
			return fmt.Errorf("couldn't use origin %q: expected visible ASCII without space and +", origin)
		}
	}
	return nil
}

// keyVerifier is a note.Verifier over any public key.
type keyVerifier struct {
	name   string
	id     uint32
	verify func(msg, sig []byte) bool
}

func (v *keyVerifier) Name() string                { return v.name }
func (v *keyVerifier) KeyHash() uint32             { return v.id }
func (v *keyVerifier) Verify(msg, sig []byte) bool { return v.verify(msg, sig) }

func keyID(name string, key []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func newLogVerifier(origin string, pub ed25519.PublicKey) note.Verifier {
	return &keyVerifier{
		name: origin, id: keyID(origin, append([]byte{1}, pub...)),
		verify: func(msg, sig []byte) bool { return ed25519.Verify(pub, msg, sig) },
	}
}

func newNodeVerifier(origin string, pub crypto.PublicKey) (note.Verifier, error) {
	v := &keyVerifier{name: NodeKeyName(origin)}
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		if pub.Curve != elliptic.P256() {
			return nil, fmt.Errorf("couldn't use node key: curve %s, expected P-256", pub.Params().Name)
		}
		v.verify = func(msg, sig []byte) bool {
			sum := sha256.Sum256(msg)
			return ecdsa.VerifyASN1(pub, sum[:], sig)
		}
	case *rsa.PublicKey:
		if pub.N.BitLen() < 2048 {
			return nil, fmt.Errorf("couldn't use node key: RSA of %d bits, expected 2048 or more", pub.N.BitLen())
		}
		v.verify = func(msg, sig []byte) bool {
			sum := sha256.Sum256(msg)
			return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig) == nil
		}
	default:
		return nil, fmt.Errorf("couldn't use node key: %T, expected P-256 or RSA", pub)
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("couldn't use node key: %w", err)
	}
	v.id = keyID(v.name, append([]byte(nodeAlgorithm), der...))
	return v, nil
}

// LogKey is the verifier key of a log in the text form of signed notes: origin+id+base64, to be given out.
func LogKey(origin string, pub ed25519.PublicKey) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	return note.NewEd25519VerifierKey(origin, pub)
}

// Lines says by which keys a checkpoint was found signed.
type Lines struct {
	Log  bool // the Ed25519 line
	Node bool // the line of the node certificate's key
}

// OpenCheckpoint checks the signatures of all given verifiers that have a line in the checkpoint, and that its
// origin is the one given (any if empty). At least one line must verify, and no line of a given key may fail.
func OpenCheckpoint(checkpoint []byte, origin string, verifiers ...note.Verifier) (Head, Lines, error) {
	n, err := note.Open(checkpoint, note.VerifierList(verifiers...))
	if err != nil {
		return Head{}, Lines{}, fmt.Errorf("couldn't verify checkpoint: %w", err)
	}
	h, err := parseText(n.Text)
	if err != nil {
		return Head{}, Lines{}, err
	}
	if origin != "" && h.Origin != origin {
		return Head{}, Lines{}, fmt.Errorf("couldn't verify checkpoint: origin %q, expected %q", h.Origin, origin)
	}
	var lines Lines
	for _, s := range n.Sigs {
		switch s.Name {
		case h.Origin:
			lines.Log = true
		case NodeKeyName(h.Origin):
			lines.Node = true
		}
	}
	if !lines.Log && !lines.Node {
		return Head{}, Lines{}, fmt.Errorf("couldn't verify checkpoint: no signature by a key of %q", h.Origin)
	}
	return h, lines, nil
}

// ReadCheckpoint reads the head out of a checkpoint without verifying anything.
func ReadCheckpoint(checkpoint []byte) (Head, error) {
	text, _, ok := bytes.Cut(checkpoint, []byte("\n\n"))
	if !ok {
		return Head{}, errors.New("couldn't parse checkpoint: no signature lines")
	}
	return parseText(string(text) + "\n")
}
