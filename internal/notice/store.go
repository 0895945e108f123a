package notice

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Schema is what package portal adds to portal.db. What was added later stands last in its table.
const Schema = `
CREATE TABLE notice_ways (
  account TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE, channel TEXT NOT NULL, kinds TEXT NOT NULL, pace TEXT NOT NULL,
  minute INTEGER NOT NULL, address TEXT NOT NULL, confirmed INTEGER NOT NULL, secret TEXT NOT NULL, made INTEGER NOT NULL,
  first INTEGER NOT NULL, day TEXT NOT NULL, up_to INTEGER NOT NULL, telling TEXT NOT NULL,
  tries INTEGER NOT NULL, next INTEGER NOT NULL, paused INTEGER NOT NULL, trouble TEXT NOT NULL, told INTEGER NOT NULL,
  PRIMARY KEY (account, channel)) STRICT, WITHOUT ROWID;
CREATE TABLE notice_codes (
  account TEXT PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE, address TEXT NOT NULL, code TEXT NOT NULL, ends INTEGER NOT NULL,
  wrong INTEGER NOT NULL, sent INTEGER NOT NULL, tries INTEGER NOT NULL, next INTEGER NOT NULL, day TEXT NOT NULL, asked INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

// ErrNoWay: the person has not set up this channel, or has changed it meanwhile.
var ErrNoWay = errors.New("no such channel")

// Store keeps ways in portal.db. All methods may be called concurrently, also by another process.
type Store struct {
	db     *sql.DB
	now    func() time.Time
	random io.Reader
}

// NewStore takes a database that has Schema. The caller closes it. nil: time.Now, crypto/rand.
func NewStore(db *sql.DB, now func() time.Time, random io.Reader) *Store {
	if now == nil {
		now = time.Now
	}
	if random == nil {
		random = rand.Reader
	}
	return &Store{db: db, now: now, random: random}
}

// Forget takes away all that an account has chosen: it is another person's now.
func Forget(tx *sql.Tx, account string) error {
	for _, table := range []string{"notice_ways", "notice_codes"} {
		if _, err := tx.Exec("DELETE FROM "+table+" WHERE account=?", account); err != nil {
			return fmt.Errorf("couldn't forget choices: %w", err)
		}
	}
	return nil
}

const wayColumns = `w.account, a.org, a.person, a.language, w.channel, w.kinds, w.pace, w.minute, w.address, w.confirmed, w.secret, w.made, w.first, w.day,
	w.up_to, w.telling, w.tries, w.next, w.paused, w.trouble, w.told`

func scanWay(scan func(...any) error) (Way, error) {
	var w Way
	var kinds string
	var confirmed, next, told, first, upTo int64
	err := scan(&w.Account, &w.Org, &w.Person, &w.Language, &w.Channel, &kinds, &w.Pace, &w.Minute, &w.Address, &confirmed, &w.Secret, &w.Set, &first, &w.Day,
		&upTo, &w.Telling, &w.Tries, &next, &w.Paused, &w.Trouble, &told)
	for k := range strings.SplitSeq(kinds, ",") {
		if k != "" {
			w.Kinds = append(w.Kinds, Kind(k))
		}
	}
	w.Confirmed, w.Next, w.Told, w.From, w.UpTo = fromMillis(confirmed), fromMillis(next), fromMillis(told), uint64(first), uint64(upTo)
	return w, err
}

func (s *Store) ways(ctx context.Context, where string, args ...any) ([]Way, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+wayColumns+` FROM notice_ways w JOIN accounts a ON a.id=w.account WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("couldn't read choices: %w", err)
	}
	defer rows.Close()
	var out []Way
	for rows.Next() {
		w, err := scanWay(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("couldn't read choices: %w", err)
		}
		out = append(out, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("couldn't read choices: %w", err)
	}
	return out, nil
}

// Ways are those of one account.
func (s *Store) Ways(ctx context.Context, account string) ([]Way, error) {
	return s.ways(ctx, `w.account=? ORDER BY w.channel`, account)
}

