package notice

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// An e-mail address is used only after a code that was sent to it came back: else anybody could have mail sent to anybody.

const (
	codeLife  = time.Hour
	codeTries = 5 // wrong ones, then another code is needed
	codesADay = 5 // of one account: nobody fills a stranger's mailbox
)

var (
	// ErrCode: the code is not right, or its time is over.
	ErrCode = errors.New("the code is not right")
	// ErrTooOften: no more codes today.
	ErrTooOften = errors.New("too many codes were asked for today")
)

// Code is one that is to be sent.
type Code struct {
	Account, Address, Language string
	Code                       string
	Ends                       time.Time
	Tries                      int // to send it that failed
}

// Asking is the e-mail address that an account wants to use and has not confirmed yet: "" if there is none.
type Asking struct {
	Address string
	Sent    time.Time // zero: not yet
	Ends    time.Time
}

// AskEmail has a code sent to an address; Confirm makes it the account's. The one before counts until then. ErrTooOften.
func (s *Store) AskEmail(ctx context.Context, account, address string, domains []string) error {
	if err := CheckEmail(address, domains); err != nil {
		return err
	}
	code, err := s.newCode()
	if err != nil {
		return err
	}
	now := s.now()
	err = s.tx(ctx, func(tx *sql.Tx) error {
		var day string
		var asked int
		err := tx.QueryRow(`SELECT day, asked FROM notice_codes WHERE account=?`, account).Scan(&day, &asked)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if today := Day(now); day != today {
			day, asked = today, 0
		}
		if asked >= codesADay {
			return ErrTooOften
		}
		_, err = tx.Exec(`INSERT INTO notice_codes (account, address, code, ends, wrong, sent, tries, next, day, asked) VALUES(?,?,?,?,0,0,0,0,?,?) ON CONFLICT(account) DO UPDATE SET
			address=excluded.address, code=excluded.code, ends=excluded.ends, wrong=0, sent=0, tries=0, next=0, day=excluded.day, asked=excluded.asked`,
			account, address, code, millis(now.Add(codeLife)), day, asked+1)
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't ask for code: %w", err)
	}
	return nil
}

// newCode is eight digits. With five tries a code and five codes a day it is guessed once in 4 million days.
func (s *Store) newCode() (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("couldn't read randomness: %w", err)
	}
	return fmt.Sprintf("%08d", binary.BigEndian.Uint64(b[:])%100_000_000), nil
}

// Asked is the address that waits for its code.
func (s *Store) Asked(ctx context.Context, account string) (Asking, error) {
	var e Asking
	var sent, ends int64
	err := s.db.QueryRowContext(ctx, `SELECT address, sent, ends FROM notice_codes WHERE account=? AND address<>'' AND ends>?`, account, millis(s.now())).Scan(&e.Address, &sent, &ends)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Asking{}, fmt.Errorf("couldn't read code: %w", err)
	}
	e.Sent, e.Ends = fromMillis(sent), fromMillis(ends)
	return e, nil
}

// Confirm makes the address that waits the account's. Notes before from are not told. ErrCode.
func (s *Store) Confirm(ctx context.Context, account, code string, from uint64) error {
	now, wrong := s.now(), false
	err := s.tx(ctx, func(tx *sql.Tx) error {
		var address, right string
		var ends int64
		var tries int
		err := tx.QueryRow(`SELECT address, code, ends, wrong FROM notice_codes WHERE account=?`, account).Scan(&address, &right, &ends, &tries)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (right == "" || ends <= millis(now) || tries >= codeTries) {
			return ErrCode
		}
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(right)) != 1 {
			wrong = true // counted: the transaction must not be undone
			_, err := tx.Exec(`UPDATE notice_codes SET wrong=wrong+1 WHERE account=?`, account)
			return err
		}
		if _, err := tx.Exec(`UPDATE notice_codes SET address='', code='', ends=0 WHERE account=?`, account); err != nil {
			return err
		}
		return s.put(tx, account, ByEmail, address, "", now, from)
	})
	if err == nil && wrong {
		err = ErrCode
	}
	if err != nil {
		return fmt.Errorf("couldn't confirm e-mail address: %w", err)
	}
	return nil
}

// Codes are those that are to be sent now.
func (s *Store) Codes(ctx context.Context, now time.Time, limit int) ([]Code, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT c.account, c.address, a.language, c.code, c.ends, c.tries FROM notice_codes c JOIN accounts a ON a.id=c.account
		WHERE c.code<>'' AND c.sent=0 AND c.ends>? AND c.next<=? AND a.disabled=0 ORDER BY c.next, c.ends LIMIT ?`, millis(now), millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("couldn't read codes: %w", err)
	}
	defer rows.Close()
	var out []Code
	for rows.Next() {
		var c Code
		var ends int64
		if err := rows.Scan(&c.Account, &c.Address, &c.Language, &c.Code, &ends, &c.Tries); err != nil {
			return nil, fmt.Errorf("couldn't read codes: %w", err)
		}
		c.Ends = fromMillis(ends)
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("couldn't read codes: %w", err)
	}
	return out, nil
}

// CodeSent keeps that a code has gone out.
func (s *Store) CodeSent(ctx context.Context, c Code) error {
	return s.changeCode(ctx, c, `sent=?`, millis(s.now()))
}

// CodeFailed keeps that a code could not be sent, and when it is tried again.
func (s *Store) CodeFailed(ctx context.Context, c Code, next time.Time) error {
	return s.changeCode(ctx, c, `tries=tries+1, next=?`, millis(next))
}

func (s *Store) changeCode(ctx context.Context, c Code, set string, args ...any) error {
	_, err := s.db.ExecContext(ctx, `UPDATE notice_codes SET `+set+` WHERE account=? AND code=?`, append(args, c.Account, c.Code)...)
	if err != nil {
		return fmt.Errorf("couldn't keep code: %w", err)
	}
	return nil
}

// vietnam is the zone of all days.
var vietnam = time.FixedZone("+07:00", 7*60*60)

// Day is the day of a moment in Vietnamese time, yyyy-MM-dd.
func Day(t time.Time) string { return t.In(vietnam).Format(time.DateOnly) }
