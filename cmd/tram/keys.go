package main

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/signing"
)

// loadSecretKey is signing.LoadKey for keys of a node: a file that others may read is refused.
func loadSecretKey(path string) (crypto.Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("couldn't use key %s: its mode is %v; run chmod 600 on it", path, mode)
	}
	return signing.LoadKey(path)
}

// nodeKeys is everything secret or certified that a node runs on.
type nodeKeys struct {
	log, node crypto.Signer
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

func loadKeys(c *Config) (*nodeKeys, error) {
	k := &nodeKeys{}
	var err error
	if k.log, err = loadSecretKey(c.path(c.LogKey)); err != nil {
		return nil, err
	}
	if k.node, err = loadSecretKey(c.path(c.NodeKey)); err != nil {
		return nil, err
	}
	if k.chain, err = signing.LoadCertificates(c.path(c.NodeChain)); err != nil {
		return nil, err
	}
	if !signing.KeyFits(k.node, k.chain[0]) {
		return nil, fmt.Errorf("couldn't use node certificate: %s isn't for the key %s", c.NodeChain, c.NodeKey)
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
	return "", fmt.Errorf("couldn't find a record in %s: no events.db there or in its data folder", dir)
}