// Live are the ways by which something may be told now, those that have waited longest first. Closed accounts have none.
func (s *Store) Live(ctx context.Context, now time.Time) ([]Way, error) {
	return s.ways(ctx, `a.disabled=0 AND a.person<>'' AND w.paused=0 AND w.pace<>? AND w.next<=? ORDER BY w.next, w.account, w.channel`, string(Never), millis(now))
}

// SetWebhook names the URL of an account's webhook and gives the secret with which its messages are signed: the only time that it is
// told. Notes before from are not told.
func (s *Store) SetWebhook(ctx context.Context, account, address string, from uint64) (secret string, err error) {
	if err := CheckURL(address); err != nil {
		return "", err
	}
	if secret, err = s.newSecret(); err != nil {
		return "", err
	}
	if err := s.tx(ctx, func(tx *sql.Tx) error { return s.put(tx, account, ByWebhook, address, secret, s.now(), from) }); err != nil {
		return "", fmt.Errorf("couldn't keep webhook: %w", err)
	}
	return secret, nil
}

// NewSecret gives the webhook of an account another secret. The one before counts no more.
func (s *Store) NewSecret(ctx context.Context, account string) (string, error) {
	secret, err := s.newSecret()
	if err != nil {
		return "", err
	}
	return secret, s.change(ctx, `UPDATE notice_ways SET secret=? WHERE account=? AND channel=?`, secret, account, string(ByWebhook))
}

// newSecret is of the form of Standard Webhooks: whsec_ and 32 bytes in base64.
func (s *Store) newSecret() (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(s.random, b); err != nil {
		return "", fmt.Errorf("couldn't read randomness: %w", err)
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(b), nil
}

// put sets an address: what was chosen stays, what went wrong with the one before is forgotten. Where nothing was set up before, what was
// not told begins at from.
func (s *Store) put(tx *sql.Tx, account string, channel Channel, address, secret string, confirmed time.Time, from uint64) error {
	usual := Usual()
	_, err := tx.Exec(`INSERT INTO notice_ways (account, channel, kinds, pace, minute, address, confirmed, secret, made, first, day, up_to, telling, tries, next, paused, trouble, told)
		VALUES(?,?,?,?,?,?,?,?,1,?,'',0,'',0,0,0,'',0) ON CONFLICT(account, channel) DO UPDATE SET address=excluded.address, confirmed=excluded.confirmed,
		secret=excluded.secret, made=notice_ways.made+1, tries=0, next=0, paused=0, trouble=''`,
		account, string(channel), joinKinds(usual.Kinds), string(usual.Pace), usual.Minute, address, millis(confirmed), secret, int64(from))
	return err
}

// Choose keeps what a person wants by a channel. Who wanted nothing before begins at from. ErrNoWay.
func (s *Store) Choose(ctx context.Context, account string, channel Channel, c Choice, from uint64) error {
	if err := c.Check(); err != nil {
		return err
	}
	return s.change(ctx, `UPDATE notice_ways SET first=CASE WHEN pace='never' THEN max(first, ?) ELSE first END,
		up_to=CASE WHEN pace='never' THEN 0 ELSE up_to END, telling=CASE WHEN pace='never' THEN '' ELSE telling END,
		kinds=?, pace=?, minute=?, next=CASE WHEN tries=0 THEN 0 ELSE next END WHERE account=? AND channel=?`,
		int64(from), joinKinds(c.Kinds), string(c.Pace), c.Minute, account, string(channel))
}

// Resume tries a paused channel again, at once. ErrNoWay.
func (s *Store) Resume(ctx context.Context, account string, channel Channel) error {
	return s.change(ctx, `UPDATE notice_ways SET paused=0, tries=0, next=0, trouble='' WHERE account=? AND channel=?`, account, string(channel))
}

// Remove forgets a channel with its address.
func (s *Store) Remove(ctx context.Context, account string, channel Channel) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if channel == ByEmail { // how often codes were asked for stays
			if _, err := tx.Exec(`UPDATE notice_codes SET address='', code='', ends=0 WHERE account=?`, account); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`DELETE FROM notice_ways WHERE account=? AND channel=?`, account, string(channel))
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't remove channel: %w", err)
	}
	return nil
}

