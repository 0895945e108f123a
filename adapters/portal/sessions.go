package portal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

var (
	// ErrWrong: unknown name, wrong password or a disabled account; nobody is told which.
	ErrWrong = errors.New("couldn't sign in: name or password is not right")
	// ErrNoSession: no such session, or it has ended.
	ErrNoSession = errors.New("no such session")
)

const (
	sessionsPerAccount = 20 // the oldest ends when one more begins
	devicesPerAccount  = 20
	deviceLife         = 400 * 24 * time.Hour
	seenEvery          = time.Minute // how often the time of the last request is written
)

// Attempt is one try to sign in.
type Attempt struct {
	Username, Password string
	Address            string // of the caller, for lock-out and the list of sessions
	Agent              string // User-Agent, shown to the person in the list of own sessions
	Device             string // what SignedIn.Device was the last time on this device, or ""
}

// SignedIn is a new session. Token and Device go into cookies and are known here by their hash only.
type SignedIn struct {
	Account Account
	Session string // public id
	Token   string
	Device  string // "" when the device was known already
}

// Session of an account, as its owner sees it.
type Session struct {
	ID      string
	Created time.Time
	Seen    time.Time
	Ends    time.Time
	Address string
	Agent   string
	Current bool
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte("tram portal session v1\n" + token))
	return sum[:]
}

func deviceHash(token string) []byte {
	sum := sha256.Sum256([]byte("tram portal device v1\n" + token))
	return sum[:]
}

