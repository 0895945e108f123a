package portal

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// Lockout says how failed sign-ins slow down the next ones.
//
// Failures are counted against the name typed (whether it exists or not) and against the address they come from.
// After the free ones each further failure closes the door for a delay that doubles up to Longest: nobody is shut
// out for good. A device on which the person has signed in before is known by a cookie and has a counter of its own,
// so strangers who fail on a clerk's name, even for ever, do not keep the clerk out at the usual desk. Names and
// addresses are kept as hashes (people type passwords into the wrong field) and forgotten after Forget.
type Lockout struct {
	PerName    int           // free failures per name, and per known device
	PerAddress int           // free failures per address (IPv6: per /64)
	First      time.Duration // first delay
	Longest    time.Duration // longest delay
	Forget     time.Duration // failures older than this do not count
	Rows       int           // counters kept at most; the oldest go first
}

// DefaultLockout: five tries, then 30 s, 1 min, 2 min … 15 min.
var DefaultLockout = Lockout{PerName: 5, PerAddress: 30, First: 30 * time.Second, Longest: 15 * time.Minute,
	Forget: 24 * time.Hour, Rows: 100_000}

// LockedError: the door is closed for this name, device or address until then; the password was not looked at.
type LockedError struct{ Until time.Time }

func (e *LockedError) Error() string {
	return "couldn't sign in: too many failed tries, closed until " + e.Until.UTC().Format(time.RFC3339)
}

// tidyCounter lets every 64th attempt clear old counters away.
type tidyCounter struct{ n atomic.Uint64 }

type counter struct {
	key   []byte
	free  int
	count int       // before this attempt
	until time.Time // before this attempt
	last  time.Time // before this attempt
}

func failureKey(kind, value string) []byte {
	sum := sha256.Sum256([]byte("tram portal failure v1\n" + kind + "\n" + value))
	return sum[:]
}

// addressKey takes an IPv4 address whole and an IPv6 address by its /64, which one household or office has.
func addressKey(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// counters of an attempt: a known device stands for itself, anything else for the name and the address.
func (l Lockout) counters(name, address string, device []byte) []counter {
	if device != nil {
		return []counter{{key: failureKey("device", string(device)), free: l.PerName}}
	}
	return []counter{{key: failureKey("name", name), free: l.PerName},
		{key: failureKey("address", addressKey(address)), free: l.PerAddress}}
}

func (l Lockout) delay(count, free int) time.Duration {
	if count < free {
		return 0
	}
	d := l.First
	for i := free; i < count && d < l.Longest; i++ {
		d *= 2
	}
	return min(d, l.Longest)
}

// reserve counts the attempt as failed before the password is looked at, so that many at once are no way around.
// *LockedError when any counter is closed; then nothing is counted.
func (l Lockout) reserve(tx *sql.Tx, now time.Time, cs []counter) error {
	for i := range cs {
		c := &cs[i]
		var last, until int64
		err := tx.QueryRow(`SELECT count, last, until FROM failures WHERE key=?`, c.key).Scan(&c.count, &last, &until)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("couldn't read failed sign-ins: %w", err)
		}
		c.last, c.until = fromMillis(last), fromMillis(until)
		if now.Before(c.until) {
			return &LockedError{Until: c.until}
		}
		if now.Sub(c.last) > l.Forget {
			c.count = 0
		}
	}
	for _, c := range cs {
		until := time.Time{}
		if d := l.delay(c.count+1, c.free); d > 0 {
			until = now.Add(d)
		}
		if _, err := tx.Exec(`INSERT INTO failures VALUES(?,?,?,?) ON CONFLICT(key) DO UPDATE SET count=excluded.count, last=excluded.last, until=excluded.until`,
			c.key, c.count+1, millis(now), millis(until)); err != nil {
			return fmt.Errorf("couldn't count sign-in: %w", err)
		}
	}
	return nil
}

// release takes an attempt back: a right password clears the counter of the name or device, while the address
// only loses this attempt (an attacker with one account of his own must not clear his address with it).
func (l Lockout) release(tx *sql.Tx, cs []counter, right bool) error {
	for i, c := range cs {
		var err error
		if right && i == 0 {
			_, err = tx.Exec(`DELETE FROM failures WHERE key=?`, c.key)
		} else {
			_, err = tx.Exec(`UPDATE failures SET count=max(count-1,0), until=? WHERE key=?`, millis(c.until), c.key)
		}
		if err != nil {
			return fmt.Errorf("couldn't count sign-in: %w", err)
		}
	}
	return nil
}

func (l Lockout) tidy(tx *sql.Tx, now time.Time) error {
	if _, err := tx.Exec(`DELETE FROM failures WHERE last < ?`, millis(now.Add(-l.Forget))); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM failures WHERE key IN (SELECT key FROM failures ORDER BY last DESC LIMIT -1 OFFSET ?)`, l.Rows)
	return err
}
