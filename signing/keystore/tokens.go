//go:build cgo

package keystore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"
)

// maxSessions bounds the sessions that are open with one token, and so the signatures under way. More wait.
const maxSessions = 8

// Tokens are the PKCS#11 modules and tokens in use. One is shared by all keys of a program, because a PKCS#11 module knows only
// one application: one login per token, one pool of sessions, and one memory of PINs that were wrong. Safe for concurrent use.
//
// A PIN that a token has called wrong is never given to it again: tokens lock themselves after a few. It is tried
// anew when its source has another content. As a program that is started again and again by a watchdog would forget
// that, a token that says that one try is left is not logged in to at all, unless a person typed the PIN (Options.Prompt).
type Tokens struct {
	mu      sync.Mutex
	modules map[string]*module
}

// NewTokens returns an empty Tokens.
func NewTokens() *Tokens { return &Tokens{modules: map[string]*module{}} }

// module is one PKCS#11 library. Tokens.mu guards tokens and the initialisation.
type module struct {
	owner  *Tokens
	path   string
	ctx    *pkcs11.Ctx
	tokens map[string]*token // by serial number and label
}

// token is one token of a module. mu guards all below it; it is held while connecting, so that there is one login, not
// many.
type token struct {
	module *module
	name   string        // serial number and label
	slots  chan struct{} // one for each session that may be taken out

	mu     sync.Mutex
	up     bool
	epoch  int // counts connections: handles belong to one
	slot   uint
	master pkcs11.SessionHandle // stays open: the login lasts as long as a session
	idle   []pkcs11.SessionHandle
	wrong  map[[32]byte]bool // SHA-256 of PINs that the token refused
}

// Close logs out of all tokens and unloads the modules. Keys that are still open fail from then on.
func (t *Tokens) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for path, m := range t.modules {
		for _, tok := range m.tokens {
			tok.disconnect(-1)
		}
		if err := m.ctx.Finalize(); err != nil {
			errs = append(errs, fmt.Errorf("couldn't finalise %s: %w", path, err))
		}
		m.ctx.Destroy()
		delete(t.modules, path)
	}
	return errors.Join(errs...)
}

// module loads a library once.
func (t *Tokens) module(path string) (*module, error) {
	if m, ok := t.modules[path]; ok {
		return m, nil
	}
	if path == "" {
		return nil, errors.New("the reference has no module-path")
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, fmt.Errorf("couldn't load PKCS#11 module %s", path)
	}
	if err := ctx.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		ctx.Destroy()
		return nil, fmt.Errorf("couldn't initialise PKCS#11 module %s: %w", path, err)
	}
	m := &module{owner: t, path: path, ctx: ctx, tokens: map[string]*token{}}
	t.modules[path] = m
	return m, nil
}

// find looks for the token that ref names. Tokens.mu is held.
func (m *module) find(ref TokenRef) (uint, pkcs11.TokenInfo, error) {
	slots, err := m.ctx.GetSlotList(true)
	if err != nil {
		return 0, pkcs11.TokenInfo{}, fmt.Errorf("couldn't list slots: %w", err)
	}
	var found []uint
	var info pkcs11.TokenInfo
	for _, slot := range slots {
		ti, err := m.ctx.GetTokenInfo(slot)
		if err != nil || ti.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue
		}
		if ref.HasSlot && slot != ref.Slot || ref.Token != "" && strings.TrimRight(ti.Label, " \x00") != ref.Token ||
			ref.Serial != "" && strings.TrimRight(ti.SerialNumber, " \x00") != ref.Serial {
			continue
		}
		found, info = append(found, slot), ti
	}
	switch len(found) {
	case 0:
		return 0, info, fmt.Errorf("%w in %s", ErrNoToken, m.path)
	case 1:
		return found[0], info, nil
	}
	return 0, info, fmt.Errorf("%d tokens of %s fit; name one by serial=", len(found), m.path)
}

func tokenName(ti pkcs11.TokenInfo) string {
	return strings.TrimRight(ti.SerialNumber, " \x00") + " " + strings.TrimRight(ti.Label, " \x00")
}

// open gives the token that ref names, logged in.
func (t *Tokens) open(ref TokenRef, pin func() (string, error), asked bool) (*token, error) {
	t.mu.Lock()
	m, err := t.module(ref.Module)
	if err != nil {
		t.mu.Unlock()
		return nil, err
	}
	_, ti, err := m.find(ref)
	if errors.Is(err, ErrNoToken) && m.idle() && m.restart() == nil {
		_, ti, err = m.find(ref) // some modules see new tokens only when they begin
	}
	if err != nil {
		t.mu.Unlock()
		return nil, err
	}
	name := tokenName(ti)
	tok := m.tokens[name]
	if tok == nil {
		tok = &token{module: m, name: name, slots: make(chan struct{}, maxSessions), wrong: map[[32]byte]bool{}}
		m.tokens[name] = tok
	}
	t.mu.Unlock()
	tok.mu.Lock()
	defer tok.mu.Unlock()
	return tok, tok.connect(ref, pin, asked)
}

