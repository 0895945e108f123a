//go:build unix

package gateway

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeBytes is the space that an ordinary process may still use on the disk of dir.
func freeBytes(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("couldn't stat the disk of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
