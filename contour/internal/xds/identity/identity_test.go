package identity_test

import (
	"crypto/x509"
	"net/url"
	"testing"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/identity"
)

func TestFleet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		uris  []string
		fleet ir.Fleet
		fails bool
	}{
		"no URI":                     {nil, ir.DefaultFleet, false},
		"a URI of something else":    {[]string{"https://example.com/fleet/a"}, ir.DefaultFleet, false},
		"another workload":           {[]string{"spiffe://cluster.local/ns/a/sa/b"}, "", true},
		"a misspelled path":          {[]string{"spiffe://projectcontour/fleets/a"}, "", true},
		"a fleet":                    {[]string{"spiffe://projectcontour/fleet/a"}, "a", false},
		"a fleet with a slash":       {[]string{"spiffe://projectcontour/fleet/team/gateway"}, "team/gateway", false},
		"a fleet and something else": {[]string{"spiffe://x/y", "spiffe://projectcontour/fleet/a"}, "a", false},
		"the same fleet twice":       {[]string{"spiffe://x/fleet/a", "spiffe://y/fleet/a"}, "a", false},
		"two fleets":                 {[]string{"spiffe://x/fleet/a", "spiffe://x/fleet/b"}, "", true},
		"the default one and a":      {[]string{"spiffe://x/fleet/default", "spiffe://x/fleet/a"}, "", true},
		"an empty name":              {[]string{"spiffe://x/fleet/"}, "", true},
	} {
		cert := &x509.Certificate{}
		for _, text := range c.uris {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			cert.URIs = append(cert.URIs, u)
		}
		if got, err := identity.Fleet(cert); got != c.fleet || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestURIIsRead(t *testing.T) {
	t.Parallel()
	for _, f := range []ir.Fleet{"a", "team/gateway", ir.DefaultFleet, "a b%"} {
		u, err := url.Parse(identity.URI("projectcontour", f).String())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := identity.Fleet(&x509.Certificate{URIs: []*url.URL{u}}); got != f || err != nil {
			t.Errorf("%q becomes %q: %v", f, got, err)
		}
	}
}
