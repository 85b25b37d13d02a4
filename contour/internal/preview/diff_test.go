package preview_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/preview"
)

// served is what the changes are made to: all kinds of routes, and services that they use.
const served = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80, name: http}]}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: www}
spec:
  virtualhost: {fqdn: www.example.com}
  routes:
    - services: [{name: web, port: 80}]
    - conditions: [{prefix: /api}]
      services: [{name: api, port: 80}]
      timeoutPolicy: {response: 10s}
      pathRewritePolicy: {replacePrefix: [{replacement: /v1}]}
    - conditions: [{prefix: /api}, {header: {name: x-canary, exact: "yes"}}]
      services: [{name: web, port: 80, weight: 90}, {name: api, port: 80, weight: 10}]
    - conditions: [{regex: '/item/[0-9]+'}]
      services: [{name: api, port: 80}]
    - conditions: [{exact: /old}]
      requestRedirectPolicy: {hostname: new.example.com, statusCode: 302}
    - conditions: [{prefix: /search}, {queryParameter: {name: q, present: true}}]
      services: [{name: api, port: 80}]
      requestHeadersPolicy: {set: [{name: x-a, value: "1"}, {name: x-b, value: "2"}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  rules:
    - host: shop.example.com
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
          - {path: /cart, pathType: Exact, backend: {service: {name: api, port: {name: http}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec: {controllerName: projectcontour.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: contour
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: site}
spec:
  parentRefs: [{name: edge}]
  hostnames: [site.example.com]
  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      backendRefs: [{name: web, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /api}, method: POST}]
      backendRefs: [{name: api, port: 80}]
`

// edited replaces the first of each pair of texts by the second.
func edited(t *testing.T, of string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(of, pairs[i]) == 0 {
			t.Fatalf("no %q", pairs[i])
		}
		of = strings.Replace(of, pairs[i], pairs[i+1], 1)
	}
	return of
}

// text is what differs, one line for each difference.
func text(d *preview.Difference) string {
	var out strings.Builder
	for _, h := range d.Hosts {
		fmt.Fprintf(&out, "%s %s %v\n", h.Change, h.Host, h.Settings)
		for _, x := range h.Requests {
			fmt.Fprintf(&out, "%s %s %v: %s -> %s %v\n", x.Request.Method, x.Request.Path, x.Request.Headers, x.Old, x.New, x.Settings)
		}
	}
	return out.String()
}

func compare(t *testing.T, old, updated string) *preview.Difference {
	t.Helper()
	c := config.Default()
	c.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix("127.1.0.0/16")}
	d, err := preview.Compare(load(t, c, old), load(t, c, updated))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Each of these changes has an effect, which is found at a request that shows it.
func TestChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		edits []string
		want  string
	}{
		{"another Service", []string{"routes:\n    - services: [{name: web", "routes:\n    - services: [{name: api"}, "GET / map[]: answered by Service default/web -> answered by Service default/api/http"},
		{"a typo in a Service", []string{"services: [{name: api, port: 80}]\n      timeout", "services: [{name: apx, port: 80}]\n      timeout"}, `503: HTTPProxy default/www spec.routes[1].services[0]: Service "default/apx" does not exist`},
		{"a longer prefix", []string{"prefix: /api}]", "prefix: /api/}]"}, "GET /api map[]: answered by Service default/api/http -> answered by Service default/web"},
		{"a timeout", []string{"response: 10s", "response: 20s"}, "forward.timeout 10s -> 20s"},
		{"a rewrite", []string{"replacement: /v1", "replacement: /v2"}, "as www.example.com/v1 -> answered by Service default/api/http as www.example.com/v2"},
		{"a weight", []string{"weight: 90", "weight: 80"}, "weight 90"},
		{"a header value", []string{`exact: "yes"`, `exact: "no"`}, "map[x-canary:yes]"},
		{"an inverted header", []string{`exact: "yes"`, `notexact: "yes"`}, "GET /api map[x-canary:x]"},
		{"a header that is only present", []string{`exact: "yes"`, `present: true`}, "map[x-canary:"},
		{"a wider expression", []string{"/item/[0-9]+", "/item/[0-9a-f]+"}, "GET /item/a map[]: answered by Service default/web -> answered by Service default/api/http"},
		{"a bounded expression", []string{"/item/[0-9]+", "/item/[0-9]{1,3}"}, "GET /item/0000 map[]: answered by Service default/api/http -> answered by Service default/web"},
		{"an expression for one number less", []string{"/item/[0-9]+", "/item/([0-9]|[1-9][0-9]+)"}, "GET /item/00 map[]"},
		{"a status", []string{"statusCode: 302", "statusCode: 301"}, "302 to http://new.example.com/old"},
		{"a target of a redirect", []string{"new.example.com", "newer.example.com"}, "newer.example.com/old"},
		{"a prefix in place of a path", []string{"exact: /old", "prefix: /old"}, "GET /old/ map[]: answered by Service default/web -> 302"},
		{"a query parameter", []string{"present: true", `exact: "1"`}, "GET /search?q= map[]"},
		{"a value of a header that is set", []string{`value: "1"`, `value: "3"`}, "requestHeaders.set"},
		{"a header that is not set", []string{`, {name: x-b, value: "2"}`, ""}, "requestHeaders.set"},
		{"websockets", []string{"timeoutPolicy", "enableWebsockets: true\n      timeoutPolicy"}, "forward.websocket none -> true"},
		{"retries", []string{"timeoutPolicy", "retryPolicy: {count: 3}\n      timeoutPolicy"}, "forward.retry.count none -> 3"},
		{"an IP filter", []string{"timeoutPolicy", "ipDenyPolicy: [{source: Peer, cidr: 10.0.0.0/8}]\n      timeoutPolicy"}, "policies.ipFilter.deny none -> true"},
		{"a rate limit", []string{"timeoutPolicy", "rateLimitPolicy: {local: {requests: 5, unit: second}}\n      timeoutPolicy"}, "policies.localRateLimit.requests none -> 5"},
		{"a host that is renamed", []string{"fqdn: www.example.com", "fqdn: w3.example.com"}, "removed www.example.com"},
		{"another class", []string{"spec:\n  virtualhost", "spec:\n  ingressClassName: nginx\n  virtualhost"}, "removed www.example.com"},
		{"a wildcard that covers a host less", []string{"host: shop.example.com", `host: "*.shop.example.com"`}, "added *.shop.example.com"},
		{"the type of a path", []string{"pathType: Exact", "pathType: Prefix"}, "GET /cart/ map[]: answered by Service default/web -> answered by Service default/api/http"},
		{"a protocol of a Service", []string{"metadata: {name: api}\n", "metadata: {name: api, annotations: {projectcontour.io/upstream-protocol.h2c: http}}\n"}, "h2c"},
		{"a Service that is gone", []string{"kind: Service\nmetadata: {name: web}", "kind: Service\nmetadata: {name: wob}"}, "shop.example.com"},
		{"a method", []string{"method: POST", "method: PUT"}, "POST /api map[]: answered by Service default/api/http -> answered by Service default/web"},
		{"a hostname of an HTTPRoute", []string{"hostnames: [site.example.com]", "hostnames: [site.example.com, two.example.com]"}, "added two.example.com"},
		{"a port of a Gateway", []string{"port: 8080", "port: 8081"}, "added site.example.com"},
		{"a path of an HTTPRoute", []string{"value: /api", "value: /app"}, "POST /api map[]"},
		{"a route that takes precedence", []string{"    - conditions: [{exact: /old}]", "    - conditions: [{prefix: /api/v2}]\n      services: [{name: web, port: 80}]\n    - conditions: [{exact: /old}]"}, "GET /api/v2 map[]: answered by Service default/api/http -> answered by Service default/web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := compare(t, served, edited(t, served, c.edits...))
			if got := text(d); !strings.Contains(got, c.want) || d.Unknown > 0 {
				t.Errorf("no %q, unknown %d:\n%s", c.want, d.Unknown, got)
			}
		})
	}
}

// None of these changes has an effect.
func TestRefactorings(t *testing.T) {
	t.Parallel()
	const api = "    - conditions: [{prefix: /api}]\n      services: [{name: api, port: 80}]\n      timeoutPolicy: {response: 10s}\n      pathRewritePolicy: {replacePrefix: [{replacement: /v1}]}\n"
	const child = "---\napiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: child}\nspec:\n  routes:\n"
	for _, c := range []struct {
		name  string
		edits []string
	}{
		{"nothing", nil},
		{"a comment", []string{"kind: HTTPProxy", "kind: HTTPProxy # of the site"}},
		{"labels", []string{"metadata: {name: www}", "metadata: {name: www, labels: {a: b}}"}},
		{"another name of a proxy", []string{"metadata: {name: www}", "metadata: {name: site}"}},
		{"another name of an Ingress", []string{"metadata: {name: shop}", "metadata: {name: store}"}},
		{"another name of an HTTPRoute", []string{"metadata: {name: site}", "metadata: {name: page}"}},
		{"the order of routes", []string{api, "", "    - conditions: [{exact: /old}]", api + "    - conditions: [{exact: /old}]"}},
		{"the order of paths", []string{"          - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}\n", "", "name: http}}}}\n", "name: http}}}}\n          - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}\n"}},
		{"the order of backends", []string{"{name: web, port: 80, weight: 90}, {name: api, port: 80, weight: 10}", "{name: api, port: 80, weight: 10}, {name: web, port: 80, weight: 90}"}},
		{"equal shares", []string{"weight: 90", "weight: 9", "weight: 10", "weight: 1"}},
		{"a backend without requests", []string{"weight: 10}", "weight: 10}, {name: web, port: 80, weight: 0}"}},
		{"the weight of the only backend", []string{"routes:\n    - services: [{name: web, port: 80}]", "routes:\n    - services: [{name: web, port: 80, weight: 7}]"}},
		{"an explicit root", []string{"routes:\n    - services: [{name: web", "routes:\n    - conditions: [{prefix: /}]\n      services: [{name: web"}},
		{"the name of a port", []string{"{number: 80}}}}", "{number: 80}}}}", "{name: http}", "{number: 80}"}},
		{"a part of a proxy", []string{api, "", "  virtualhost: {fqdn: www.example.com}\n", "  virtualhost: {fqdn: www.example.com}\n  includes: [{name: child}]\n", "---\napiVersion: networking", child + api + "---\napiVersion: networking"}},
		{"a part with its prefix", []string{api, "", "  virtualhost: {fqdn: www.example.com}\n", "  virtualhost: {fqdn: www.example.com}\n  includes: [{name: child, conditions: [{prefix: /api}]}]\n", "---\napiVersion: networking", child + strings.Replace(api, "- conditions: [{prefix: /api}]\n      services", "- services", 1) + "---\napiVersion: networking"}},
		{"another expression for the same paths", []string{"/item/[0-9]+", "/item/[0-9][0-9]*"}},
		{"a class of digits", []string{"/item/[0-9]+", `/item/\d+`}},
		{"an alternative that is part of the other", []string{"/item/[0-9]+", "/item/([0-9]+|[1-9]+)"}},
		{"an expression for one path", []string{"{exact: /old}", "{regex: /old}"}},
		{"a route that never matches", []string{"    - conditions: [{exact: /old}]", "    - conditions: [{prefix: /api}, {header: {name: x-canary, exact: \"yes\"}}, {header: {name: x-canary, notpresent: true}}]\n      services: [{name: web, port: 80}]\n    - conditions: [{exact: /old}]"}},
		{"a route that is covered", []string{"    - conditions: [{exact: /old}]", "    - conditions: [{regex: '/item/[1-3]'}, {header: {name: x-other, exact: v}}]\n      services: [{name: api, port: 80}]\n    - conditions: [{exact: /old}]"}},
		{"a value of another spelling", []string{"response: 10s", "response: 10000ms"}},
		{"the order of headers", []string{`{name: x-a, value: "1"}, {name: x-b, value: "2"}`, `{name: x-b, value: "2"}, {name: x-a, value: "1"}`}},
		{"the case of a header", []string{"name: x-canary", "name: X-Canary"}},
		{"two Ingresses for one", []string{"          - {path: /cart, pathType: Exact, backend: {service: {name: api, port: {name: http}}}}\n", "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: cart}\nspec:\n  rules:\n    - host: shop.example.com\n      http:\n        paths:\n          - {path: /cart, pathType: Exact, backend: {service: {name: api, port: {name: http}}}}\n"}},
		{"two HTTPRoutes for one", []string{"    - matches: [{path: {type: PathPrefix, value: /api}, method: POST}]", "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: more}\nspec:\n  parentRefs: [{name: edge}]\n  hostnames: [site.example.com]\n  rules:\n    - matches: [{path: {type: PathPrefix, value: /api}, method: POST}]"}},
		{"a rule for two", []string{"    - matches: [{path: {type: PathPrefix, value: /}}]", "    - matches: [{path: {type: PathPrefix, value: /}}, {path: {type: PathPrefix, value: /api}, headers: [{name: x, value: z}], method: GET}]"}},
		{"the section of a Gateway", []string{"parentRefs: [{name: edge}]", "parentRefs: [{name: edge, sectionName: http}]"}},
		{"a Service that nothing uses", []string{"---\napiVersion: projectcontour", "---\napiVersion: v1\nkind: Service\nmetadata: {name: unused}\nspec: {ports: [{port: 80}]}\n---\napiVersion: projectcontour"}},
		{"the namespace in words", []string{"metadata: {name: www}", "metadata: {name: www, namespace: default}"}},
		{"another host that is not served", []string{"---\napiVersion: networking", "---\napiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: x}\nspec: {ingressClassName: other, virtualhost: {fqdn: www.example.com}, routes: [{services: [{name: web, port: 80}]}]}\n---\napiVersion: networking"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := compare(t, served, edited(t, served, c.edits...))
			if d.Differs() || d.Unknown > 0 {
				t.Errorf("unknown %d:\n%s", d.Unknown, text(d))
			}
			if d = compare(t, edited(t, served, c.edits...), served); d.Differs() {
				t.Errorf("the other way:\n%s", text(d))
			}
		})
	}
}
