package dir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/source/dir"
)

// files writes files below a directory and returns it.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range content {
		write(t, filepath.Join(root, name), text)
	}
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, root string) dir.Batch {
	t.Helper()
	b, err := dir.Load(nil, root)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// service is a Service with one port.
func service(name string, port int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\nspec:\n  ports:\n  - port: %d\n", name, port)
}

// summary returns the changes as "Kind namespace/name", with the port of a Service, and "-" before deleted objects.
func summary(b dir.Batch) []string {
	out := []string{}
	for _, c := range b.Changes {
		text := c.Key.String()
		switch o := c.Object.(type) {
		case nil:
			text = "-" + text
		case *corev1.Service:
			text = fmt.Sprintf("%s:%d", text, o.Spec.Ports[0].Port)
		}
		out = append(out, text)
	}
	return out
}

// problems returns the problems as "file:line object field: message" with the file relative to the root.
func problems(root string, b dir.Batch) []string {
	out := []string{}
	for _, p := range b.Problems {
		file, object := strings.TrimPrefix(p.File, root+"/"), ""
		if p.Object != (kobj.Key{}) {
			object = p.Object.String()
		}
		out = append(out, fmt.Sprintf("%s:%d [%s] %s: %s", file, p.Line, object, p.Field, strings.ReplaceAll(p.Message, root+"/", "")))
	}
	return out
}

func check(t *testing.T, root string, b dir.Batch, changes, wantProblems []string) {
	t.Helper()
	if diff := cmp.Diff(changes, summary(b)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantProblems, problems(root, b)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func object[T metav1.Object](t *testing.T, b dir.Batch, k kobj.Key) T {
	t.Helper()
	for _, c := range b.Changes {
		if c.Key == k {
			return c.Object.(T)
		}
	}
	t.Fatalf("no %s in %v", k, summary(b))
	panic("unreachable")
}

func TestLoadReadsEveryKindOfFile(t *testing.T) {
	root := files(t, map[string]string{
		"a.yaml":         "# a comment\n---\n" + service("one", 1) + "---\n\n---\n# nothing\n--- # two\n" + service("two", 2) + "...\n" + service("three", 3),
		"b.yml":          "%YAML 1.1\n---\n" + service("four", 4),
		"c.json":         `{"apiVersion":"v1","kind":"Service","metadata":{"name":"five"},"spec":{"ports":[{"port":5,"name":"\ud83d\ude00"}]}}` + "\n" + `{"apiVersion":"v1","kind":"Service","metadata":{"name":"six"},"spec":{"ports":[{"port":6}]}}`,
		"list.yaml":      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: seven, namespace: other}, spec: {ports: [{port: 7}]}}\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Service, metadata: {name: eight}, spec: {ports: [{port: 8}]}}\n",
		"sub/dir/d.yaml": service("nine", 9),
		"README.md":      "not a manifest",
		".hidden.yaml":   "not: [read",
		"empty.yaml":     "",
	})
	check(t, root, load(t, root), []string{
		"Service default/eight:8", "Service default/five:5", "Service default/four:4", "Service default/nine:9",
		"Service default/one:1", "Service default/six:6", "Service default/three:3", "Service default/two:2", "Service other/seven:7",
	}, []string{})
}

func TestLoadOfNoDirectoryIsAnError(t *testing.T) {
	if _, err := dir.Load(nil, filepath.Join(t.TempDir(), "gone")); err == nil {
		t.Error("want an error")
	}
}

