package portal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver of portal.db
)

// Role is what an account may do.
type Role string

// Roles. Clerk and viewer read their own agency; an auditor reads what a recorded right covers; the operator sees
// the node's health and no document.
const (
	RoleClerk    Role = "clerk"
	RoleViewer   Role = "viewer"
	RoleAuditor  Role = "auditor"
	RoleOperator Role = "operator"
)

// Account is one person's way in.
type Account struct {
	ID          string // stable, for logs
	Username    string // unique on the node, lower case
	DisplayName string
	Org         string // organisation identity; empty for an operator or auditor
	Role        Role
	Right       string // an auditor's recorded reading right
	Language    string // "vi" or "en"
	Disabled    bool
	MustChange  bool // the password must be changed before anything else
	Created     time.Time
	SignedIn    time.Time // last, zero: never
}

// NewAccount is what CreateAccount takes.
type NewAccount struct {
	Username    string // 2..64 of a-z 0-9 . _ - @
	DisplayName string
	Org         string
	Role        Role
	Right       string
	Language    string // "" = vi
	Password    string
	MustChange  bool
}

var (
	// ErrNoAccount: no account of that name.
	ErrNoAccount = errors.New("no such account")
	// ErrTaken: the user name is in use.
	ErrTaken = errors.New("couldn't create account: the user name is taken")
)

// AccountsConfig opens portal.db.
type AccountsConfig struct {
	Path    string           // file, made with mode 0600 if missing
	Now     func() time.Time // default time.Now
	Random  io.Reader        // default crypto/rand
	Cost    HashCost         // default DefaultHashCost
	Slots   int              // passwords checked at once, default 2
	Idle    time.Duration    // a session ends after this time without a request, default 30 min
	Longest time.Duration    // and after this time in any case, default 12 h
	Lockout Lockout          // default DefaultLockout
}

// Accounts keeps accounts, sessions and failed sign-ins in portal.db. All methods may be called concurrently,
// also by another process (tram account … while the node runs).
type Accounts struct {
	db   *sql.DB
	cfg  AccountsConfig
	hash *hasher
	tidy tidyCounter
}

const accountsVersion = 1

const accountsSchema = `
CREATE TABLE accounts (
  id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, display TEXT NOT NULL, org TEXT NOT NULL, role TEXT NOT NULL,
  reading_right TEXT NOT NULL, language TEXT NOT NULL, hash TEXT NOT NULL, disabled INTEGER NOT NULL,
  must_change INTEGER NOT NULL, created INTEGER NOT NULL, signed_in INTEGER NOT NULL) STRICT;
CREATE TABLE sessions (
  hash BLOB PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  created INTEGER NOT NULL, seen INTEGER NOT NULL, ends INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL) STRICT;
CREATE INDEX sessions_account ON sessions(account, created);
CREATE TABLE devices (
  hash BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE, used INTEGER NOT NULL) STRICT;
CREATE INDEX devices_account ON devices(account, used);
CREATE TABLE failures (key BLOB PRIMARY KEY, count INTEGER NOT NULL, last INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
CREATE INDEX failures_last ON failures(last);
`

// OpenAccounts opens or makes portal.db. The caller closes it.
func OpenAccounts(c AccountsConfig) (*Accounts, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Cost == (HashCost{}) {
		c.Cost = DefaultHashCost
	}
	if c.Slots <= 0 {
		c.Slots = 2
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Minute
	}
	if c.Longest <= 0 {
		c.Longest = 12 * time.Hour
	}
	if c.Lockout == (Lockout{}) {
		c.Lockout = DefaultLockout
	}
	f, err := os.OpenFile(c.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open accounts: %w", err)
	}
	f.Close()
	db, err := sql.Open("sqlite", "file:"+escapePath(c.Path)+
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("couldn't open accounts %s: %w", c.Path, err)
	}
	db.SetMaxOpenConns(4)
	a := &Accounts{db: db, cfg: c}
	if a.hash, err = newHasher(c.Cost, c.Slots, c.Random); err == nil {
		err = a.migrate(context.Background())
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("couldn't open accounts %s: %w", c.Path, err)
	}
	return a, nil
}

func escapePath(p string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(p)
}

func (a *Accounts) migrate(ctx context.Context) error {
	return a.tx(ctx, func(tx *sql.Tx) error {
		var v int
		if err := tx.QueryRow("PRAGMA user_version").Scan(&v); err != nil {
			return err
		}
		switch v {
		case accountsVersion:
			return nil
		case 0:
			_, err := tx.Exec(accountsSchema + fmt.Sprintf("PRAGMA user_version=%d;", accountsVersion))
			return err
		}
		return fmt.Errorf("format %d is not known here (this program writes %d): use the newer program", v, accountsVersion)
	})
}

// Close closes portal.db.
func (a *Accounts) Close() error { return a.db.Close() }

func (a *Accounts) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func normalUsername(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func checkUsername(name string) error {
	if len(name) < 2 || len(name) > 64 {
		return errors.New("couldn't create account: a user name has 2 to 64 signs")
	}
	for _, r := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-@", r) {
			return fmt.Errorf("couldn't create account: user name has %q, allowed are a-z 0-9 . _ - @", r)
		}
	}
	return nil
}

