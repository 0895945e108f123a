package keystore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret bounds a PIN, password or token, in bytes.
const maxSecret = 8192

// ErrSecretReadable: a file with a key or a secret can be read by others. Run chmod 600 on it.
var ErrSecretReadable = errors.New("others can read it; run chmod 600 on it")

// ReadSecret reads a PIN, password or token from its source: "file:PATH" (or a bare path), a file that only its owner can
// read, or "env:NAME". A line break at the end is no part of it. Relative paths are relative to base; getenv nil: os.Getenv.
// The secret is never part of an error.
func ReadSecret(source, base string, getenv func(string) string) (string, error) {
	if name, ok := strings.CutPrefix(source, "env:"); ok {
		if getenv == nil {
			getenv = os.Getenv
		}
		v := getenv(name)
		if v == "" || len(v) > maxSecret {
			return "", fmt.Errorf("couldn't read secret: environment variable %q is not set, or longer than %d bytes", name, maxSecret)
		}
		return v, nil
	}
	path := resolve(base, strings.TrimPrefix(source, "file:"))
	if path == "" || strings.HasPrefix(path, "|") {
		return "", errors.New("couldn't read secret: want file:PATH or env:NAME")
	}
	b, err := readSecretFile(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("couldn't read secret: %w", err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return "", fmt.Errorf("couldn't read secret: %s is empty", path)
	}
	return s, nil
}

// readSecretFile reads a file of at most limit bytes that nobody but its owner can read. Mode and content are of the
// same open file.
func readSecretFile(path string, limit int64) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	if mode := st.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %v: %w", path, mode, ErrSecretReadable)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, nil
}
