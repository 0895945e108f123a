// Package disk tells how much room a disk has.
package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free is the space that an ordinary process may still use on the disk of dir.
func Free(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("couldn't stat the disk of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
