package portal

import (
	"context"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// An administrator of an agency's office alone gives nobody a way in: who could set a leader's password could be the leader, and then
// read and sign. Two do it: one asks and gets one half of the one-time password, another grants and gets the other half. Neither
// half lets anybody in, and each is shown once.

// accountsSchemaAsks keeps who asked; half is worth nothing without the other.
const accountsSchemaAsks = `
ALTER TABLE accounts ADD COLUMN disabled_by TEXT NOT NULL DEFAULT '';
CREATE TABLE asks (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, person TEXT NOT NULL, username TEXT NOT NULL, display TEXT NOT NULL, half TEXT NOT NULL,
  by_account TEXT NOT NULL, by_person TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE(org, person)) STRICT;
`

// askLife is how long an ask may wait.
const askLife = 72 * time.Hour

var (
	// ErrNoAsk: it was granted, taken back, or has waited too long.
	ErrNoAsk = errors.New("no such ask for an account")
	// ErrOneAdministrator: who asked, or whom it is about, cannot grant.
	ErrOneAdministrator = errors.New("couldn't grant an account: it takes another administrator than who asked, and not the person concerned")
)

// accountAsk is what one administrator asks for a person: an account, or a new password of the one there is.
type accountAsk struct {
	ID, Org, Person   string
	Username, Display string
	ByAccount         string // id of the account that asked
	ByPerson          string
	At                time.Time
}

// accountOf is the account of a person of an agency. ErrNoAccount.
func (a *Accounts) accountOf(ctx context.Context, org, person string) (acc Account, disabledBy string, err error) {
	acc, err = scanAccount(a.db.QueryRowContext(ctx, `SELECT `+accountColumns+`, disabled_by FROM accounts WHERE org=? AND person=?`, org, person).Scan, &disabledBy)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, "", ErrNoAccount
	}
	return acc, disabledBy, err
}

// ofOrg lists the accounts of an agency by user name.
func (a *Accounts) ofOrg(ctx context.Context, org string) ([]Account, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE org=? ORDER BY username`, org)
	if err != nil {
		return nil, fmt.Errorf("couldn't list accounts: %w", err)
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		acc, err := scanAccount(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("couldn't list accounts: %w", err)
		}
		out = append(out, acc)
	}
	return out, rows.Err()
}

// half of a one-time password: 60 bits.
func (a *Accounts) half() (string, error) {
	b := make([]byte, 15)
	if _, err := io.ReadFull(a.cfg.Random, b); err != nil {
		return "", fmt.Errorf("couldn't read randomness: %w", err)
	}
	s := strings.ToLower(base32.StdEncoding.EncodeToString(b))[:12]
	return s[:6] + "-" + s[6:], nil
}

// ask keeps an ask in the place of an earlier one for the person, and gives the first half of the password. ErrTaken, or an error that
// names the field.
func (a *Accounts) ask(ctx context.Context, q accountAsk) (half string, err error) {
	q.Username = normalUsername(q.Username)
	acc, _, err := a.accountOf(ctx, q.Org, q.Person)
	switch {
	case err == nil:
		q.Username = acc.Username
	case !errors.Is(err, ErrNoAccount):
		return "", err
	default:
		if err := checkUsername(q.Username); err != nil {
			return "", err
		}
		if _, err := a.Account(ctx, q.Username); err == nil {
			return "", ErrTaken
		} else if !errors.Is(err, ErrNoAccount) {
			return "", err
		}
	}
	if half, err = a.half(); err != nil {
		return "", err
	}
	if q.ID, err = a.newID("dn"); err != nil {
		return "", err
	}
	_, err = a.db.ExecContext(ctx, `INSERT INTO asks VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(org, person) DO UPDATE SET
		id=excluded.id, username=excluded.username, display=excluded.display, half=excluded.half, by_account=excluded.by_account, by_person=excluded.by_person, at=excluded.at`,
		q.ID, q.Org, q.Person, q.Username, q.Display, half, q.ByAccount, q.ByPerson, millis(a.cfg.Now()))
	if err != nil {
		return "", fmt.Errorf("couldn't keep the ask: %w", err)
	}
	return half, nil
}

const askColumns = `id, org, person, username, display, by_account, by_person, at`

func scanAsk(scan func(...any) error, more ...any) (accountAsk, error) {
	var q accountAsk
	var at int64
	err := scan(append([]any{&q.ID, &q.Org, &q.Person, &q.Username, &q.Display, &q.ByAccount, &q.ByPerson, &at}, more...)...)
	q.At = fromMillis(at)
	return q, err
}

// asks of an agency that still wait, oldest first.
func (a *Accounts) asks(ctx context.Context, org string) ([]accountAsk, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT `+askColumns+` FROM asks WHERE org=? AND at>? ORDER BY at`, org, millis(a.cfg.Now().Add(-askLife)))
	if err != nil {
		return nil, fmt.Errorf("couldn't list asks: %w", err)
	}
	defer rows.Close()
	var out []accountAsk
	for rows.Next() {
		q, err := scanAsk(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("couldn't list asks: %w", err)
		}
		out = append(out, q)
	}
	return out, rows.Err()
}

