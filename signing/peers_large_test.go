//go:build peers

package signing_test

import "testing"

// TestPackageOf500MB is here because it takes seconds.
func TestPackageOf500MB(t *testing.T) { verifyLarge(t, 500<<20) }