func TestKinds(t *testing.T) {
	head := func(version, kind string) string {
		return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: it}\nanything: {goes: here}\n", version, kind)
	}
	for _, row := range []struct{ version, kind, problem string }{
		{"apps/v1", "Deployment", ""},
		{"v1", "PersistentVolume", ""},
		{"cert-manager.io/v1", "Certificate", ""},
		{"serving.knative.dev/v1", "Service", ""},
		{"gateway.networking.x-k8s.io/v1alpha1", "XMesh", ""},
		{"v1", "Servise", `There is no kind "Servise" in v1. Did you mean Service?`},
		{"networking.k8s.io/v1", "Ingres", `There is no kind "Ingres" in networking.k8s.io/v1. Did you mean Ingress?`},
		{"projectcontour.io/v1", "HttpProxy", `There is no kind "HttpProxy" in projectcontour.io/v1. Did you mean HTTPProxy?`},
		{"projectcontour.io/v1", "Certificate", `There is no kind "Certificate" in projectcontour.io/v1.`},
		{"projectcontour.io/v1beta1", "HTTPProxy", "The kind HTTPProxy is supported in projectcontour.io/v1, not in projectcontour.io/v1beta1."},
		{"contour.heptio.com/v1", "HTTPProxy", "The kind HTTPProxy is supported in projectcontour.io/v1, not in contour.heptio.com/v1."},
		{"gateway.networking.k8s.io/v1alpha2", "Gateway", "The kind Gateway is supported in gateway.networking.k8s.io/v1, not in gateway.networking.k8s.io/v1alpha2."},
		{"extensions/v1beta1", "Ingress", "The kind Ingress is supported in networking.k8s.io/v1, not in extensions/v1beta1."},
		{"a/b/c", "Ingress", `The apiVersion "a/b/c" is invalid.`},
	} {
		t.Run(row.version+" "+row.kind, func(t *testing.T) {
			root := files(t, map[string]string{"x.yaml": head(row.version, row.kind)})
			want := []string{}
			if row.problem != "" {
				want = append(want, "x.yaml:2 [] kind: "+row.problem)
			}
			check(t, root, load(t, root), []string{}, want)
		})
	}
}

