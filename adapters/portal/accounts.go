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

	"github.com/tram-exchange/tram/internal/notice"
)

// Role is what an account may do.
type Role string

// Roles. Clerk and viewer read their own agency; an auditor reads what a recorded right covers; the operator sees
// the node's health and no document. Staff is a person of an agency's office: what he may do follows from his duties in the
// directory.
const (
	RoleStaff    Role = "staff"
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
	Person      string // who a staff account is in the office of Org: id in the directory
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
	Person      string // of a staff account, 1..64 of a-z 0-9 -
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
	// ErrPersonTaken: the person has an account. Two ways in would be two people in one name.
	ErrPersonTaken = errors.New("the person has another account")
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

const accountsVersion = 4

// accountsSchema leads from each format of portal.db to the next. What was added stands last in its table.
var accountsSchema = [accountsVersion]string{accountsSchema1, `
ALTER TABLE accounts ADD COLUMN person TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX accounts_person ON accounts(org, person) WHERE person <> '';
`, notice.Schema, accountsSchemaAsks}

const accountsSchema1 = `
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
		if v < 0 || v > accountsVersion {
			return fmt.Errorf("format %d is not known here (this program writes %d): use the newer program", v, accountsVersion)
		}
		for ; v < accountsVersion; v++ {
			if _, err := tx.Exec(accountsSchema[v] + fmt.Sprintf("PRAGMA user_version=%d;", v+1)); err != nil {
				return fmt.Errorf("couldn't go on from format %d: %w", v, err)
			}
		}
		return nil
	})
}

// Notices is how each person wants to be told outside the portal. It ends with Close.
func (a *Accounts) Notices() *notice.Store { return notice.NewStore(a.db, a.cfg.Now, a.cfg.Random) }

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

func checkPerson(person string) error {
	if len(person) < 1 || len(person) > 64 || strings.Trim(person, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("person %q: an id in the office has 1 to 64 signs of a-z 0-9 -", person)
	}
	return nil
}

// CreateAccount makes an account. ErrTaken, ErrPersonTaken, ErrWeakPassword, or an error that names the field.
func (a *Accounts) CreateAccount(ctx context.Context, n NewAccount) (Account, error) {
	acc := Account{Username: normalUsername(n.Username), DisplayName: strings.TrimSpace(n.DisplayName), Org: n.Org, Role: n.Role,
		Person: n.Person, Right: n.Right, Language: n.Language, MustChange: n.MustChange, Created: a.cfg.Now()}
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
	case RoleStaff:
		if acc.Org == "" {
			return Account{}, errors.New("couldn't create account: staff needs an organisation")
		}
		if err := checkPerson(acc.Person); err != nil {
			return Account{}, fmt.Errorf("couldn't create account: %w", err)
		}
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
		return Account{}, fmt.Errorf("couldn't create account: role %q, allowed are staff, clerk, viewer, auditor and operator", n.Role)
	}
	if acc.Role != RoleStaff && acc.Person != "" {
		return Account{}, fmt.Errorf("couldn't create account: a %s is no person of an office", acc.Role)
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
	res, err := a.db.ExecContext(ctx, `INSERT INTO accounts VALUES(?,?,?,?,?,?,?,?,0,?,?,0,?,'') ON CONFLICT DO NOTHING`,
		acc.ID, acc.Username, acc.DisplayName, acc.Org, string(acc.Role), acc.Right, acc.Language, hash, acc.MustChange, millis(acc.Created), acc.Person)
	if err != nil {
		return Account{}, fmt.Errorf("couldn't create account: %w", err)
	}
	rows, err := res.RowsAffected()
	if err != nil {
		return Account{}, fmt.Errorf("couldn't create account: %w", err)
	}
	if rows == 0 {
		if _, err := a.Account(ctx, acc.Username); errors.Is(err, ErrNoAccount) {
			return Account{}, fmt.Errorf("couldn't create account: %w", ErrPersonTaken)
		}
		return Account{}, ErrTaken
	}
	return acc, nil
}

// SetPerson makes the account of an agency that of a person of its office, and ends its sessions: what it may do is other now. Another
// person has chosen nothing yet.
func (a *Accounts) SetPerson(ctx context.Context, username, person string) error {
	if err := checkPerson(person); err != nil {
		return fmt.Errorf("couldn't set person: %w", err)
	}
	err := a.tx(ctx, func(tx *sql.Tx) error {
		var id, org, other, before string
		err := tx.QueryRow(`SELECT id, org, person FROM accounts WHERE username=?`, normalUsername(username)).Scan(&id, &org, &before)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoAccount
		}
		if err != nil {
			return err
		}
		if org == "" {
			return errors.New("the account belongs to no organisation")
		}
		err = tx.QueryRow(`SELECT username FROM accounts WHERE org=? AND person=? AND id<>?`, org, person, id).Scan(&other)
		if err == nil {
			return ErrPersonTaken
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(`UPDATE accounts SET role=?, person=?, reading_right='' WHERE id=?`, string(RoleStaff), person, id); err != nil {
			return err
		}
		if before != person {
			if err := notice.Forget(tx, id); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`DELETE FROM sessions WHERE account=?`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't set person: %w", err)
	}
	return nil
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
		err := tx.QueryRow(`UPDATE accounts SET disabled=?, disabled_by='' WHERE username=? RETURNING id`, disabled, normalUsername(username)).Scan(&id)
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

const accountColumns = `id, username, display, org, role, reading_right, language, disabled, must_change, created, signed_in, person`

func scanAccount(scan func(...any) error, more ...any) (Account, error) {
	var a Account
	var created, signedIn int64
	err := scan(append([]any{&a.ID, &a.Username, &a.DisplayName, &a.Org, &a.Role, &a.Right, &a.Language, &a.Disabled,
		&a.MustChange, &created, &signedIn, &a.Person}, more...)...)
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