// CreateAccount makes an account. ErrTaken, ErrWeakPassword, or an error that names the field.
func (a *Accounts) CreateAccount(ctx context.Context, n NewAccount) (Account, error) {
	acc := Account{Username: normalUsername(n.Username), DisplayName: strings.TrimSpace(n.DisplayName), Org: n.Org, Role: n.Role,
		Right: n.Right, Language: n.Language, MustChange: n.MustChange, Created: a.cfg.Now()}
	if err := checkUsername(acc.Username); err != nil {
		return Account{}, err
	}
	if acc.DisplayName == "" {
		acc.DisplayName = acc.Username
	}
	switch {
	case acc.Language == "":
		acc.Language = Vietnamese
	case acc.Language != Vietnamese && acc.Language != English:
		return Account{}, fmt.Errorf("couldn't create account: language %q, allowed are vi and en", n.Language)
	}
	switch acc.Role {
	case RoleClerk, RoleViewer:
		if acc.Org == "" {
			return Account{}, fmt.Errorf("couldn't create account: a %s needs an organisation", acc.Role)
		}
	case RoleAuditor:
		if acc.Right == "" {
			return Account{}, errors.New("couldn't create account: an auditor needs a recorded reading right")
		}
	case RoleOperator:
	default:
		return Account{}, fmt.Errorf("couldn't create account: role %q, allowed are clerk, viewer, auditor and operator", n.Role)
	}
	if err := checkPassword(acc.Username, n.Password); err != nil {
		return Account{}, err
	}
	hash, err := a.hash.make(ctx, n.Password)
	if err != nil {
		return Account{}, err
	}
	if acc.ID, err = a.newID("tk"); err != nil {
		return Account{}, err
	}
	res, err := a.db.ExecContext(ctx, `INSERT INTO accounts VALUES(?,?,?,?,?,?,?,?,0,?,?,0) ON CONFLICT(username) DO NOTHING`,
		acc.ID, acc.Username, acc.DisplayName, acc.Org, string(acc.Role), acc.Right, acc.Language, hash, acc.MustChange, millis(acc.Created))
	if err != nil {
		return Account{}, fmt.Errorf("couldn't create account: %w", err)
	}
	if rows, err := res.RowsAffected(); err != nil || rows == 0 {
		return Account{}, ErrTaken
	}
	return acc, nil
}

// SetPassword gives an account a new password, ends all its sessions, forgets its known devices and its lock-out.
// The person must change it at the next sign-in when mustChange.
func (a *Accounts) SetPassword(ctx context.Context, username, password string, mustChange bool) error {
	name := normalUsername(username)
	acc, err := a.Account(ctx, name)
	if err != nil {
		return err
	}
	return a.setPassword(ctx, acc, password, mustChange, nil)
}

func (a *Accounts) setPassword(ctx context.Context, acc Account, password string, mustChange bool, keep []byte) error {
	if err := checkPassword(acc.Username, password); err != nil {
		return err
	}
	hash, err := a.hash.make(ctx, password)
	if err != nil {
		return err
	}
	err = a.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE accounts SET hash=?, must_change=? WHERE id=?`, hash, mustChange, acc.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM sessions WHERE account=? AND hash IS NOT ?`, acc.ID, keep); err != nil {
			return err
		}
		if keep == nil {
			if _, err := tx.Exec(`DELETE FROM devices WHERE account=?`, acc.ID); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`DELETE FROM failures WHERE key=?`, failureKey("name", acc.Username))
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't set password: %w", err)
	}
	return nil
}

// Disable stops an account (or lets it in again) and ends its sessions at once.
func (a *Accounts) Disable(ctx context.Context, username string, disabled bool) error {
	return a.tx(ctx, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRow(`UPDATE accounts SET disabled=? WHERE username=? RETURNING id`, disabled, normalUsername(username)).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoAccount
		}
		if err == nil && disabled {
			_, err = tx.Exec(`DELETE FROM sessions WHERE account=?`, id)
		}
		return err
	})
}

// Unlock forgets the failed sign-ins counted against an account.
func (a *Accounts) Unlock(ctx context.Context, username string) error {
	if _, err := a.Account(ctx, username); err != nil {
		return err
	}
	_, err := a.db.ExecContext(ctx, `DELETE FROM failures WHERE key=?`, failureKey("name", normalUsername(username)))
	return err
}

const accountColumns = `id, username, display, org, role, reading_right, language, disabled, must_change, created, signed_in`

func scanAccount(scan func(...any) error, more ...any) (Account, error) {
	var a Account
	var created, signedIn int64
	err := scan(append([]any{&a.ID, &a.Username, &a.DisplayName, &a.Org, &a.Role, &a.Right, &a.Language, &a.Disabled,
		&a.MustChange, &created, &signedIn}, more...)...)
	a.Created, a.SignedIn = fromMillis(created), fromMillis(signedIn)
	return a, err
}

// Account reads one account. ErrNoAccount.
func (a *Accounts) Account(ctx context.Context, username string) (Account, error) {
	acc, err := scanAccount(a.db.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE username=?`, normalUsername(username)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrNoAccount
	}
	return acc, err
}

// List gives all accounts in order of organisation and user name.
func (a *Accounts) List(ctx context.Context) ([]Account, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts ORDER BY org, username`)
	if err != nil {
		return nil, fmt.Errorf("couldn't list accounts: %w", err)
	}
	defer rows.Close()
	var all []Account
	for rows.Next() {
		acc, err := scanAccount(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("couldn't list accounts: %w", err)
		}
		all = append(all, acc)
	}
	return all, rows.Err()
}

func (a *Accounts) setLanguage(ctx context.Context, id, language string) error {
	_, err := a.db.ExecContext(ctx, `UPDATE accounts SET language=? WHERE id=?`, language, id)
	return err
}

func (a *Accounts) newID(prefix string) (string, error) {
	b := make([]byte, 8)
	if _, err := io.ReadFull(a.cfg.Random, b); err != nil {
		return "", fmt.Errorf("couldn't read randomness: %w", err)
	}
	return prefix + "-" + hex.EncodeToString(b), nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(m int64) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(m)
}
