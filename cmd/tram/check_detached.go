package main

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/tram-exchange/tram/signing"
)

// detachedFolder has the files that signatures refer to outside the document. Nothing outside the folder can be reached: os.Root sees to it.
type detachedFolder struct {
	root *os.Root
	mu   sync.Mutex
	open []*os.File
}

// maxDetached bounds the files that one document can have opened.
const maxDetached = 256

func openDetached(dir string) (*detachedFolder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't open folder of detached files: %w", err)
	}
	return &detachedFolder{root: root}, nil
}

// find resolves the name of a file, or what follows cid:.
func (d *detachedFolder) find(uri string) (signing.Source, bool) {
	name := strings.TrimPrefix(uri, "cid:")
	if u, err := url.PathUnescape(name); err == nil {
		name = u
	}
	name = path.Clean(strings.TrimPrefix(name, "./"))
	if !fs.ValidPath(name) {
		return nil, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.open) >= maxDetached {
		return nil, false
	}
	st, err := d.root.Stat(name) // before opening: opening a pipe would wait
	if err != nil || !st.Mode().IsRegular() {
		return nil, false
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, false
	}
	d.open = append(d.open, f)
	return detachedFile{f, st.Size()}, true
}

type detachedFile struct {
	*os.File
	size int64
}

// Size implements signing.Source.
func (f detachedFile) Size() int64 { return f.size }

func (d *detachedFolder) close() {
	for _, f := range d.open {
		f.Close()
	}
	d.root.Close()
}