// csrfToken belongs to one cookie value and tells nothing about it.
func csrfToken(cookie string) string {
	m := hmac.New(sha256.New, []byte(cookie))
	m.Write([]byte("tram portal form v1"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (a *Accounts) newToken() (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(a.cfg.Random, b); err != nil {
		return "", fmt.Errorf("couldn't read randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// SignIn checks name and password and begins a session. ErrWrong, ErrBusy or *LockedError.
func (a *Accounts) SignIn(ctx context.Context, t Attempt) (SignedIn, error) {
	name := normalUsername(t.Username)
	var acc Account
	var hash string
	var device []byte
	acc, err := scanAccount(a.db.QueryRowContext(ctx, `SELECT `+accountColumns+`, hash FROM accounts WHERE username=?`, name).Scan, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return SignedIn{}, fmt.Errorf("couldn't read account: %w", err)
	}
	if acc.ID != "" && t.Device != "" {
		var n int
		err := a.db.QueryRowContext(ctx, `SELECT count(*) FROM devices WHERE hash=? AND account=? AND used>?`,
			deviceHash(t.Device), acc.ID, millis(a.cfg.Now().Add(-deviceLife))).Scan(&n)
		if err != nil {
			return SignedIn{}, fmt.Errorf("couldn't read devices: %w", err)
		}
		if n > 0 {
			device = deviceHash(t.Device)
		}
	}
	counters := a.cfg.Lockout.counters(name, t.Address, device)
	err = a.tx(ctx, func(tx *sql.Tx) error {
		if a.tidy.n.Add(1)%64 == 0 {
			if err := a.cfg.Lockout.tidy(tx, a.cfg.Now()); err != nil {
				return err
			}
		}
		return a.cfg.Lockout.reserve(tx, a.cfg.Now(), counters)
	})
	if err != nil {
		return SignedIn{}, err
	}
	if len(t.Password) > MaxPassword {
		t.Password = "" // hashed all the same: it takes as long as any other wrong one
	}
	right, stale, err := a.hash.check(ctx, hash, t.Password)
	if err != nil {
		if errors.Is(err, ErrBusy) {
			err = errors.Join(err, a.tx(ctx, func(tx *sql.Tx) error { return a.cfg.Lockout.release(tx, counters, false) }))
		}
		return SignedIn{}, err
	}
	if !right || acc.Disabled {
		return SignedIn{Account: Account{ID: acc.ID}}, ErrWrong
	}
	old := hash
	if stale {
		if hash, err = a.hash.make(ctx, t.Password); err != nil {
			return SignedIn{}, err
		}
	}
	return a.begin(ctx, acc, old, hash, t, device, counters)
}

func (a *Accounts) begin(ctx context.Context, acc Account, old, hash string, t Attempt, device []byte, counters []counter) (SignedIn, error) {
	in := SignedIn{Account: acc}
	var err error
	if in.Token, err = a.newToken(); err != nil {
		return SignedIn{}, err
	}
	if in.Session, err = a.newID("ph"); err != nil {
		return SignedIn{}, err
	}
	if device == nil {
		if in.Device, err = a.newToken(); err != nil {
			return SignedIn{}, err
		}
		device = deviceHash(in.Device)
	}
	now := a.cfg.Now()
	err = a.tx(ctx, func(tx *sql.Tx) error {
		if err := a.cfg.Lockout.release(tx, counters, true); err != nil {
			return err
		}
		// The password may have been changed or the account disabled while it was being checked.
		res, err := tx.Exec(`UPDATE accounts SET signed_in=?, hash=? WHERE id=? AND disabled=0 AND hash=?`, millis(now), hash, acc.ID, old)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrWrong, err)
		}
		for _, q := range []struct {
			text string
			args []any
		}{
			{`DELETE FROM sessions WHERE ends<=? OR seen<=?`, []any{millis(now), millis(now.Add(-a.cfg.Idle))}},
			{`INSERT INTO sessions VALUES(?,?,?,?,?,?,?,?)`, []any{tokenHash(in.Token), in.Session, acc.ID, millis(now), millis(now),
				millis(now.Add(a.cfg.Longest)), short(t.Address, 64), short(t.Agent, 200)}},
			{`DELETE FROM sessions WHERE account=? AND hash NOT IN (SELECT hash FROM sessions WHERE account=? ORDER BY created DESC, rowid DESC LIMIT ?)`,
				[]any{acc.ID, acc.ID, sessionsPerAccount}},
			{`INSERT INTO devices VALUES(?,?,?) ON CONFLICT(hash) DO UPDATE SET used=excluded.used`, []any{device, acc.ID, millis(now)}},
			{`DELETE FROM devices WHERE account=? AND hash NOT IN (SELECT hash FROM devices WHERE account=? ORDER BY used DESC LIMIT ?)`,
				[]any{acc.ID, acc.ID, devicesPerAccount}},
		} {
			if _, err := tx.Exec(q.text, q.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("couldn't begin session: %w", err)
	}
	return in, nil
}

// session finds the live session of a token and its account, and moves its idle time on. ErrNoSession.
func (a *Accounts) session(ctx context.Context, token string) (Account, Session, error) {
	acc, s, err := a.peek(ctx, token)
	if err != nil {
		return Account{}, Session{}, err
	}
	if now := a.cfg.Now(); now.Sub(s.Seen) >= min(seenEvery, a.cfg.Idle/4) {
		if _, err := a.db.ExecContext(ctx, `UPDATE sessions SET seen=? WHERE hash=?`, millis(now), tokenHash(token)); err != nil {
			return Account{}, Session{}, fmt.Errorf("couldn't keep session: %w", err)
		}
	}
	return acc, s, nil
}

// peek is session for what no person asks: it moves no time on.
func (a *Accounts) peek(ctx context.Context, token string) (Account, Session, error) {
	if token == "" {
		return Account{}, Session{}, ErrNoSession
	}
	var s Session
	var created, seen, ends int64
	acc, err := scanAccount(a.db.QueryRowContext(ctx, `SELECT a.id, username, display, org, role, reading_right, language, disabled, must_change, a.created, signed_in, person,
		s.id, s.created, s.seen, s.ends, s.address, s.agent FROM sessions s JOIN accounts a ON a.id=s.account WHERE s.hash=?`, tokenHash(token)).Scan,
		&s.ID, &created, &seen, &ends, &s.Address, &s.Agent)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, Session{}, ErrNoSession
	}
	if err != nil {
		return Account{}, Session{}, fmt.Errorf("couldn't read session: %w", err)
	}
	s.Created, s.Seen, s.Ends, s.Current = fromMillis(created), fromMillis(seen), fromMillis(ends), true
	now := a.cfg.Now()
	if acc.Disabled || !now.Before(s.Ends) || now.Sub(s.Seen) >= a.cfg.Idle {
		return Account{}, Session{}, errors.Join(ErrNoSession, a.endSession(ctx, token))
	}
	return acc, s, nil
}

// endSession ends the session of a token; unknown ones are ended already.
func (a *Accounts) endSession(ctx context.Context, token string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM sessions WHERE hash=?`, tokenHash(token))
	return err
}

// endSessionByID ends one of an account's own sessions. ErrNoSession when it has no such.
func (a *Accounts) endSessionByID(ctx context.Context, account, id string) error {
	res, err := a.db.ExecContext(ctx, `DELETE FROM sessions WHERE account=? AND id=?`, account, id)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNoSession, err)
	}
	return nil
}

// endOtherSessions ends every session of the account but this one.
func (a *Accounts) endOtherSessions(ctx context.Context, account, token string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM sessions WHERE account=? AND hash<>?`, account, tokenHash(token))
	return err
}

// sessions lists the live sessions of an account, the latest first.
func (a *Accounts) sessions(ctx context.Context, account, current string) ([]Session, error) {
	now := a.cfg.Now()
	rows, err := a.db.QueryContext(ctx, `SELECT id, created, seen, ends, address, agent FROM sessions WHERE account=? AND ends>? AND seen>? ORDER BY seen DESC, created DESC`,
		account, millis(now), millis(now.Add(-a.cfg.Idle)))
	if err != nil {
		return nil, fmt.Errorf("couldn't list sessions: %w", err)
	}
	defer rows.Close()
	var all []Session
	for rows.Next() {
		var s Session
		var created, seen, ends int64
		if err := rows.Scan(&s.ID, &created, &seen, &ends, &s.Address, &s.Agent); err != nil {
			return nil, fmt.Errorf("couldn't list sessions: %w", err)
		}
		s.Created, s.Seen, s.Ends, s.Current = fromMillis(created), fromMillis(seen), fromMillis(ends), s.ID == current
		all = append(all, s)
	}
	return all, rows.Err()
}

// changePassword is the person's own change: it needs the old one, counts failures like a sign-in, keeps this
// session and ends all others. ErrWrong, ErrWeakPassword, ErrBusy or *LockedError.
func (a *Accounts) changePassword(ctx context.Context, acc Account, token, old, fresh string) error {
	counters := []counter{{key: failureKey("change", acc.ID), free: a.cfg.Lockout.PerName}}
	if err := a.tx(ctx, func(tx *sql.Tx) error { return a.cfg.Lockout.reserve(tx, a.cfg.Now(), counters) }); err != nil {
		return err
	}
	var hash string
	if err := a.db.QueryRowContext(ctx, `SELECT hash FROM accounts WHERE id=?`, acc.ID).Scan(&hash); err != nil {
		return fmt.Errorf("couldn't read account: %w", err)
	}
	if len(old) > MaxPassword {
		old = ""
	}
	right, _, err := a.hash.check(ctx, hash, old)
	if err != nil {
		return err
	}
	if !right {
		return ErrWrong
	}
	if err := a.tx(ctx, func(tx *sql.Tx) error { return a.cfg.Lockout.release(tx, counters, true) }); err != nil {
		return err
	}
	if old == fresh {
		return ErrWeakPassword
	}
	return a.setPassword(ctx, acc, fresh, false, tokenHash(token))
}

func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
