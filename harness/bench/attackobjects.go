package bench

import (
	"context"
	"fmt"
	"strings"
)

// otherClass is an ingress class that no controller serves.
const otherClass = "nobody"

// controlAttacks cost what writes cost on this machine, whatever a controller makes of them: large objects that it does not serve.
func controlAttacks() []attack {
	return []attack{{
		name: "control",
		create: func(ctx context.Context, t *tenant) error {
			return t.root(ctx, "p", object{"ingressClassName": otherClass, "routes": []any{largeRoute(1000)}})
		},
		edit: editLargeRoute, rate: 1,
	}}
}

// largeRoute is a route with n headers of 1,000 bytes.
func largeRoute(n int) object {
	r := route(object{"prefix": "/"})
	r["responseHeadersPolicy"] = object{"set": each(n, func(i int) any {
		return object{"name": fmt.Sprintf("x-%d", i), "value": strings.Repeat("x", 1000)}
	})}
	return r
}

func editLargeRoute(ctx context.Context, t *tenant, i int) error {
	return t.replace(ctx, httpProxies, "p", "/spec/routes/0/responseHeadersPolicy/set/0/value", fmt.Sprint("edit ", i))
}

// inclusionAttacks make a root large by including.
func inclusionAttacks() []attack {
	return []attack{
		{
			name: "include-refused",
			create: func(ctx context.Context, t *tenant) error {
				refused := route(object{"header": object{"name": "x", "regex": strings.Repeat("(a{1000})", 1800) + "("}})
				return t.including(ctx, "p", 1000, object{"routes": []any{refused}}, "root")
			},
			edit: func(ctx context.Context, t *tenant, i int) error {
				return t.replace(ctx, httpProxies, "p", "/spec/routes/0/conditions/0/header/regex", fmt.Sprint(i)+strings.Repeat("(a{1000})", 1800)+"(")
			}, rate: 5,
		},
		{
			name: "include-large",
			create: func(ctx context.Context, t *tenant) error {
				return t.including(ctx, "p", 10_000, object{"routes": []any{largeRoute(1000)}}, "root")
			},
			edit: editLargeRoute, rate: 1,
		},
		{
			name: "include-480k",
			create: func(ctx context.Context, t *tenant) error {
				return t.including(ctx, "p", 10, object{"routes": manyRoutes(4800)}, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
			},
			edit: editFirstPath, rate: 1,
		},
		{
			name: "include-budget",
			create: func(ctx context.Context, t *tenant) error {
				return t.including(ctx, "p", 1, object{"routes": manyRoutes(1900)}, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
			},
			edit: editFirstPath, rate: 1,
		},
	}
}

func manyRoutes(n int) []any {
	return each(n, func(i int) any { return route(object{"prefix": fmt.Sprintf("/r%d", i)}) })
}

func editFirstPath(ctx context.Context, t *tenant, i int) error {
	return t.replace(ctx, httpProxies, "p", "/spec/routes/0/conditions/0/prefix", fmt.Sprintf("/edit%d", i))
}

// including makes a child and roots that include it n times each, under different prefixes.
func (t *tenant) including(ctx context.Context, child string, n int, spec object, roots ...string) error {
	if err := t.proxy(ctx, child, spec); err != nil {
		return err
	}
	for _, name := range roots {
		includes := each(n, func(i int) any {
			return object{"name": child, "conditions": []any{object{"prefix": fmt.Sprintf("/%d", i)}}}
		})
		if err := t.root(ctx, name, object{"includes": includes}); err != nil {
			return err
		}
	}
	return nil
}

const (
	// sliceEndpoints is how many endpoints the API server accepts in a slice.
	sliceEndpoints = 1000
	// endpointPort is the port of the first port of the Service at its endpoints; nothing listens there.
	endpointPort = 8080
)

// endpointAttacks churn many endpoints.
func endpointAttacks() []attack {
	of := func(name string, ports int) attack {
		return attack{
			name:   name,
			create: func(ctx context.Context, t *tenant) error { return t.manyEndpoints(ctx, 10, ports) },
			edit: func(ctx context.Context, t *tenant, i int) error {
				return t.replace(ctx, endpointSlices, fmt.Sprintf("many-%d", i%10), "/endpoints/0/addresses/0", fmt.Sprintf("10.200.%d.%d", i/250%250, i%250+1))
			}, rate: 10,
		}
	}
	return []attack{
		of("endpoints", 20),
		of("endpoints-budget", 3),
	}
}

// manyEndpoints makes a Service with ports, slices of 1,000 endpoints each, and a root with a route for each port.
func (t *tenant) manyEndpoints(ctx context.Context, slices, ports int) error {
	service := object{
		"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "many"},
		"spec": object{"ports": each(ports, func(i int) any {
			return object{"name": fmt.Sprintf("p%d", i), "port": int64(i + 1), "protocol": "TCP"}
		})},
	}
	if err := t.create(ctx, services, service); err != nil {
		return err
	}
	for s := range slices {
		if err := t.create(ctx, endpointSlices, endpointSlice(s, ports)); err != nil {
			return err
		}
	}
	return t.root(ctx, "many", object{"routes": each(ports, func(i int) any {
		return object{
			"conditions": []any{object{"prefix": fmt.Sprintf("/%d", i)}},
			"services":   []any{object{"name": "many", "port": int64(i + 1)}},
		}
	})})
}

func endpointSlice(s, ports int) object {
	return object{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata": object{"name": fmt.Sprintf("many-%d", s), "labels": object{"kubernetes.io/service-name": "many"}},
		"ports": each(ports, func(i int) any {
			return object{"name": fmt.Sprintf("p%d", i), "port": int64(endpointPort + i), "protocol": "TCP"}
		}),
		"endpoints": each(sliceEndpoints, func(i int) any {
			return object{"addresses": []any{fmt.Sprintf("10.%d.%d.%d", 100+s, i/250, i%250+1)}, "conditions": object{"ready": true}}
		}),
	}
}

// claimAttacks reach for what belongs to the honest tenant.
func claimAttacks() []attack {
	return []attack{{
		name: "claims",
		create: func(ctx context.Context, t *tenant) error {
			victim := t.victim.workload
			everything := []any{route(object{"prefix": "/"})}
			for name, host := range map[string]string{
				"same": victim.host(requested), "edited": victim.host(objectName(0)), "wildcard": "*" + victim.host(""), "broad": "*.example", "other": t.host("other"),
			} {
				spec := object{"virtualhost": object{"fqdn": host}, "routes": everything}
				if name == "other" {
					spec["includes"] = []any{object{"name": requested, "namespace": victim.client.namespace}, object{"name": objectName(1), "namespace": victim.client.namespace, "conditions": []any{object{"prefix": "/x"}}}}
				}
				if err := t.root(ctx, name, spec); err != nil {
					return err
				}
			}
			return t.create(ctx, ingresses, object{
				"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": object{"name": "regex"},
				"spec": t.bench.routing.classified(object{"rules": []any{ingressRule(victim.host(requested)), ingressRule(victim.host(objectName(2)))}}),
			})
		},
		edit: func(ctx context.Context, t *tenant, i int) error {
			victim := t.victim.workload.host(objectName(i % honestHosts))
			if i%2 == 0 {
				return t.replace(ctx, httpProxies, "edited", "/spec/virtualhost/fqdn", victim)
			}
			return t.replace(ctx, ingresses, "regex", "/spec/rules/1/host", victim)
		}, rate: 10,
	}}
}

// ingressRule takes all requests of a host by a regular expression.
func ingressRule(host string) object {
	path := ingressPath("/.*", backendService)
	path["pathType"] = "ImplementationSpecific"
	return object{"host": host, "http": object{"paths": []any{path}}}
}
