package translate

import (
	"slices"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// certificatesOf returns the certificate that a virtual host serves.
func certificatesOf(v *ir.VirtualHost) []secretKey {
	if v == nil || !terminates(v.TLS) {
		return nil
	}
	return []secretKey{{name: v.TLS.Certificate}}
}

// fallbackCertificatesOf returns the fallback certificate of a virtual host.
func fallbackCertificatesOf(v *ir.VirtualHost) []secretKey {
	if n := fallbackOf(v); n != (kobj.Name{}) {
		return []secretKey{{name: n}}
	}
	return nil
}

// clustersOf returns each cluster that a virtual host uses, once.
func clustersOf(v *ir.VirtualHost) []ir.Cluster {
	return distinct(v, func(c ir.Cluster) (ir.Cluster, bool) { return c, true })
}

// casOf returns each CA that the clusters of a virtual host trust, once.
func casOf(v *ir.VirtualHost) []secretKey {
	return distinct(v, backendAuthorities)
}

// shownBy returns each certificate that a virtual host shows to backends, once.
func shownBy(v *ir.VirtualHost) []secretKey {
	return distinct(v, func(c ir.Cluster) (secretKey, bool) {
		n := shownTo(c)
		return secretKey{name: n}, n != (kobj.Name{})
	})
}

// endpointsOf returns each set of endpoints of one Service without a port for health checks of the clusters of a virtual host, once.
func endpointsOf(v *ir.VirtualHost) []ir.EndpointKey {
	return distinct(v, func(c ir.Cluster) (ir.EndpointKey, bool) {
		tuning := c.Tuning.Value()
		return c.Endpoints, tuning.Health.Port == "" && tuning.Combined == ir.Combined{}
	})
}

// checkedOf returns each set of endpoints with a port for health checks, once.
func checkedOf(v *ir.VirtualHost) []checkedEndpoints {
	return distinct(v, func(c ir.Cluster) (checkedEndpoints, bool) {
		port := c.Tuning.Value().Health.Port
		return checkedEndpoints{c.Endpoints, port}, port != ""
	})
}

// distinct returns the results of of for the clusters that a virtual host uses, each once, in the order of the routes.
func distinct[K comparable](v *ir.VirtualHost, of func(ir.Cluster) (K, bool)) []K {
	const few = 16 // up to this length, a list is searched faster than a map
	if v == nil {
		return nil
	}
	var all []K
	var seen map[K]bool
	for c := range clusters(v) {
		k, ok := of(*c)
		if !ok || seen[k] || len(all) <= few && slices.Contains(all, k) {
			continue
		}
		if all = append(all, k); len(all) == few+1 {
			seen = make(map[K]bool, 2*len(all))
			for _, k := range all {
				seen[k] = true
			}
		}
		if seen != nil {
			seen[k] = true
		}
	}
	return all
}