func TestKindsOfGatewayAPI(t *testing.T) {
	root := files(t, map[string]string{"x.yaml": `apiVersion: gateway.networking.k8s.io/v1beta1
kind: GatewayClass
metadata: {name: contour, namespace: ignored}
spec: {controllerName: projectcontour.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec: {gatewayClassName: contour, listeners: [{name: web, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca, namespace: shop}
data: {ca.crt: text}
`})
	b := load(t, root)
	check(t, root, b, []string{"ConfigMap shop/ca", "Gateway default/web", "GatewayClass contour", "Namespace shop"}, []string{})
	for _, c := range b.Changes {
		switch o := c.Object.(type) {
		case *gatewayv1.Gateway:
			if r := o.Spec.Listeners[0].AllowedRoutes; r == nil || *r.Namespaces.From != gatewayv1.NamespacesFromSame {
				t.Errorf("allowedRoutes %+v, want the default", r)
			}
		case *corev1.Namespace:
			if diff := cmp.Diff(map[string]string{"team": "a", "kubernetes.io/metadata.name": "shop"}, o.Labels); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestErrorsInObjects(t *testing.T) {
	ingress := "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n"
	proxy := "apiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata:\n  name: web\n"
	for _, row := range []struct {
		name, text string
		changes    []string
		problems   []string
	}{
		{
			"unknown field", proxy + "spec:\n  routes:\n  - services: []\n  - services:\n    - {name: a, port: 80}\n    prefx: /x\n",
			[]string{},
			[]string{"x.yaml:10 [HTTPProxy default/web] spec.routes[1].prefx: The field is unknown; the object is not loaded."},
		},
		{
			"unknown field of an Ingress", ingress + "spec:\n  rules:\n  - http: {}\n    hots: a\n",
			[]string{},
			[]string{"x.yaml:8 [Ingress default/web] spec.rules[0].hots: The field is unknown; the object is not loaded."},
		},
		{
			"unknown field of the metadata", proxy + "  annotation: {projectcontour.io/ingress.class: other}\nspec: {}\n",
			[]string{},
			[]string{"x.yaml:5 [HTTPProxy default/web] metadata.annotation: The field is unknown; the object is not loaded. Did you mean annotations?"},
		},
		{
			"unknown field in place of the spec", proxy + "specs: {}\n",
			[]string{},
			[]string{"x.yaml:5 [HTTPProxy default/web] specs: The field is unknown; the object is not loaded. Did you mean spec?"},
		},
		{
			"unknown field of the status", proxy + "spec: {}\nstatus: {of: {another: version}}\n",
			[]string{"HTTPProxy default/web"},
			[]string{"x.yaml:6 [HTTPProxy default/web] status.of: The field is unknown and ignored."},
		},
		{
			"wrong type", proxy + "spec:\n  routes:\n  - services:\n    - name: a\n      port: eighty\n",
			[]string{},
			[]string{`x.yaml:9 [HTTPProxy default/web] spec.routes[0].services[0].port: Expected a number, found a string; the object is not loaded.`},
		},
		{
			"list instead of an object", ingress + "spec:\n  rules:\n  - http:\n    - /\n",
			[]string{},
			[]string{"x.yaml:7 [Ingress default/web] spec.rules[0].http: Expected an object, found a list; the object is not loaded."},
		},
		{
			"too large a number", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports:\n  - port: 80\n  - port: 4294967296\n",
			[]string{},
			[]string{"x.yaml:7 [Service default/web] spec.ports[1].port: Expected a whole number of at most 32 bits, found the number 4294967296; the object is not loaded."},
		},
		{
			"a number in an annotation", ingress + "  annotations:\n    projectcontour.io/num-retries: 3\n",
			[]string{},
			[]string{"x.yaml:6 [Ingress default/web] metadata.annotations[projectcontour.io/num-retries]: Expected a string, found a number; the object is not loaded."},
		},
		{
			"a YAML 1.1 boolean", "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  labels:\n    enabled: yes\n",
			[]string{},
			[]string{"x.yaml:6 [Service default/web] metadata.labels.enabled: Expected a string, found true or false; the object is not loaded."},
		},
		{
			"duplicate field", ingress + "spec:\n  rules: []\n  rules: []\n---\n" + service("fine", 80),
			[]string{"Service default/fine:80"},
			[]string{"x.yaml:7 [] spec.rules: The field is duplicated; the object is not loaded."},
		},
		{
			"no path type", ingress + "spec:\n  rules:\n  - http:\n      paths:\n      - path: /\n        backend: {service: {name: a, port: {number: 80}}}\n",
			[]string{"Ingress default/web"},
			[]string{"x.yaml:9 [Ingress default/web] spec.rules[0].http.paths[0].pathType: The field is required; ImplementationSpecific is assumed."},
		},
		{
			"data that is not base64", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  ok: b2s=\n  tls.crt: '-----BEGIN'\n",
			[]string{},
			[]string{"x.yaml:6 [Secret default/s] data[tls.crt]: The value is not base64; the object is not loaded. Use stringData for plain text."},
		},
		{
			"slice without address type", "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s}\nendpoints: []\n",
			[]string{},
			[]string{"x.yaml:1 [EndpointSlice default/s] addressType: The field is required; the object is not loaded."},
		},
		{
			"no kind", "apiVersion: v1\nmetadata: {name: s}\n---\n" + service("fine", 80),
			[]string{"Service default/fine:80"},
			[]string{"x.yaml:1 [] : The object has no apiVersion or no kind."},
		},
		{
			"no name", "apiVersion: v1\nkind: Service\nmetadata:\n  namespace: x\n",
			[]string{},
			[]string{"x.yaml:3 [] : The object has no name."},
		},
		{
			"bad name", "apiVersion: v1\nkind: Service\nmetadata: {name: a/b}\n",
			[]string{},
			[]string{`x.yaml:3 [] : The name "a/b" is invalid.`},
		},
		{
			"bad namespace", "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: A}\n",
			[]string{},
			[]string{`x.yaml:3 [] : The namespace "A" is invalid.`},
		},
		{
			"no object", "- a\n- b\n",
			[]string{},
			[]string{"x.yaml:1 [] : The value is not an object."},
		},
		{
			"one bad document", service("one", 1) + "---\na: b: c\n---\n" + service("two", 2),
			[]string{"Service default/one:1", "Service default/two:2"},
			[]string{"x.yaml:9 [] : The document is not YAML: mapping values are not allowed in this context."},
		},
		{
			"a template", "kind: Service\nmetadata:\n  name: {{ .Values.name }}\n",
			[]string{},
			[]string{"x.yaml:1 [] : The document is not YAML but seems to be a template: render it first, as helm template does."},
		},
		{
			"items that are not a list", "apiVersion: v1\nkind: List\nitems: {}\n",
			[]string{},
			[]string{"x.yaml:3 [] : The items of the List are not a list."},
		},
		{
			"error in an item", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: s\n  spec:\n    ports:\n    - {port: 80, prot: x}\n",
			[]string{"Service default/s:80"},
			[]string{"x.yaml:10 [Service default/s] spec.ports[0].prot: The field is unknown and ignored. Did you mean port?"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := files(t, map[string]string{"x.yaml": row.text})
			check(t, root, load(t, root), row.changes, row.problems)
		})
	}
}

// More faults than strict decoding returns hide none that matters.
func TestManyUnknownFields(t *testing.T) {
	fields := ""
	for i := range 200 {
		fields += fmt.Sprintf("  f%d: 1\n", i)
	}
	proxy := "apiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: web}\nstatus:\n" + fields + "spec: {route: []}\n"
	root := files(t, map[string]string{"x.yaml": proxy})
	if got := summary(load(t, root)); len(got) > 0 {
		t.Errorf("the object is loaded: %v", got)
	}
}

func TestErrorsInJSON(t *testing.T) {
	root := files(t, map[string]string{
		"twice.json": "{\"apiVersion\": \"v1\", \"kind\": \"Service\",\n \"metadata\": {\"name\": \"a\"},\n \"kind\": \"Service\"}",
		"half.json":  "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"b\"}, \"spec\": {\"ports\": [{\"port\": 1}]}}\n{\"apiVersion\": \"v1\",\n",
		"field.json": "{\n\t\"apiVersion\": \"v1\", \"kind\": \"Service\",\n\t\"metadata\": {\"name\": \"c\"},\n\t\"spec\": {\"ports\": [{\"port\": 1}],\n\t\t\"x\": 1}}",
	})
	check(t, root, load(t, root), []string{"Service default/b:1", "Service default/c:1"}, []string{
		"field.json:5 [Service default/c] spec.x: The field is unknown and ignored.",
		"half.json:2 [] : The file is not JSON: unexpected EOF.",
		"twice.json:3 [] kind: The field is duplicated; the object is not loaded.",
	})
}

func TestFirstFileTakesPrecedence(t *testing.T) {
	root := files(t, map[string]string{
		"b/first.yaml":  service("web", 2),
		"a.yaml":        service("web", 1) + "---\n" + service("web", 3),
		"c.yaml":        "\n" + service("web", 4),
		"ep/slice.yaml": "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-0-ipv4}\naddressType: IPv4\nendpoints: []\n",
		"ep/both.yaml":  "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\nsubsets: [{addresses: [{ip: 192.0.2.1}], ports: [{port: 80}]}]\n",
	})
	check(t, root, load(t, root), []string{"EndpointSlice default/web-0-ipv4", "Service default/web:1"}, []string{
		"a.yaml:9 [Service default/web] : Service default/web is also in a.yaml:1, which takes precedence.",
		"b/first.yaml:1 [Service default/web] : Service default/web is also in a.yaml:1, which takes precedence.",
		"c.yaml:2 [Service default/web] : Service default/web is also in a.yaml:1, which takes precedence.",
		"ep/slice.yaml:1 [EndpointSlice default/web-0-ipv4] : EndpointSlice default/web-0-ipv4 is also in ep/both.yaml:1, which takes precedence.",
	})
}

func TestDefaults(t *testing.T) {
	root := files(t, map[string]string{"x.yaml": `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}, {port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {a: YQ==, b: Yg==}
stringData: {b: over, c: new}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [192.0.2.1]}]
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: p}
spec:
  routes:
  - requestRedirectPolicy: {hostname: example.com}
  - requestRedirectPolicy: {statusCode: 307}
    retryPolicy: {}
`})
	b := load(t, root)
	svc := object[*corev1.Service](t, b, kobj.Of(kobj.Service, "default", "web"))
	want := corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{Port: 80, Protocol: "TCP"}, {Port: 53, Protocol: "UDP"}}}
	if diff := cmp.Diff(want, svc.Spec); diff != "" || svc.Namespace != "default" || !svc.CreationTimestamp.IsZero() {
		t.Errorf("Service in %q of %s: %s", svc.Namespace, svc.CreationTimestamp, diff)
	}
	secret := object[*corev1.Secret](t, b, kobj.Of(kobj.Secret, "default", "s"))
	data := map[string][]byte{"a": []byte("a"), "b": []byte("over"), "c": []byte("new")}
	if diff := cmp.Diff(data, secret.Data); diff != "" || secret.Type != corev1.SecretTypeOpaque {
		t.Errorf("Secret of type %s: %s", secret.Type, diff)
	}
	slice := object[*discoveryv1.EndpointSlice](t, b, kobj.Of(kobj.EndpointSlice, "default", "web-1"))
	ports := []discoveryv1.EndpointPort{{Name: new(""), Port: new(int32(8080)), Protocol: new(corev1.ProtocolTCP)}}
	if diff := cmp.Diff(ports, slice.Ports); diff != "" {
		t.Error(diff)
	}
	routes := object[*contourv1.HTTPProxy](t, b, kobj.Of(kobj.HTTPProxy, "default", "p")).Spec.Routes
	if a, b := *routes[0].RequestRedirectPolicy.StatusCode, *routes[1].RequestRedirectPolicy.StatusCode; a != 302 || b != 307 {
		t.Errorf("status codes %d and %d", a, b)
	}
	if n := routes[1].RetryPolicy.NumRetries; n != 1 {
		t.Errorf("%d retries", n)
	}
}

func TestEndpointsAreConvertedToSlices(t *testing.T) {
	root := files(t, map[string]string{"x.yaml": `
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop}
subsets:
- addresses: [{ip: 192.0.2.1, nodeName: node-1}, {ip: "2001:db8::1"}]
  notReadyAddresses: [{ip: 192.0.2.2}]
  ports: [{name: http, port: 8080}]
- addresses: [{ip: nonsense}]
  ports: [{port: 1}]
`})
	b := load(t, root)
	check(t, root, b, []string{"EndpointSlice shop/web-0-ipv4", "EndpointSlice shop/web-0-ipv6"}, []string{})
	key := kobj.Of(kobj.EndpointSlice, "shop", "web-0-ipv4")
	got := object[*discoveryv1.EndpointSlice](t, b, key)
	want := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "web-0-ipv4", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(8080)), Protocol: new(corev1.ProtocolTCP)}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"192.0.2.1"}, NodeName: new("node-1"), Conditions: discoveryv1.EndpointConditions{Ready: new(true), Serving: new(true)}},
			{Addresses: []string{"192.0.2.2"}, Conditions: discoveryv1.EndpointConditions{Ready: new(false), Serving: new(false)}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, k := range []kobj.Key{key, kobj.Of("Endpoints", "shop", "web")} {
		if at, ok := b.Positions.Position(k, "subsets[0].ports"); !ok || at.Line != 8 {
			t.Errorf("%s is at %v, %t", k, at, ok)
		}
	}
}

