//go:build unix

package projections

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used: on a shared machine the clock on the wall says little.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
