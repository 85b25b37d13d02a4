package preview_test

import (
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/preview"
)

// load evaluates manifests with a configuration of the controller.
func load(t *testing.T, c config.Config, manifests string) *preview.Preview {
	t.Helper()
	p, err := preview.Load(preview.Options{
		Paths: []string{"-"}, Stdin: strings.NewReader(manifests), Config: c, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// request is a GET request for a URL.
func request(t *testing.T, of string) preview.Request {
	t.Helper()
	u, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	r := preview.Request{Host: u.Host, Path: u.Path, TLS: u.Scheme == "https", Headers: map[string]string{}}
	if u.RawQuery != "" {
		r.Path += "?" + u.RawQuery
	}
	return r
}

func certificate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "quickstart", "shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, secret, found := strings.Cut(string(text), "\n---\n")
	if !found {
		t.Fatal("the example has no Secret")
	}
	return secret
}

const services = `
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
apiVersion: v1
kind: Service
metadata: {name: idle}
spec: {ports: [{port: 80}]}
---
`

const proxy = "apiVersion: projectcontour.io/v1\nkind: HTTPProxy\n"

const ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\n"

// The first line of an explanation names the outcome and its cause.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, manifests, url string
		headers              map[string]string
		want                 string
	}{
		{
			name: "a backend answers", url: "http://a.example.com/x",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80}]}]}",
			want:      "answered by Service default/web",
		},
		{
			name: "a typo in the name of a Service", url: "http://a.example.com/x",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: wbe, port: 80}]}]}",
			want:      `503: HTTPProxy default/a spec.routes[0].services[0]: Service "default/wbe" does not exist`,
		},
		{
			name: "a wrong port of a Service", url: "http://a.example.com/x",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 8080}]}]}",
			want:      "503: HTTPProxy default/a spec.routes[0].services[0]",
		},
		{
			name: "a Service without endpoints", url: "http://a.example.com/x",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: idle, port: 80}]}]}",
			want:      "503: no backend of HTTPProxy default/a spec.routes[0] has an endpoint that is ready",
		},
		{
			name: "a class that is not served", url: "http://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {ingressClassName: nginx, virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80}]}]}",
			want:      `404: no host a.example.com: HTTPProxy default/a spec.ingressClassName: Ingress class "nginx" is not served`,
		},
		{
			name: "a class in an annotation", url: "http://a.example.com/",
			manifests: ingress + "metadata: {name: a, annotations: {kubernetes.io/ingress.class: nginx}}\nspec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n---\n" +
				proxy + "metadata: {name: b}\nspec: {virtualhost: {fqdn: b.example.com}, routes: [{services: [{name: web, port: 80}]}]}",
			want: `404: no host a.example.com: Ingress default/a metadata.annotations: Ingress class "nginx" is not served`,
		},
		{
			name: "a typo in the host", url: "http://a.exmaple.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80}]}]}",
			want:      "404: no host a.exmaple.com; did you mean a.example.com?",
		},
		{
			name: "another host", url: "http://other.test/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80}]}]}",
			want:      "404: no host other.test",
		},
		{
			name: "no route for the path", url: "http://a.example.com/web",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{conditions: [{prefix: /api}], services: [{name: web, port: 80}]}]}",
			want:      "404: no route of a.example.com matches /web; nearest: prefix /api: the path differs",
		},
		{
			name: "a typo in the path", url: "http://a.example.com/apx",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{conditions: [{prefix: /api}], services: [{name: web, port: 80}]}, {conditions: [{prefix: /other}], services: [{name: web, port: 80}]}]}",
			want:      "nearest: prefix /api: the path differs",
		},
		{
			name: "a header that is missing", url: "http://a.example.com/api",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{conditions: [{prefix: /api}, {header: {name: x-canary, exact: 'yes'}}], services: [{name: web, port: 80}]}]}",
			want:      "the header x-canary differs",
		},
		{
			name: "a header that matches", url: "http://a.example.com/api", headers: map[string]string{"x-canary": "yes"},
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{conditions: [{prefix: /api}, {header: {name: x-canary, exact: 'yes'}}], services: [{name: web, port: 80}]}]}",
			want:      "answered by Service default/web",
		},
		{
			name: "a query parameter that is missing", url: "http://a.example.com/api",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{conditions: [{prefix: /api}, {queryParameter: {name: v, exact: '2'}}], services: [{name: web, port: 80}]}]}",
			want:      "the query parameter v differs",
		},
		{
			name: "HTTPS of a host without TLS", url: "https://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80}]}]}",
			want:      "no connection: no host is served over TLS: HTTPProxy default/a spec.virtualhost.fqdn: It has no TLS settings for the host",
		},
		{
			name: "a Secret that does not exist", url: "https://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com, tls: {secretName: gone}}, routes: [{services: [{name: web, port: 80}]}]}",
			want:      "spec.virtualhost.tls.secretName: Secret \"default/gone\"",
		},
		{
			name: "plain HTTP of a host with TLS", url: "http://shop.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: shop.example.com, tls: {secretName: shop-tls}}, routes: [{services: [{name: web, port: 80}]}]}\n---\n" + certificate(t),
			want:      "301 to https://shop.example.com/: HTTPProxy default/a has TLS, and redirects plain HTTP",
		},
		{
			name: "another server name", url: "https://b.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: shop.example.com, tls: {secretName: shop-tls}}, routes: [{services: [{name: web, port: 80}]}]}\n---\n" + certificate(t),
			want:      "no TLS connection: no host has the server name b.example.com",
		},
		{
			name: "a route with an error", url: "http://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{timeoutPolicy: {response: soon}, services: [{name: web, port: 80}]}]}",
			want:      "spec.routes[0].timeoutPolicy",
		},
		{
			name: "conditions that contradict each other", url: "http://a.example.com/api",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{conditions: [{prefix: /api}, {prefix: /b}], services: [{name: web, port: 80}]}]}",
			want:      "spec.routes[0].conditions",
		},
		{
			name: "an inclusion that does not exist", url: "http://a.example.com/api",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, includes: [{name: gone, conditions: [{prefix: /api}]}]}",
			want:      `502: HTTPProxy default/a spec.includes[0]: HTTPProxy "default/gone" does not exist`,
		},
		{
			name: "an included route", url: "http://a.example.com/api/x",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, includes: [{name: child, conditions: [{prefix: /api}]}]}\n---\n" +
				proxy + "metadata: {name: child}\nspec: {routes: [{conditions: [{prefix: /x}], services: [{name: api, port: 80}]}]}",
			want: "answered by Service default/api",
		},
		{
			name: "an error in an included route", url: "http://a.example.com/api/x",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, includes: [{name: child, conditions: [{prefix: /api}]}]}\n---\n" +
				proxy + "metadata: {name: child}\nspec: {routes: [{services: [{name: web, port: 80}]}, {conditions: [{prefix: /x}], services: [{name: gone, port: 80}]}]}",
			want: `503: HTTPProxy default/child spec.routes[1].services[0]: Service "default/gone" does not exist`,
		},
		{
			name: "a redirect", url: "http://a.example.com/old",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{requestRedirectPolicy: {hostname: b.example.com}}]}",
			want:      "302 to http://b.example.com/old, as HTTPProxy default/a spec.routes[0] specifies",
		},
		{
			name: "a direct response", url: "http://a.example.com/teapot",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{directResponsePolicy: {statusCode: 418}}]}",
			want:      "418: as HTTPProxy default/a spec.routes[0] specifies",
		},
		{
			name: "a host of two roots", url: "http://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80}]}]}\n---\n" +
				proxy + "metadata: {name: b}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: api, port: 80}]}]}",
			want: "answered by Service default/web",
		},
		{
			name: "weights with a Service that does not exist", url: "http://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80, weight: 3}, {name: idle, port: 80, weight: 1}]}]}",
			want:      "backends with weight 1 do not exist or have no endpoints",
		},
		{
			name: "an Ingress", url: "http://i.example.com/x",
			manifests: ingress + "metadata: {name: i}\nspec: {rules: [{host: i.example.com, http: {paths: [{path: /x, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}",
			want:      "answered by Service default/web",
		},
		{
			name: "an Ingress with a port that does not exist", url: "http://i.example.com/x",
			manifests: ingress + "metadata: {name: i}\nspec: {rules: [{host: i.example.com, http: {paths: [{path: /y, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}, {path: /x, pathType: Prefix, backend: {service: {name: web, port: {name: grpc}}}}]}}]}",
			want:      "503: Ingress default/i spec.rules[0].http.paths[1].backend.service",
		},
		{
			name: "an Ingress with an exact path", url: "http://i.example.com/x/y",
			manifests: ingress + "metadata: {name: i}\nspec: {rules: [{host: i.example.com, http: {paths: [{path: /x, pathType: Exact, backend: {service: {name: web, port: {number: 80}}}}]}}]}",
			want:      "404: no route of i.example.com matches /x/y; nearest: exact /x: the path differs",
		},
		{
			name: "a wildcard host with too many labels", url: "http://a.b.example.com/",
			manifests: ingress + "metadata: {name: i}\nspec: {rules: [{host: '*.example.com', http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}",
			want:      "404: no route of *.example.com matches /; nearest: prefix /: the wildcard is for one label",
		},
		{
			name: "a host, and a wildcard of the same length", url: "http://i.example.com/x",
			manifests: ingress + "metadata: {name: i}\nspec: {rules: [{host: '*.example.com', http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n---\n" +
				proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: i.example.com}, routes: [{conditions: [{prefix: /api}], services: [{name: web, port: 80}]}]}",
			want: "404: no route of i.example.com matches /x",
		},
		{
			name: "an orphan", url: "http://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {routes: [{services: [{name: web, port: 80}]}]}",
			want:      "404: no host a.example.com",
		},
		{
			name: "a service that decides", url: "https://shop.example.com/", headers: map[string]string{"x-token": "no"},
			manifests: "apiVersion: projectcontour.io/v1alpha1\nkind: ExtensionService\nmetadata: {name: auth}\nspec: {services: [{name: api, port: 80}]}\n---\n" +
				proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: shop.example.com, tls: {secretName: shop-tls}, authorization: {extensionRef: {name: auth}}}, routes: [{services: [{name: web, port: 80}]}]}\n---\n" + certificate(t),
			want: "answered by Service default/web, if the authorization service allows the request",
		},
		{
			name: "keys that are not in the files", url: "https://shop.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: shop.example.com, tls: {secretName: shop-tls}, jwtProviders: [{name: p, default: true, remoteJWKS: {uri: 'https://keys.example.com/'}}]}, routes: [{services: [{name: web, port: 80}]}]}\n---\n" + certificate(t),
			want:      "503: the keys that verify the tokens of HTTPProxy default/a spec.routes[0] are not in the files",
		},
		{
			name: "a route without Services", url: "http://a.example.com/",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: []}]}",
			want:      "500: HTTPProxy default/a spec.routes[0]: The route has 0 of services",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, c.url)
			r.Headers = c.headers
			x, err := load(t, config.Default(), services+c.manifests).Explain(r)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(x.Verdict, c.want) {
				t.Errorf("%s\n%+v", x.Verdict, x.Steps)
			}
		})
	}
}

// An exact host precedes a wildcard of the same length.
func TestExactHostPrecedesWildcardOfItsLength(t *testing.T) {
	t.Parallel()
	p := load(t, config.Default(), services+
		proxy+"metadata: {name: exact}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{directResponsePolicy: {statusCode: 418}}]}\n---\n"+
		ingress+"metadata: {name: wildcard}\nspec: {rules: [{host: '*.example.com', http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}")
	for range 20 {
		x, err := p.Explain(request(t, "http://a.example.com/"))
		if err != nil {
			t.Fatal(err)
		}
		if want := "418: as HTTPProxy default/exact spec.routes[0] specifies"; x.Verdict != want {
			t.Fatalf("%s, want %s", x.Verdict, want)
		}
	}
}
