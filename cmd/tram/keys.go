package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
)

// nodeKeys is everything secret or certified that a node runs on. log, node and chain are those of the start: the record is
// sealed with them until the node is restarted. Whatever else signs asks ring, which may be reloaded.
type nodeKeys struct {
	ring   *keystore.Keyring
	tokens *keystore.Tokens
	leases []*keystore.Lease // of log and node

	log, node crypto.Signer
	logNext   []crypto.Signer     // keys that may follow log
	chain     []*x509.Certificate // of the node certificate, its own first
	trust     *signing.Trust      // of the trust folder
	admins    []*x509.Certificate
}

// pinned are the digests of the administrators' certificates.
func (k *nodeKeys) pinned() []events.Digest {
	out := make([]events.Digest, len(k.admins))
	for i, c := range k.admins {
		out[i] = events.Digest(signing.Fingerprint(c))
	}
	return out
}

// close gives the keys back.
func (k *nodeKeys) close() error {
	for _, l := range k.leases {
		l.Release()
	}
	return errors.Join(k.ring.Close(), k.tokens.Close())
}

func loadKeys(c *Config) (_ *nodeKeys, err error) {
	k := &nodeKeys{tokens: keystore.NewTokens()}
	entries, err := c.keyEntries()
	if err != nil {
		return nil, err
	}
	o, err := c.keyOptions(k.tokens)
	if err != nil {
		return nil, err
	}
	opening, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if k.ring, err = keystore.NewKeyring(opening, entries, keystore.RingOptions{Open: o}); err != nil {
		return nil, errors.Join(err, k.tokens.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	now := time.Now()
	logKey, err := k.lease(keystore.Log, now)
	if err != nil {
		return nil, err
	}
	nodeKey, err := k.lease(keystore.Node, now)
	if err != nil {
		return nil, err
	}
	k.log, k.node, k.chain = logKey.Signer, nodeKey.Signer, nodeKey.Chain
	if c.LogKeyNext != "" {
		next, err := k.leaseOf(keystore.Log, holderNext, now)
		if err != nil {
			return nil, err
		}
		k.logNext = append(k.logNext, next.Signer)
	}
	if k.trust, err = signing.LoadTrust(c.path(c.Trust), c.Trial); err != nil {
		return nil, err
	}
	for _, a := range c.Administrators {
		certs, err := signing.LoadCertificates(c.path(a))
		if err != nil {
			return nil, err
		}
		k.admins = append(k.admins, certs[0])
	}
	return k, nil
}

// lease takes a key for as long as the node runs.
func (k *nodeKeys) lease(p keystore.Purpose, at time.Time) (*keystore.Lease, error) {
	return k.leaseOf(p, "", k.usable(p, at))
}

func (k *nodeKeys) leaseOf(p keystore.Purpose, holder string, at time.Time) (*keystore.Lease, error) {
	l, err := k.ring.For(p, holder, at)
	if err != nil {
		return nil, err
	}
	k.leases = append(k.leases, l)
	return l, nil
}

// usable is the time to ask the ring for a key of the node: now, or, when all its certificates have ended, the end of the last
// one. A node with an ended certificate goes on recording and answering; its health says what is wrong.
func (k *nodeKeys) usable(p keystore.Purpose, at time.Time) time.Time {
	var last time.Time
	for _, i := range k.ring.List(at) {
		if i.Purpose != p || i.Holder != "" || i.Standing == keystore.Broken {
			continue
		}
		if i.Standing == keystore.Active {
			return at
		}
		if i.Standing == keystore.Ended && i.NotAfter.After(last) {
			last = i.NotAfter
		}
	}
	if last.IsZero() {
		return at
	}
	return last
}

// parseDigest reads 64 hex digits.
func parseDigest(s string) (events.Digest, error) {
	d, err := events.ParseDigest(strings.ToLower(s)) // people paste either case
	if err != nil {
		return d, fmt.Errorf("couldn't read digest %q: want 64 hex digits", s)
	}
	return d, nil
}

// exists tells whether a file is there; another error than "not there" is one.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// readKey reads what the --key of a check names: a file, or a verifier key itself, which fits on a line.
func readKey(arg string) (ledger.Key, error) {
	b, err := os.ReadFile(arg)
	if err != nil {
		if key, bad := ledger.ParseKey([]byte(arg)); bad == nil {
			return key, nil
		}
		return ledger.Key{}, fmt.Errorf("couldn't read key: %w", err)
	}
	return ledger.ParseKey(b)
}

// dataFolder accepts a data folder or the folder of a node with the data below it.
func dataFolder(dir string) (string, error) {
	data, err := anyDataFolder(dir)
	if err != nil {
		return "", err
	}
	return data, refuseElsewhere(data)
}

// anyDataFolder is dataFolder for who can use a record that went on in a cluster since.
func anyDataFolder(dir string) (string, error) {
	here, err := exists(filepath.Join(dir, "events.db"))
	if err != nil || here {
		return dir, err
	}
	below := filepath.Join(dir, "data")
	there, err := exists(filepath.Join(below, "events.db"))
	if err != nil {
		return "", err
	}
	if there {
		return below, nil
	}
	for _, data := range []string{dir, below} {
		if err := refuseElsewhere(data); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("couldn't find a record in %s: no events.db there or in its data folder", dir)
}

// logVerifierKey is the public side of the log key, as signed notes write it.
func (k *nodeKeys) logVerifierKey(origin string) (string, error) {
	pub, ok := k.log.Public().(ed25519.PublicKey)
	if !ok {
		return "", fmt.Errorf("couldn't use log key: %T, expected Ed25519", k.log.Public())
	}
	return ledger.LogKey(origin, pub)
}
