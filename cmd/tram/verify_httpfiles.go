package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// httpFiles are the files of a published log at an address. Full tiles and bundles never change and are kept in cache, if there is one;
// what is kept is proved again each time.
type httpFiles struct {
	ctx    context.Context
	client *client
	cache  string
	kept   bool // something was taken from cache
	anew   bool // take nothing from it
	count  int64
	told   func(n int64)
}

// maxLogFile is longer than every file of a published log: the key history may be the longest.
const maxLogFile = 1<<20 + 1

// Open implements fs.FS.
func (f *httpFiles) Open(name string) (fs.File, error) {
	b, err := f.read(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &httpFile{bytes.NewReader(b), name}, nil
}

func (f *httpFiles) read(name string) ([]byte, error) {
	t, err := tiles.ParsePath(name)
	keep := f.cache != "" && err == nil && t.Width == tiles.Width
	if keep && !f.anew {
		if b, err := os.ReadFile(filepath.Join(f.cache, filepath.FromSlash(name))); err == nil {
			f.kept = true
			return b, nil
		}
	}
	resp, err := f.client.do(f.ctx, http.MethodGet, logPrefix+name, nil, nil, 0, "", "")
	var status *httpStatusError
	if errors.As(err, &status) && status.code == http.StatusNotFound {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxLogFile))
	if err != nil {
		return nil, fmt.Errorf("couldn't fetch %s: %w", name, err)
	}
	if f.count++; f.told != nil {
		f.told(f.count)
	}
	if keep {
		return b, f.store(name, b)
	}
	return b, nil
}

func (f *httpFiles) store(name string, b []byte) error {
	path := filepath.Join(f.cache, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path+".new", b, 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("couldn't keep tile: %w", err)
	}
	return nil
}

type httpFile struct {
	*bytes.Reader
	name string
}

func (f *httpFile) Close() error               { return nil }
func (f *httpFile) Stat() (fs.FileInfo, error) { return httpInfo{f}, nil }

type httpInfo struct{ f *httpFile }

func (i httpInfo) Name() string       { return filepath.Base(i.f.name) }
func (i httpInfo) Size() int64        { return i.f.Reader.Size() }
func (i httpInfo) Mode() fs.FileMode  { return 0o444 }
func (i httpInfo) ModTime() time.Time { return time.Time{} }
func (i httpInfo) IsDir() bool        { return false }
func (i httpInfo) Sys() any           { return nil }
