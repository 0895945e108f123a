package portal

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// HashCost is what one argon2id hash costs. It is written into each hash, so that raising it later
// re-hashes people as they sign in.
type HashCost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// DefaultHashCost takes about 80 ms of one core and 32 MiB for that time.
var DefaultHashCost = HashCost{Memory: 32 << 10, Passes: 3, Threads: 1}

// Limits a stored hash may name: a changed portal.db must not make one sign-in take all memory.
const (
	maxHashMemory = 256 << 10 // KiB
	maxHashPasses = 16
	saltLength    = 16
	keyLength     = 32
)

// Lengths of a password, in characters and in bytes.
const (
	MinPassword = 12  // characters
	MaxPassword = 256 // bytes
)

var (
	// ErrBusy: too many people ask for work as heavy as this at this moment (signing in, evidence); try again in a few seconds.
	ErrBusy = errors.New("couldn't do it now: too much of this at once")
	// ErrWeakPassword: too short, too long, or made of the user name.
	ErrWeakPassword = errors.New("couldn't take the password: 12 characters or more, not the user name, not a repeated sign")
)

// hasher makes and checks argon2id hashes, a few at a time: a flood of sign-ins waits in a short line and
// is then told to come back, so that memory stays at slots × HashCost.Memory.
type hasher struct {
	cost    HashCost
	random  io.Reader
	slots   chan struct{}
	waiting atomic.Int64
	line    int64  // how many may wait
	nobody  string // a hash that no password has, checked for unknown names so that they take as long
}

func newHasher(cost HashCost, slots int, random io.Reader) (*hasher, error) {
	h := &hasher{cost: cost, random: random, slots: make(chan struct{}, slots), line: int64(slots) * 16}
	secret := make([]byte, 32)
	if _, err := io.ReadFull(rand.Reader, secret); err != nil {
		return nil, fmt.Errorf("couldn't read randomness: %w", err)
	}
	nobody, err := h.make(context.Background(), base64.RawStdEncoding.EncodeToString(secret))
	h.nobody = nobody
	return h, err
}

func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	if h.waiting.Add(1) > h.line {
		h.waiting.Add(-1)
		return nil, ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// make hashes a password in the usual $argon2id$v=19$m=…,t=…,p=…$salt$key form.
func (h *hasher) make(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(h.random, salt); err != nil {
		return "", fmt.Errorf("couldn't read randomness: %w", err)
	}
	key := argon2.IDKey(passwordBytes(password), salt, h.cost.Passes, h.cost.Memory, h.cost.Threads, keyLength)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.Memory, h.cost.Passes,
		h.cost.Threads, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// check tells whether the password is the hashed one, and whether the hash should be made anew at today's cost.
// An empty hash (unknown name) costs the same and is never right.
func (h *hasher) check(ctx context.Context, hash, password string) (right, stale bool, err error) {
	known := hash != ""
	if !known {
		hash = h.nobody
	}
	cost, salt, want, err := parseHash(hash)
	if err != nil {
		return false, false, err
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	got := argon2.IDKey(passwordBytes(password), salt, cost.Passes, cost.Memory, cost.Threads, uint32(len(want)))
	equal := subtle.ConstantTimeCompare(got, want) == 1
	return known && equal, cost != h.cost, nil
}

func parseHash(hash string) (HashCost, []byte, []byte, error) {
	fail := func() (HashCost, []byte, []byte, error) {
		return HashCost{}, nil, nil, errors.New("couldn't read the stored password hash: not in argon2id form or over its limits")
	}
	part := strings.Split(hash, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return fail()
	}
	var c HashCost
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Passes, &c.Threads); err != nil {
		return fail()
	}
	if c.Memory < 8 || c.Memory > maxHashMemory || c.Passes < 1 || c.Passes > maxHashPasses || c.Threads < 1 {
		return fail()
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil || len(salt) < 8 {
		return fail()
	}
	key, err := base64.RawStdEncoding.DecodeString(part[5])
	if err != nil || len(key) != keyLength {
		return fail()
	}
	return c, salt, key, nil
}

// passwordBytes: the same letters give the same password, however a keyboard composes the diacritics.
func passwordBytes(p string) []byte { return norm.NFC.Bytes([]byte(p)) }

// checkPassword says whether a new password may be used. Length is what counts; no rules about kinds of signs.
func checkPassword(username, password string) error {
	n := utf8.RuneCountInString(norm.NFC.String(password))
	if !utf8.ValidString(password) || n < MinPassword || len(password) > MaxPassword {
		return ErrWeakPassword
	}
	lower := strings.ToLower(password)
	if len(username) >= 4 && strings.Contains(lower, username) && n < len(username)+MinPassword {
		return ErrWeakPassword
	}
	seen := map[rune]bool{}
	for _, r := range lower {
		seen[r] = true
	}
	if len(seen) < 5 || strings.HasPrefix(lower, "123456789") || strings.HasPrefix(lower, "password") ||
		strings.HasPrefix(lower, "matkhau") || strings.HasPrefix(lower, "qwertyuiop") {
		return ErrWeakPassword
	}
	return nil
}
