// Package publicaddr says which network addresses a stranger may make this node connect to. Where a URL comes from outside, it is asked
// at dial time, after the name was resolved, so that a name cannot lead elsewhere the second time.
package publicaddr

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrPrivate is returned where a connection would lead to an address that is not public: into the node itself or its own network.
var ErrPrivate = errors.New("address is not public")

// special are ranges that are not public and that netip has no question for.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

// Is reports whether an address is public.
func Is(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Control is a net.Dialer's Control that connects to public addresses only.
func Control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !Is(ap.Addr().WithZone("")) {
		return fmt.Errorf("couldn't connect to %s: %w", address, ErrPrivate)
	}
	return nil
}
