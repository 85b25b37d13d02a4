package preview_test

import (
	"strings"
	"testing"

	"contour.example/contour/internal/preview"
)

// streams is served with a listener of TLS that does not terminate it, a route for it, and one of gRPC.
const streams = served + `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: streams}
spec:
  gatewayClassName: contour
  listeners:
    - {name: grpc, port: 8081, protocol: HTTP}
    - {name: tls, port: 9443, protocol: TLS, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: db}
spec:
  parentRefs: [{name: streams, sectionName: tls}]
  hostnames: [db.example.com, "*.db.example.com"]
  rules:
    - backendRefs: [{name: api, port: 80, weight: 3}, {name: web, port: 80, weight: 1}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: cart}
spec:
  parentRefs: [{name: streams, sectionName: grpc}]
  hostnames: [cart.example.com]
  rules:
    - matches: [{method: {service: shop.Cart, method: Add}}]
      backendRefs: [{name: api, port: 80}]
    - matches: [{method: {service: shop.Cart}, headers: [{name: x-tenant, value: a}]}]
      backendRefs: [{name: web, port: 80}]
    - matches: [{method: {service: shop.Old}}]
      backendRefs: [{name: gone, port: 80}]
`

// Connections of a TLSRoute are explained by their server name.
func TestTLSRouteIsExplained(t *testing.T) {
	t.Parallel()
	p := load(t, gatewayConfig(), streams)
	for _, c := range []struct{ url, sni, want, field string }{
		{url: "https://db.example.com:9443/", want: "answered by Service default/api/http (weight 3) or Service default/web (weight 1)"},
		{url: "https://a.db.example.com:9443/", want: "answered by Service default/api/http (weight 3) or Service default/web (weight 1)"},
		{url: "https://other.example.com:9443/", sni: "db.example.com", want: "answered by Service default/api/http (weight 3) or Service default/web (weight 1)"},
		{url: "https://other.example.com:9443/", want: "no connection: no host is served over TLS"},
		{url: "http://db.example.com/", want: "404: no host db.example.com"},
	} {
		r := request(t, c.url)
		r.SNI = c.sni
		x, err := p.Explain(r)
		if err != nil || !strings.HasPrefix(x.Verdict, c.want) {
			t.Errorf("%s %s: %q, %v, want %q", c.url, c.sni, x.Verdict, err, c.want)
		}
		if len(x.Answer.From) == 0 {
			continue
		}
		if i := hostStep(x); i < 0 || x.Steps[i].Object.Name.Name != "db" || !strings.HasPrefix(x.Steps[i].Field, "spec.hostnames[") || x.Steps[i].Line == 0 {
			t.Errorf("%s: the host is none of %+v", c.url, x.Steps)
		}
	}
}

// hostStep returns the index of the step of the host; -1 if there is none.
func hostStep(x preview.Explanation) int {
	for i, s := range x.Steps {
		if s.Name == "host" {
			return i
		}
	}
	return -1
}

// Calls of a GRPCRoute are explained by service and method, and what their clients receive of Envoy itself.
func TestGRPCRouteIsExplained(t *testing.T) {
	t.Parallel()
	p := load(t, gatewayConfig(), streams)
	for _, c := range []struct{ path, tenant, want, field, status string }{
		{path: "/shop.Cart/Add", want: "answered by Service default/api/http", field: "spec.rules[0]"},
		{path: "/shop.Cart/Add", tenant: "a", want: "answered by Service default/api/http", field: "spec.rules[0]"},
		{path: "/shop.Cart/Remove", tenant: "a", want: "answered by Service default/web", field: "spec.rules[1]"},
		{path: "/shop.Cart/Remove", want: "404: no route of cart.example.com matches /shop.Cart/Remove", status: "12"},
		{path: "/shop.Old/Get", want: `503: GRPCRoute default/cart spec.rules[2].backendRefs[0]`, field: "spec.rules[2]", status: "14"},
	} {
		r := request(t, "http://cart.example.com:8081"+c.path)
		r.Method, r.HTTP2, r.Headers["content-type"] = "POST", true, "application/grpc"
		if c.tenant != "" {
			r.Headers["x-tenant"] = c.tenant
		}
		x, err := p.Explain(r)
		if err != nil || !strings.HasPrefix(x.Verdict, c.want) || x.Answer.GRPCStatus != c.status {
			t.Errorf("%s %s: %q, status %q, %v, want %q, %q", c.path, c.tenant, x.Verdict, x.Answer.GRPCStatus, err, c.want, c.status)
		}
		if says := strings.HasSuffix(x.Verdict, "; a client of gRPC receives 200 and grpc-status "+c.status); says != (c.status != "") {
			t.Errorf("%s %s: %q", c.path, c.tenant, x.Verdict)
		}
		field := ""
		for _, s := range x.Steps {
			if s.Name == "route" {
				field = s.Field
			}
		}
		if !strings.HasPrefix(field, c.field) || c.field == "" && field != "" {
			t.Errorf("%s %s: the route is %q, want %q", c.path, c.tenant, field, c.field)
		}
	}
}
