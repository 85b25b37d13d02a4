package validate

import "testing"

func TestAddressRange(t *testing.T) {
	for s, want := range map[string]string{
		"10.1.2.3": "10.1.2.3/32", "10.1.2.3/8": "10.0.0.0/8", "0.0.0.0/0": "0.0.0.0/0", "fd00::1": "fd00::1/128", "FD00::1/8": "fd00::/8",
		"::/0": "::/0", "::ffff:10.1.2.3": "10.1.2.3/32", "::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:0:0/96": "0.0.0.0/0", "::ffff:0:0/90": "::ffc0:0:0/90",
		"": "", "10.0.0": "", "10.0.0.0/33": "", "10.0.0.0/-1": "", "10.0.0.0/8/8": "", "fe80::1%eth0": "", "fe80::1%eth0/64": "", "example.com": "", " 10.0.0.1": "",
	} {
		p, problem := AddressRange(s)
		got := p.String()
		if problem != "" {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q (%s), want %q", s, got, problem, want)
		}
	}
}

func TestRateLimitCode(t *testing.T) {
	for code, valid := range map[uint32]bool{0: false, 200: false, 399: false, 400: true, 418: false, 429: true, 431: true, 451: false, 500: true, 509: false, 511: true, 599: false} {
		if got := RateLimitCode(code) == ""; got != valid {
			t.Errorf("%d is valid: %t, want %t", code, got, valid)
		}
	}
}