// Begin keeps what is about to be told, before each try. ErrNoWay: the person has changed the address meanwhile, or the account is closed or
// another person's; tell nothing.
func (s *Store) Begin(ctx context.Context, w Way) error {
	return s.change(ctx, `UPDATE notice_ways SET up_to=?, telling=? WHERE account=? AND channel=? AND made=?
		AND EXISTS (SELECT 1 FROM accounts a WHERE a.id=notice_ways.account AND a.disabled=0 AND a.org=? AND a.person=?)`,
		int64(w.UpTo), w.Telling, w.Account, string(w.Channel), w.Set, w.Org, w.Person)
}

// Settle keeps that what was begun has arrived, and when the next may go. It is the commit point: whoever fails before it tells the same
// again, under the same id. ErrNoWay as Begin.
func (s *Store) Settle(ctx context.Context, w Way, next time.Time) error {
	return s.changeWay(ctx, w, `first=max(first, ?), day=max(day, ?), up_to=0, telling='', tries=0, trouble='', told=?, next=?`,
		int64(after(w)), w.Telling, millis(s.now()), millis(next))
}

// Pass goes past what the person did not want to know, without telling anything. ErrNoWay as Begin.
func (s *Store) Pass(ctx context.Context, w Way) error {
	return s.changeWay(ctx, w, `first=max(first, ?), day=max(day, ?), up_to=0, telling='', tries=0, trouble=''`, int64(after(w)), w.Telling)
}

// after is the first position after what is told.
func after(w Way) uint64 {
	if w.UpTo == 0 {
		return w.From
	}
	return w.UpTo + 1
}

// Failed keeps that a try did not arrive. ErrNoWay as Begin.
func (s *Store) Failed(ctx context.Context, w Way) error {
	return s.changeWay(ctx, w, `tries=?, next=?, paused=?, trouble=?`, w.Tries, millis(w.Next), w.Paused, string(w.Trouble))
}

// Later looks at a way again not before a time. ErrNoWay as Begin.
func (s *Store) Later(ctx context.Context, w Way, next time.Time) error {
	return s.changeWay(ctx, w, `next=?`, millis(next))
}

func (s *Store) changeWay(ctx context.Context, w Way, set string, args ...any) error {
	return s.change(ctx, `UPDATE notice_ways SET `+set+` WHERE account=? AND channel=? AND made=?`, append(args, w.Account, string(w.Channel), w.Set)...)
}

func (s *Store) change(ctx context.Context, text string, args ...any) error {
	res, err := s.db.ExecContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("couldn't keep choices: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("couldn't keep choices: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("couldn't keep choices: %w", ErrNoWay)
	}
	return nil
}

// Standing is how many ways there are and how they do.
type Standing struct {
	Ways    int // of accounts that are open
	Waiting int // something was begun and has not arrived
	Failing int // the last try failed
	Paused  int
}

// Standing counts.
func (s *Store) Standing(ctx context.Context) (Standing, error) {
	var out Standing
	err := s.db.QueryRowContext(ctx, `SELECT count(*), coalesce(sum((w.up_to>0 OR w.telling<>'') AND w.paused=0),0), coalesce(sum(w.tries>0 AND w.paused=0),0), coalesce(sum(w.paused),0)
		FROM notice_ways w JOIN accounts a ON a.id=w.account WHERE a.disabled=0`).Scan(&out.Ways, &out.Waiting, &out.Failing, &out.Paused)
	if err != nil {
		return Standing{}, fmt.Errorf("couldn't count channels: %w", err)
	}
	return out, nil
}

func (s *Store) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func joinKinds(kinds []Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ",")
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
