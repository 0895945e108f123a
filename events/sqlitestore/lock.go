package sqlitestore

import (
	"fmt"
	"io"
)

// LockFolder keeps any store from being opened in dir until it is closed: for programs that change what lies beside the
// record, views for one, while no node runs. ErrLocked if one does.
func LockFolder(dir string) (io.Closer, error) {
	f, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't lock %s: %w", dir, err)
	}
	return f, nil
}