// grant does what was asked, once, for another administrator than who asked, and gives the second half of the password, which must be
// changed at the first sign-in. still says whether who asked may still ask. ErrNoAsk, ErrOneAdministrator, ErrTaken, ErrBusy.
func (a *Accounts) grant(ctx context.Context, org, id string, by Account, still func(accountAsk) bool) (q accountAsk, half string, err error) {
	var first string
	err = a.tx(ctx, func(tx *sql.Tx) error {
		// An account that was disabled meanwhile asks for nothing.
		q, err = scanAsk(tx.QueryRow(`SELECT `+askColumns+`, half FROM asks WHERE id=? AND org=? AND at>? AND by_account IN (SELECT id FROM accounts WHERE disabled=0)`, id, org, millis(a.cfg.Now().Add(-askLife))).Scan, &first)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoAsk
		}
		if err != nil {
			return err
		}
		if by.Org != org || q.ByAccount == by.ID || q.ByPerson == by.Person || q.Person == by.Person || !still(q) {
			return ErrOneAdministrator
		}
		_, err = tx.Exec(`DELETE FROM asks WHERE id=?`, id)
		return err
	})
	if err != nil {
		return q, "", err
	}
	if half, err = a.half(); err != nil {
		return q, "", err
	}
	password := first + "-" + half
	acc, _, err := a.accountOf(ctx, org, q.Person)
	switch {
	case err == nil:
		err = a.setPassword(ctx, acc, password, true, nil)
	case errors.Is(err, ErrNoAccount):
		_, err = a.CreateAccount(ctx, NewAccount{Username: q.Username, DisplayName: q.Display, Org: org, Role: RoleStaff, Person: q.Person, Password: password, MustChange: true})
	}
	return q, half, err
}

// dropAsk takes an ask back.
func (a *Accounts) dropAsk(ctx context.Context, org, id string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM asks WHERE org=? AND id=?`, org, id)
	return err
}

// disableFor stops the account of a person of an agency for one of its administrators, or lets it in again if the operator is not who
// stopped it. False: it is not for an administrator to do.
func (a *Accounts) disableFor(ctx context.Context, org, person string, by Account, disabled bool) (done bool, err error) {
	err = a.tx(ctx, func(tx *sql.Tx) error {
		var id, disabledBy string
		var was bool
		err := tx.QueryRow(`SELECT id, disabled, disabled_by FROM accounts WHERE org=? AND person=?`, org, person).Scan(&id, &was, &disabledBy)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoAccount
		}
		if err != nil {
			return err
		}
		if by.Org != org || id == by.ID || was && disabledBy == "" {
			return nil
		}
		done, disabledBy = true, ""
		if disabled {
			disabledBy = by.ID
			if _, err := tx.Exec(`DELETE FROM sessions WHERE account=?`, id); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`UPDATE accounts SET disabled=?, disabled_by=? WHERE id=?`, disabled, disabledBy, id)
		return err
	})
	return done, err
}
