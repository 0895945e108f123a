package ledger

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
)

// Signer signs the heads of one log: with log keys, of which it may hold several while one follows another, and with the
// key of the node certificate. It is safe for concurrent use if the keys are.
type Signer struct {
	origin string
	random io.Reader
	node   noteSigner

	mu   sync.Mutex
	logs []logSigner // the first is what Sign uses
}

type logSigner struct {
	noteSigner
	key string // its verifier key
}

// NewSigner takes the log's Ed25519 key and the key of the node certificate (P-256 or RSA of 2048 bits or more).
func NewSigner(origin string, log, node crypto.Signer, random io.Reader) (*Signer, error) {
	if err := checkOrigin(origin); err != nil {
		return nil, err
	}
	nodeVerifier, err := newNodeVerifier(origin, node.Public())
	if err != nil {
		return nil, err
	}
	s := &Signer{origin: origin, random: random}
	s.node = noteSigner{Verifier: nodeVerifier, sign: func(msg []byte) ([]byte, error) {
		sum := sha256.Sum256(msg)
		return node.Sign(random, sum[:], crypto.SHA256)
	}}
	if _, err := s.AddLogKey(log); err != nil {
		return nil, err
	}
	return s, nil
}

// AddLogKey takes a further log key, which SignWith can then name, and gives its verifier key. One that is there already
// changes nothing.
func (s *Signer) AddLogKey(log crypto.Signer) (string, error) {
	pub, ok := log.Public().(ed25519.PublicKey)
	if !ok {
		return "", fmt.Errorf("couldn't use log key: %T, expected Ed25519", log.Public())
	}
	key, err := LogKey(s.origin, pub)
	if err != nil {
		return "", fmt.Errorf("couldn't use log key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(key) == nil {
		s.logs = append(s.logs, logSigner{key: key, noteSigner: noteSigner{Verifier: newLogVerifier(s.origin, pub), sign: func(msg []byte) ([]byte, error) {
			return log.Sign(s.random, msg, crypto.Hash(0))
		}}})
	}
	return key, nil
}

// find gives the signer of a verifier key, nil if there is none. The caller holds mu.
func (s *Signer) find(key string) *logSigner {
	if i := slices.IndexFunc(s.logs, func(l logSigner) bool { return l.key == key }); i >= 0 {
		return &s.logs[i]
	}
	return nil
}

// LogKeys are the verifier keys of the log keys at hand, the one given to NewSigner first.
func (s *Signer) LogKeys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, len(s.logs))
	for i := range s.logs {
		out[i] = s.logs[i].key
	}
	return out
}

// Origin is the log's origin line.
func (s *Signer) Origin() string { return s.origin }

// LogVerifier is the verifier of the first log key.
func (s *Signer) LogVerifier() note.Verifier {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs[0].Verifier
}

// NodeVerifier is the verifier of the node certificate's key.
func (s *Signer) NodeVerifier() note.Verifier { return s.node.Verifier }

// Sign gives the checkpoint: the text and the lines of the first log key and of the node's.
func (s *Signer) Sign(size uint64, root events.Digest) ([]byte, error) {
	return s.SignWith(size, root, s.LogKeys()[0])
}

// SignWith gives the checkpoint: the text, the lines of the log keys with these verifier keys in their order, and the
// node's. A key that is not at hand is an error, and then nothing has been signed.
func (s *Signer) SignWith(size uint64, root events.Digest, keys ...string) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("couldn't sign head: no log key is named")
	}
	var signers []note.Signer
	s.mu.Lock()
	for _, key := range keys {
		l := s.find(key)
		if l == nil {
			s.mu.Unlock()
			return nil, fmt.Errorf("couldn't sign head of size %d: the log key of %s is not at hand", size, key)
		}
		signers = append(signers, l.noteSigner)
	}
	s.mu.Unlock()
	h := Head{Origin: s.origin, Size: size, Root: root}
	b, err := note.Sign(&note.Note{Text: h.Text()}, append(signers, s.node)...)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign head of size %d: %w", size, err)
	}
	return b, nil
}

type noteSigner struct {
	note.Verifier
	sign func([]byte) ([]byte, error)
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) { return s.sign(msg) }
