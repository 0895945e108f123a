//go:build !unix

package projections

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