func TestPositions(t *testing.T) {
	text := `# comment
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations:
    projectcontour.io/retry-on: 5xx
spec:
  rules:
  - host: a.example.com
    http: &paths
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web, port: {number: 80}}}
  - host: b.example.com
    http: *paths
`
	root := files(t, map[string]string{"x.yaml": service("other", 1) + "---\n" + text})
	b := load(t, root)
	key := kobj.Of(kobj.Ingress, "default", "web")
	for field, want := range map[string]int{
		"":                   11,
		"spec":               17,
		"spec.rules[1].host": 25,
		"spec.rules[0].http.paths[0].backend.service.port.number":      24,
		"spec.rules[1].http.paths[0].path":                             22,
		"spec.rules[7].host":                                           18,
		"spec.defaultBackend":                                          17,
		"metadata.annotations[projectcontour.io/retry-on]":             16,
		"metadata.annotations[projectcontour.io/websocket-routes]":     15,
		"spec.rules[0].http.paths[0].pathType[":                        23,
		"spec.rules[99999999999999999999].http.paths[-1]..backend[][]": 18,
	} {
		at, ok := b.Positions.Position(key, field)
		if !ok || at.File != filepath.Join(root, "x.yaml") || at.Line != want {
			t.Errorf("%q: want line %d, got %v, %t", field, want, at, ok)
		}
	}
	if _, ok := b.Positions.Position(kobj.Of(kobj.Ingress, "default", "none"), ""); ok {
		t.Error("an object that does not exist has a position")
	}
	if o := object[*networkingv1.Ingress](t, b, key); len(o.Spec.Rules[1].HTTP.Paths) != 1 {
		t.Error("the alias was not resolved")
	}
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("d/", 20) + "deep.yaml"
	many := "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 1}]}\n"
	for i := range 90 {
		many += fmt.Sprintf("unknown%d: 1\n", i)
	}
	content := map[string]string{
		"large.yaml": service("large", 1) + "#" + strings.Repeat("x", 16<<20),
		deep:         service("deep", 1),
	}
	for i := range 20 {
		content[fmt.Sprintf("many%d.yaml", i)] = strings.Replace(many, "web", fmt.Sprintf("web%d", i), 1)
	}
	root := files(t, content)
	if err := os.Symlink(root, filepath.Join(root, "loop")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "nowhere"), filepath.Join(root, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	b := load(t, root)
	if len(b.Changes) != 20 {
		t.Errorf("want the 20 objects within the limits, got %v", summary(b))
	}
	all := strings.Join(problems(root, b), "\n")
	for _, want := range []string{"The file is larger than 16 MiB.", "more than 16 levels deep", "a link to one of its parents", "the target of the link does not exist", "There are 804 more problems."} {
		if !strings.Contains(all, want) {
			t.Errorf("no problem contains %q", want)
		}
	}
	if len(b.Problems) != 1001 {
		t.Errorf("%d problems", len(b.Problems))
	}
}

func TestLargeValuesAreNotRepeated(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	root := files(t, map[string]string{
		"kind.yaml": "apiVersion: v1\nkind: " + large + "\nmetadata: {name: a}\n",
		"name.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: " + large + "}\n",
		"type.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1" + strings.Repeat("0", 1000) + "}]}\n",
	})
	b := load(t, root)
	if len(b.Problems) != 3 {
		t.Errorf("want 3 problems, got %d", len(b.Problems))
	}
	for _, p := range b.Problems {
		if len(p.Message) > 400 {
			t.Errorf("a message of %d bytes", len(p.Message))
		}
	}
}

func TestProblemsAreSorted(t *testing.T) {
	root := files(t, map[string]string{"b.yaml": "a: [", "a.yaml": "- 1\n---\n- 2\n"})
	b := load(t, root)
	if len(b.Problems) != 3 || !slices.IsSortedFunc(b.Problems, dir.Problem.Compare) {
		t.Errorf("%v", problems(root, b))
	}
}
