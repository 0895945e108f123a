package publicaddr

import (
	"errors"
	"net/netip"
	"testing"
)

func TestIs(t *testing.T) {
	for a, want := range map[string]bool{"8.8.8.8": true, "2001:4860::1": true, "127.0.0.1": false, "10.1.2.3": false, "192.168.1.1": false, "172.16.0.1": false, "169.254.1.1": false, "100.64.0.1": false,
		"0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "::": false, "::1": false, "fe80::1": false, "fc00::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false} {
		if got := Is(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: public %v, want %v", a, got, want)
		}
	}
}

func TestControl(t *testing.T) {
	for address, want := range map[string]bool{"8.8.8.8:443": true, "127.0.0.1:443": false, "[::1]:443": false, "[fe80::1%eth0]:443": false, "ten.example:443": false, "": false} {
		if err := Control("tcp", address, nil); (err == nil) != want || err != nil && !errors.Is(err, ErrPrivate) {
			t.Errorf("%q: %v, want it let through: %v", address, err, want)
		}
	}
}
