package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// receiptKey say by what key receipts are checked.
type receiptKey struct{ key, history string }

func (f *receiptKey) register(fs *pflag.FlagSet) {
	fs.StringVarP(&f.key, "key", "k", "", "verifier key or certificate (required)")
	fs.StringVar(&f.history, "key-history", "", "history of the log's keys, to lead on from --key")
}

func (f *receiptKey) read() (ledger.Key, error) {
	k, err := readKey(f.key)
	if err != nil {
		return ledger.Key{}, err
	}
	return followHistory(k, f.history)
}

// followPublished leads on from a key by the history that a log publishes, which need not be trusted. A log whose key was never rotated has none.
func followPublished(key ledger.Key, log tiles.Reader) (ledger.Key, error) {
	b, err := log.ReadFile(tiles.KeyHistoryPath, maxKeyHistory)
	if errors.Is(err, fs.ErrNotExist) {
		return key, nil
	}
	if err != nil {
		return key, err
	}
	h, err := ledger.ParseKeyHistory(b)
	if err != nil {
		return key, err
	}
	return key.Follow(h.Rotations)
}

const maxKeyHistory = 1 << 20

// hintRotated says what to try when the key that is known has signed nothing.
func hintRotated(err error) error {
	if none := new(note.UnverifiedNoteError); errors.As(err, &none) {
		return fmt.Errorf("%w: this key has not signed it. If the log's key was rotated since, give the history of its keys too (--key-history FILE; the log publishes it as key-history)", err)
	}
	return err
}

// publishedFiles finds a published log: at an address, in a mirror's folder, or in that of a node.
func publishedFiles(ctx context.Context, where, ca string) (tiles.Reader, func(), error) {
	if !strings.Contains(where, "://") {
		for _, dir := range []string{where, filepath.Join(where, logFolder), filepath.Join(where, "data", logFolder)} {
			if there, err := exists(filepath.Join(dir, tiles.CheckpointPath)); err != nil || there {
				return tiles.OSFiles(dir), func() {}, err
			}
		}
		return nil, nil, fmt.Errorf("couldn't find a published log in %s: no checkpoint there", where)
	}
	u, err := url.Parse(where)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, nil, fmt.Errorf("couldn't use address of log %q: want https://…/log", where)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = strings.TrimSuffix(logPrefix, "/")
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, nil, fmt.Errorf("couldn't read authority: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("couldn't read authority: no certificate in %s", ca)
		}
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, ForceAttemptHTTP2: true, ResponseHeaderTimeout: time.Minute}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	return tiles.Remote(ctx, &http.Client{Transport: t}, u.String()), func() { cancel(); t.CloseIdleConnections() }, nil
}
