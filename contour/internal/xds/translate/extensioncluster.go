package translate

import (
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"contour.example/contour/internal/endpoint"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// addExtensions adds the tables of the clusters that Envoy itself calls, and of their endpoints. A cluster has another name
// for other settings; the endpoints of an ExtensionService have one name and change in place.
func (t *Tables) addExtensions(secrets *shared[secretKey]) {
	clusters := share(t, "translate/extension clusters", func(c ir.ExtensionCluster) string { return c.Object.Namespace }, func(r *memo.Reader, c ir.ExtensionCluster) *table.Resource {
		return extensionCluster(c, t.from.Clusters(r))
	})
	follow(clusters, t.from.Hosts, extensionsOf)
	followListeners(clusters, t.from.Listeners, collectorsOf)
	endpoints := share(t, "translate/extension endpoints", func(n kobj.Name) string { return n.Namespace }, t.extensionEndpoints)
	follow(endpoints, t.from.Hosts, func(v *ir.VirtualHost) []kobj.Name { return objectsOf(extensionsOf(v)) })
	followListeners(endpoints, t.from.Listeners, func(l *ir.Listener) []kobj.Name { return objectsOf(collectorsOf(l)) })
	follow(secrets, t.from.Hosts, func(v *ir.VirtualHost) []secretKey { return secretsFor(extensionsOf(v)) })
	followListeners(secrets, t.from.Listeners, func(l *ir.Listener) []secretKey { return secretsFor(collectorsOf(l)) })
}

// objectsOf returns the ExtensionServices of the clusters.
func objectsOf(all []ir.ExtensionCluster) (names []kobj.Name) {
	for _, c := range all {
		names = append(names, c.Object)
	}
	return names
}

// secretsFor returns the secrets that connections to the clusters need, each once.
func secretsFor(all []ir.ExtensionCluster) (keys []secretKey) {
	for _, c := range all {
		as := connectionTo(c)
		if key := (secretKey{ca: true, name: c.TLS.CA}); verifies(as) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
		if key := (secretKey{name: shownTo(as)}); key.name != (kobj.Name{}) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// extensionsOf returns the clusters that Envoy calls for requests to the virtual host, each once.
func extensionsOf(v *ir.VirtualHost) []ir.ExtensionCluster {
	if v == nil || !hasPolicies(v) {
		return nil
	}
	var all []ir.ExtensionCluster
	add := func(c ir.ExtensionCluster) {
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	for i := range v.Routes {
		if a := authorizationOf(&v.Routes[i], v.Policies); a.Asks() {
			add(a.Service.Cluster)
		}
		if limitsGlobally(&v.Routes[i], v.Policies) {
			add(v.Routes[i].Policies.WithDefaults(v.Policies).GlobalRateLimit.Service.Cluster)
		}
	}
	return all
}

// connectionTo returns the settings of connections to c as those of a cluster.
func connectionTo(c ir.ExtensionCluster) ir.Cluster {
	return ir.Cluster{Protocol: c.Protocol, TLS: c.TLS, SNI: c.SNI, Tuning: ir.Intern(ir.Tuning{Idle: c.Idle, ClientCertificate: c.ClientCertificate})}
}

// extensionCluster returns the resource of a cluster that Envoy itself calls.
func extensionCluster(c ir.ExtensionCluster, s ir.ClusterSettings) *table.Resource {
	e := &encoder{}
	as := connectionTo(c)
	m := &clusterv3.Cluster{
		Name:                          extensionName(c),
		AltStatName:                   strings.Join([]string{"extension", c.Object.Namespace, c.Object.Name}, "_"),
		ClusterDiscoveryType:          &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:              &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads(), ServiceName: extensionEndpointName(c.Object)},
		ConnectTimeout:                positive(s.ConnectTimeout),
		LbPolicy:                      extensionBalance(c.Balance),
		CommonLbConfig:                &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{Value: 0}},
		IgnoreHealthOnHostRemoval:     true,
		PerConnectionBufferLimitBytes: number(s.BufferLimitBytes),
		CircuitBreakers:               circuitBreakers(c.CircuitBreakers.WithDefaults(s.CircuitBreakers)),
		TypedExtensionProtocolOptions: protocolOptions(e, as, s),
		TransportSocket:               upstreamTLS(e, as, s.TLS),
	}
	body := e.bytes(m)
	needs := append([]table.Ref{{Type: table.Endpoint, Name: extensionEndpointName(c.Object)}}, secretsOf(as)...)
	return &table.Resource{
		Ref: table.Ref{Type: table.Cluster, Name: m.GetName()}, Body: body, Needs: needs,
		Origins: []kobj.Key{{Kind: kobj.ExtensionService, Name: c.Object}}, Invalid: e.invalid(),
	}
}

func extensionBalance(b ir.ExtensionBalance) clusterv3.Cluster_LbPolicy {
	switch b {
	case ir.ExtensionRandom:
		return clusterv3.Cluster_RANDOM
	case ir.ExtensionLeastRequest:
		return clusterv3.Cluster_LEAST_REQUEST
	case ir.ExtensionRoundRobin:
	}
	return clusterv3.Cluster_ROUND_ROBIN
}

// extensionEndpoints derives the endpoints of the targets of an ExtensionService.
func (t *Tables) extensionEndpoints(r *memo.Reader, n kobj.Name) *table.Resource {
	var targets []endpoint.Target
	for _, to := range t.from.ExtensionTargets(r, n) {
		targets = append(targets, endpoint.Target{Weight: to.Weight, Port: endpoint.Port{
			Name: to.Endpoints.Port, Slices: t.from.Slices(r, to.Endpoints.Service), Settings: t.from.Endpoints(r),
		}})
	}
	e := &encoder{}
	name := extensionEndpointName(n)
	body := e.bytes(endpoint.Weighted(name, targets))
	return &table.Resource{
		Ref: table.Ref{Type: table.Endpoint, Name: name}, Body: body,
		Origins: []kobj.Key{{Kind: kobj.ExtensionService, Name: n}}, Invalid: e.invalid(),
	}
}
