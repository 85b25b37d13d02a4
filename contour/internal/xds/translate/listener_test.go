package translate

import (
	"testing"

	"contour.example/contour/internal/ir"
)

func TestUnspecifiedIPv6AddressIncludesIPv4(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{"::": true, "0:0::0": true, "::1": false, "0.0.0.0": false} {
		if got := socketAddress(&ir.Listener{Port: 80}, ip).GetSocketAddress().GetIpv4Compat(); got != want {
			t.Errorf("%s: ipv4_compat is %t, want %t", ip, got, want)
		}
	}
}
