package translate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// Names that do not depend on user objects.
const (
	adminName           = "envoy-admin"     // the cluster of the admin interface in Envoy's bootstrap
	misdirectedHostName = "misdirected/421" // not a hostname, which has no slash
	// anyConnection is the part of a listener without hostnames.
	anyConnection  = "connections"
	unresolvedName = "unresolved"   // a cluster that does not exist: names of others contain a slash
	scopesName     = "ingress_http" // of the scopes of all listeners, in the statistics of Envoy
)

// routeTable returns the name of the RouteConfiguration of a TLS host; for HTTP hosts see shard.
func routeTable(k ir.HostKey) string { return tlsTables(k.Listener) + k.Hostname }

// tlsTables returns the prefix of the names of the route tables of a listener's TLS hosts: the shortened name of the
// listener.
func tlsTables(l ir.ListenerKey) string { return strings.TrimPrefix(l.Name, classicPrefix) + "/" }

// classicPrefix is the prefix of the names of the listeners that always exist.
const classicPrefix = "ingress_"

// notServerName is what no server name contains: a server name with such a byte ends the handshake. With certificates on
// demand Envoy asks for a secret by whatever server name a client sends, so that every other secret has it in its name: a
// client gets no certificate by the name of its Secret, and no CA bundle in the place of a certificate, which Envoy would
// reject.
const notServerName = "\x00"

// certificateName returns the name of a serving certificate in SDS. It does not depend on the content: a rotated
// certificate is a new version of the same secret.
func certificateName(n kobj.Name) string { return n.String() + notServerName }

// caName returns the name of a CA bundle in SDS.
func caName(n kobj.Name) string { return "ca/" + n.Namespace + "/" + n.Name + notServerName }

// validationName returns the name of a CA bundle with revocation lists, if there are any, in SDS.
func validationName(k secretKey) string {
	switch {
	case k.configMap:
		return "ca/configmap/" + k.name.String() + notServerName
	case k.crl == (kobj.Name{}):
		return caName(k.name)
	}
	return "ca/" + k.name.Namespace + "/" + k.name.Name + "/crl/" + k.crl.Namespace + "/" + k.crl.Name + notServerName
}

// endpointName returns the name of a set of endpoints in EDS.
func endpointName(k ir.EndpointKey) string {
	if k.Port == "" {
		return k.Service.String()
	}
	return k.Service.String() + "/" + k.Port
}

// endpointNameOf returns the name of the endpoints of the cluster. Those with a port of their own for health checks are
// another resource; no name of a port contains a colon.
func endpointNameOf(c ir.Cluster) string {
	if k := c.Tuning.Value().Combined; k != (ir.Combined{}) {
		return combinedName(k)
	}
	return checkedName(checkedEndpoints{c.Endpoints, c.Tuning.Value().Health.Port})
}

// combinedName returns the name of the endpoints of several Services in EDS: no namespace has a colon.
func combinedName(k ir.Combined) string {
	id := []string{string(k.Origin.Kind), k.Origin.Namespace, k.Origin.Name.Name, decimal(uint32(k.Rule)), string(k.Services)}
	parts := cut(clusterNameSize-clusterHashSize-1, "sessions:"+k.Origin.Namespace, k.Origin.Name.Name, decimal(uint32(k.Rule)))
	return strings.Join(append(parts, hash(clusterHashSize, id...)), "/")
}

func checkedName(k checkedEndpoints) string {
	name := endpointName(k.EndpointKey)
	if k.checked != "" {
		name += ":" + k.checked
	}
	return name
}

// Sizes of cluster names, in bytes: every subscription contains the names, and the hash alone must distinguish clusters.
const (
	clusterNameSize = 60
	clusterHashSize = 16
)

// clusterName returns the name of a cluster: the Service and port for users, and a hash of the whole value.
func clusterName(c ir.Cluster) string {
	parts := cut(clusterNameSize-clusterHashSize-1, c.Endpoints.Service.Namespace, c.Endpoints.Service.Name, decimal(c.Port))
	return strings.Join(append(parts, hash(clusterHashSize, identity(c)...)), "/")
}

// backendName returns the name of the cluster of a backend. No cluster has the name of one that is unresolved.
func backendName(e *encoder, b ir.Backend) string {
	if b.Unresolved {
		return unresolvedName
	}
	return e.cluster(b.Cluster)
}

// identity returns the values that distinguish clusters.
func identity(c ir.Cluster) []string {
	tuning := c.Tuning.Value()
	id := []string{
		c.Endpoints.Service.Namespace, c.Endpoints.Service.Name, c.Endpoints.Port, decimal(c.Port),
		decimal(c.Protocol), c.SNI, tuning.Idle.Duration.String(), strconv.FormatBool(tuning.Idle.Disabled),
	}
	if t := tuningIdentity(tuning); t != "" {
		id = append(id, t)
	}
	if c.TLS != (ir.UpstreamTLS{}) {
		id = append(append(id, "tls", c.TLS.CA.Namespace, c.TLS.CA.Name), c.TLS.Names.Items()...)
	}
	return id
}

