package ref

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// addExternal adds the table of the ExternalName Services whose names are resolved: all that may be used, whether they are or not,
// so that the addresses are known when a route is switched to one.
func (x *Resolver) addExternal(e *memo.Engine) {
	x.external = memo.NewTable(e, memo.Options[kobj.Name, ir.ExternalService]{
		Name: "ref/externalname", Derive: x.deriveExternal, Equal: ir.ExternalService.Equal,
	})
	x.external.Watch()
	memo.DemandFrom(x.store.Services, x.external, func(n kobj.Name, s *corev1.Service) []kobj.Name {
		if s.Spec.Type != corev1.ServiceTypeExternalName {
			return nil
		}
		return []kobj.Name{n}
	})
}

// ChangedExternal returns the Services whose names are to be resolved that changed since the last call.
func (x *Resolver) ChangedExternal() []memo.Change[kobj.Name, ir.ExternalService] {
	return x.external.Changes()
}

func (x *Resolver) deriveExternal(r *memo.Reader, n kobj.Name) ir.ExternalService {
	svc, ok := x.store.Services.Get(r, n)
	if !ok || svc.Spec.Type != corev1.ServiceTypeExternalName {
		return ir.ExternalService{}
	}
	host, failure := x.externalHost(r, n, svc)
	if failure != nil {
		return ir.ExternalService{}
	}
	out := ir.ExternalService{Host: host}
	for i := range svc.Spec.Ports {
		if p := &svc.Spec.Ports[i]; tcp(p) {
			out.Ports = append(out.Ports, ir.NamedPort{Name: p.Name, Number: p.Port})
		}
	}
	return out
}

// externalHost returns the name of an ExternalName Service, if it may be used.
func (x *Resolver) externalHost(r *memo.Reader, n kobj.Name, svc *corev1.Service) (string, *Failure) {
	if !x.store.Settings.Names.Get(r).ExternalServices {
		return "", failure(NotPermitted, "Service %q is of type ExternalName, which is not enabled.", n)
	}
	host := strings.ToLower(strings.TrimSuffix(svc.Spec.ExternalName, "."))
	rules := x.store.Settings.Endpoints.Get(r)
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && !permittedAddress(ip, rules):
		return "", failure(NotPermitted, "Service %q is of type ExternalName and has the address %s, which is not permitted.", n, host)
	case err == nil:
	case !isName(host):
		return "", failure(Invalid, "Service %q is of type ExternalName, and its externalName is not a DNS name.", n)
	case isLocalhost(host) && !rules.Loopback:
		return "", failure(NotPermitted, "Service %q is of type ExternalName and has the name %q, which is that of the machine of Envoy.", n, host)
	}
	return host, nil
}

// permittedAddress reports whether an address may be an externalName: early, for the status; package endpoint checks all addresses.
func permittedAddress(ip netip.Addr, rules ir.EndpointSettings) bool {
	local := ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.Is4In6() || ip.Zone() != ""
	denied := slices.ContainsFunc(rules.Denied, func(r netip.Prefix) bool { return r.Contains(ip) })
	return !local && !denied && (rules.Loopback || !ip.IsLoopback())
}

// isLocalhost reports whether a name is known to be that of the machine that resolves it. Addresses are checked in any case; this
// is for a clear status.
func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "localhost.localdomain" || host == "local.projectcontour.io"
}

// isName reports whether a text can be a DNS name. The API server validates more; a directory has none.
func isName(host string) bool {
	const longest = 253
	return host != "" && len(host) <= longest && !strings.Contains(host, "..") && host[0] != '.' &&
		!strings.ContainsFunc(host, func(c rune) bool {
			return c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z')
		})
}

// unresolved returns why the name of an ExternalName Service has no addresses, or not its newest; "" if it has, or before the
// first attempt.
func (x *Resolver) unresolved(r *memo.Reader, n kobj.Name) string {
	for _, s := range x.store.SlicesOf(r, n) {
		if problem := s.Annotations[kind.UnresolvedAnnotation]; problem != "" {
			return problem
		}
	}
	return ""
}
