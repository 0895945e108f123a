package revocation

import (
	"context"
	"math/big"
	"net/http"
	"time"
)

// Entry is an entry of a CRL as tests see it.
type Entry struct {
	At      time.Time
	Reason  int
	Invalid time.Time
}

// ParsedCRL gives tests the index of a CRL.
type ParsedCRL struct{ l *list }

func ParseCRL(der []byte) (ParsedCRL, error) {
	l, err := parseCRL(der)
	return ParsedCRL{l}, err
}

func (p ParsedCRL) Len() int { return len(p.l.index) }

func (p ParsedCRL) Lookup(serial *big.Int) (Entry, bool) {
	e, ok := p.l.lookup(serialOf(serial))
	return Entry{e.at, e.reason, e.invalid}, ok
}

func (p ParsedCRL) Unusable() error { return p.l.unusable }

func Prune(dir string, limit int) error { return prune(dir, limit) }

// Dial connects as the client for these options does, past the check of the URL.
func Dial(ctx context.Context, o OnlineOptions, address string) error {
	conn, err := boundedClient(o).Transport.(*http.Transport).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