// tuningIdentity returns the values that distinguish clusters by the rare settings as one text, "" if none is set. What is not
// set adds nothing, so that a new setting renames no other cluster.
func tuningIdentity(t ir.Tuning) string {
	var id []string
	if t.Balancing != ir.BalanceRoundRobin {
		id = append(id, "balancing", decimal(t.Balancing))
	}
	if s := t.SlowStart; s != (ir.SlowStart{}) {
		aggression := strconv.FormatFloat(s.Aggression, 'g', -1, 64)
		id = append(id, "slow start", s.Window.String(), aggression, decimal(s.MinWeight))
	}
	if h := t.Health; h != (ir.HealthCheck{}) {
		id = append(
			id, "health", decimal(h.Kind), h.Interval.String(), h.Timeout.String(), decimal(h.Healthy), decimal(h.Unhealthy),
			h.Port, h.Path, h.Host, h.Statuses.String(),
		)
	}
	if n := t.ClientCertificate; n != (kobj.Name{}) {
		id = append(id, "client certificate", n.Namespace, n.Name)
	}
	if a := t.Authorities; a != (ir.Authorities{}) {
		id = append(id, "authorities", strconv.FormatBool(a.ConfigMap), strconv.FormatBool(a.System), string(a.URIs))
	}
	if c := t.Combined; c != (ir.Combined{}) {
		id = append(id, "combined", string(c.Origin.Kind), c.Origin.Namespace, c.Origin.Name.Name, decimal(uint32(c.Rule)), string(c.Services))
	}
	if t.FollowRedirects {
		id = append(id, "redirects")
	}
	return string(ir.NewList(id...))
}

// clusterStats returns the name of a cluster in statistics: one for all clusters of a Service port, or of a rule whose Services are combined.
func clusterStats(c ir.Cluster) string {
	if k := c.Tuning.Value().Combined; k != (ir.Combined{}) {
		return combinedStats(k)
	}
	return strings.Join([]string{c.Endpoints.Service.Namespace, c.Endpoints.Service.Name, decimal(c.Port)}, "_")
}

// extensionName returns the name of a cluster that Envoy itself calls.
func extensionName(c ir.ExtensionCluster) string {
	id := append([]string{
		"extension", c.Object.Namespace, c.Object.Name, decimal(c.Protocol), c.SNI, c.Idle.Duration.String(),
		strconv.FormatBool(c.Idle.Disabled), decimal(c.Balance), c.TLS.CA.Namespace, c.TLS.CA.Name,
	}, c.TLS.Names.Items()...)
	if n := c.ClientCertificate; n != (kobj.Name{}) {
		id = append(id, "client certificate", n.Namespace, n.Name)
	}
	if b := c.CircuitBreakers; b != (ir.CircuitBreakers{}) {
		id = append(
			id, "circuit breakers", decimal(b.MaxConnections), decimal(b.MaxPendingRequests), decimal(b.MaxRequests),
			decimal(b.MaxRetries), decimal(b.PerHostMaxConnections),
		)
	}
	parts := cut(clusterNameSize-clusterHashSize-1, "extension", c.Object.Namespace, c.Object.Name)
	return strings.Join(append(parts, hash(clusterHashSize, id...)), "/")
}

// extensionEndpointName returns the name of the endpoints of an ExtensionService in EDS: no namespace has a colon.
func extensionEndpointName(n kobj.Name) string { return "extension:" + n.String() }

// datagramClusterName returns the name of the cluster of a listener for UDP, and datagramEndpointsName that of its endpoints in EDS: no namespace has a
// colon.
func datagramClusterName(l ir.ListenerKey) string {
	parts := cut(clusterNameSize-clusterHashSize-1, "datagrams", l.Name)
	return strings.Join(append(parts, hash(clusterHashSize, "datagrams", l.Name)), "/")
}

func datagramEndpointsName(l ir.ListenerKey) string { return "datagrams:" + l.Name }

// cut shortens parts, the last ones first, until they fit into size when joined by single characters.
// A shortened part ends with a hash of the whole.
func cut(size int, parts ...string) []string {
	total := len(parts) - 1
	for _, p := range parts {
		total += len(p)
	}
	share := (size - len(parts) + 1) / len(parts)
	for i := len(parts) - 1; i >= 0 && total > size; i-- {
		if p := parts[i]; len(p) > share {
			parts[i] = p[:share-7] + "-" + hash(6, p)
			total -= len(p) - share
		}
	}
	return parts
}

// hash returns the first size hexadecimal digits of a digest of parts and their boundaries.
func hash(size int, parts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:])[:size]
}

func decimal[T ~int32 | ~uint8 | ~uint32](n T) string { return strconv.FormatInt(int64(n), 10) }