// idle reports whether no token of the module is in use.
func (m *module) idle() bool {
	for _, tok := range m.tokens {
		tok.mu.Lock()
		up := tok.up
		tok.mu.Unlock()
		if up {
			return false
		}
	}
	return true
}

func (m *module) restart() error {
	_ = m.ctx.Finalize() // it may have ended by itself
	if err := m.ctx.Initialize(); err != nil {
		return fmt.Errorf("couldn't initialise PKCS#11 module %s: %w", m.path, err)
	}
	return nil
}

// revive starts the module anew if nobody uses it: some see a token that was away only then.
func (tok *token) revive() bool {
	tok.module.owner.mu.Lock()
	defer tok.module.owner.mu.Unlock()
	return tok.module.idle() && tok.module.restart() == nil
}

// connect opens the lasting session and logs in, once. mu is held.
func (tok *token) connect(ref TokenRef, pin func() (string, error), asked bool) error {
	if tok.up {
		return nil
	}
	slot, ti, err := tok.module.find(ref)
	if err != nil {
		return err
	}
	session, err := tok.module.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fmt.Errorf("couldn't open session with token %q: %w", tok.name, err)
	}
	if ti.Flags&pkcs11.CKF_LOGIN_REQUIRED != 0 {
		if err := tok.login(session, ti, pin, asked); err != nil {
			_ = tok.module.ctx.CloseSession(session)
			return fmt.Errorf("couldn't log in to token %q: %w", tok.name, err)
		}
	}
	tok.up, tok.slot, tok.master, tok.idle = true, slot, session, nil
	tok.epoch++
	return nil
}

// login gives the PIN to the token, if that can do no harm.
func (tok *token) login(session pkcs11.SessionHandle, ti pkcs11.TokenInfo, pin func() (string, error), asked bool) error {
	switch {
	case ti.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return ErrPINLocked
	case ti.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0 && !asked:
		return ErrLastTry
	}
	secret := ""
	if ti.Flags&pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH == 0 { // else the token has a keypad of its own
		var err error
		if secret, err = pin(); err != nil {
			return err
		}
		if secret == "" {
			return errors.New("the reference names no pin-source")
		}
	}
	sum := sha256.Sum256([]byte(secret))
	if tok.wrong[sum] {
		return fmt.Errorf("%w; it was refused before and is not tried again", ErrWrongPIN)
	}
	err := tok.module.ctx.Login(session, pkcs11.CKU_USER, secret)
	var code pkcs11.Error
	if err == nil || !errors.As(err, &code) {
		return err
	}
	switch uint(code) {
	case pkcs11.CKR_USER_ALREADY_LOGGED_IN:
		return nil
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE:
		tok.wrong[sum] = true
		return ErrWrongPIN
	case pkcs11.CKR_PIN_LOCKED:
		return ErrPINLocked
	}
	return err
}

// disconnect forgets the sessions of a connection that was lost; epoch -1: whichever it is. A connection made since is left alone.
func (tok *token) disconnect(epoch int) {
	tok.mu.Lock()
	defer tok.mu.Unlock()
	if !tok.up || epoch >= 0 && epoch != tok.epoch {
		return
	}
	for _, s := range tok.idle {
		_ = tok.module.ctx.CloseSession(s)
	}
	_ = tok.module.ctx.CloseSession(tok.master) // the last one logs out
	tok.up, tok.idle = false, nil
}

// session is one taken out of the pool.
type session struct {
	handle pkcs11.SessionHandle
	epoch  int
}

// take waits for a session. The caller gives it back.
func (tok *token) take(ctx context.Context, ref TokenRef, pin func() (string, error), asked bool) (session, error) {
	select {
	case tok.slots <- struct{}{}:
	case <-ctx.Done():
		return session{}, fmt.Errorf("couldn't get session of token %q: %w", tok.name, context.Cause(ctx))
	}
	s, err := tok.ready(ref, pin, asked)
	if err != nil {
		<-tok.slots
	}
	return s, err
}

func (tok *token) ready(ref TokenRef, pin func() (string, error), asked bool) (session, error) {
	tok.mu.Lock()
	defer tok.mu.Unlock()
	if err := tok.connect(ref, pin, asked); err != nil {
		return session{}, err
	}
	if n := len(tok.idle); n > 0 {
		s := session{tok.idle[n-1], tok.epoch}
		tok.idle = tok.idle[:n-1]
		return s, nil
	}
	h, err := tok.module.ctx.OpenSession(tok.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return session{epoch: tok.epoch}, fmt.Errorf("couldn't open session with token %q: %w", tok.name, err)
	}
	return session{h, tok.epoch}, nil
}

// give puts a session back. One of a connection that was lost is closed.
func (tok *token) give(s session, broken bool) {
	tok.mu.Lock()
	if !broken && tok.up && s.epoch == tok.epoch {
		tok.idle = append(tok.idle, s.handle)
	} else {
		_ = tok.module.ctx.CloseSession(s.handle)
	}
	tok.mu.Unlock()
	<-tok.slots
}

// lost reports whether an error means that the connection is gone, so that it is worth making another.
func lost(err error) bool {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return false
	}
	switch uint(code) {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR,
		pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_SLOT_ID_INVALID:
		return true
	}
	return false
}
