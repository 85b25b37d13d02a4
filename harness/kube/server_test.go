//go:build local

package kube_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/address"
	"contour.example/harness/asset"
	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/local"
	"contour.example/harness/pki"
	"contour.example/harness/scenario"
	"contour.example/harness/traffic"
)

// cluster starts an API server with the project's CRDs.
func cluster(t *testing.T) *kube.Client {
	t.Helper()
	c, err := local.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kube.New(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.InstallCRDs(t.Context(), filepath.Join(root, "manifests", "crds")); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestAgainstAnAPIServer(t *testing.T) {
	t.Parallel()
	client := cluster(t)
	t.Run("apply, get, list, delete", func(t *testing.T) { testObjects(t, client) })
	t.Run("a backend is accepted and reachable", func(t *testing.T) { testBackend(t, client) })
	t.Run("a scenario passes, and fails when it should", func(t *testing.T) { testScenario(t, client) })
}

func testObjects(t *testing.T, client *kube.Client) {
	ctx := t.Context()
	ns, err := client.CreateNamespace(ctx, "objects")
	if err != nil {
		t.Fatal(err)
	}
	const proxy = "apiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: a}\nspec: {virtualhost: {fqdn: %s}}\n"
	var versions []string
	for _, fqdn := range []string{"a.example", "a.example", "a.example", "b.example"} {
		applied, err := client.ApplyYAML(ctx, ns, fmt.Sprintf(proxy, fqdn))
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, applied[0].GetResourceVersion())
	}
	// The second apply may store the default of the status, which a create drops.
	if versions[1] != versions[2] || versions[2] == versions[3] {
		t.Errorf("versions %v: want a new one for a change only", versions)
	}
	kind := schema.GroupVersionKind{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"}
	ref := kube.Ref{GroupVersionKind: kind, Namespace: ns, Name: "a"}
	for range 2 { // the second finds nothing to delete
		if err := client.Delete(ctx, ref); err != nil {
			t.Error(err)
		}
	}
	left, err := client.List(ctx, kind, ns)
	if err != nil || len(left) != 0 {
		t.Errorf("%d objects left, %v", len(left), err)
	}
	if _, err := client.Get(ctx, ref); err == nil {
		t.Error("a deleted object can be read")
	}
	if _, err := client.ApplyYAML(ctx, ns, strings.ReplaceAll(fmt.Sprintf(proxy, "a"), "HTTPProxy", "NoSuchKind")); err == nil {
		t.Error("an unknown kind is accepted")
	}
}

func claims(t *testing.T) *address.Claims {
	t.Helper()
	c, err := address.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func serve(t *testing.T, service string) *backend.Server {
	t.Helper()
	ip, err := claims(t).IP()
	if err != nil {
		t.Fatal(err)
	}
	s, err := backend.HTTP(backend.Options{Service: service, Listen: netip.AddrPortFrom(ip, 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func testBackend(t *testing.T, client *kube.Client) {
	ns, err := client.CreateNamespace(t.Context(), "backend")
	if err != nil {
		t.Fatal(err)
	}
	spec := backend.ServiceSpec{
		Namespace: ns, Name: "shop", Port: 80, PortName: "http",
		Servers: []*backend.Server{serve(t, "shop"), serve(t, "shop")},
	}
	objects, err := spec.Objects()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Apply(t.Context(), "", objects...); err != nil {
		t.Fatal(err)
	}
	slices, err := client.List(t.Context(), schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}, ns)
	if err != nil || len(slices) != 2 {
		t.Errorf("%d slices, %v, want 2", len(slices), err)
	}
}

func testScenario(t *testing.T, client *kube.Client) {
	// The backend replaces the proxy.
	proxy := serve(t, "front")
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	env := scenario.Env{
		Kube: client, Traffic: traffic.Client{HTTP: proxy.Address().String()},
		Addresses: claims(t), CA: ca, Timeout: scenario.DefaultTimeout, Logf: t.Logf,
	}
	const text = `
name: applied objects exist
backends:
- {name: shop, endpoints: 2}
- {name: secure, protocol: https, port: 443}
- {name: lines, protocol: tcp}
certificates:
- {name: cert, hosts: ["a.${DOMAIN}"]}
steps:
- name: objects and answers are as expected
  apply: |
    apiVersion: projectcontour.io/v1
    kind: HTTPProxy
    metadata: {name: a}
    spec: {virtualhost: {fqdn: "a.${DOMAIN}"}}
  requests:
  - {url: "http://a.${DOMAIN}/x", want: {status: 200, backend: BACKEND, host: "a.${DOMAIN}", path: /x}}
  objects:
  - {apiVersion: projectcontour.io/v1, kind: HTTPProxy, name: a, has: {spec: {virtualhost: {fqdn: "a.${DOMAIN}"}}}}
  - {apiVersion: v1, kind: Service, name: secure, has: {spec: {ports: [{port: 443}]}}}
  - {apiVersion: v1, kind: Secret, name: cert, has: {type: kubernetes.io/tls}}
`
	for service, want := range map[string]string{
		"front": "",
		"other": "applied objects exist: step 1, objects and answers are as expected: answer to GET http://a.",
	} {
		s, err := scenario.Parse([]byte(strings.ReplaceAll(text, "BACKEND", service)))
		if err != nil {
			t.Fatal(err)
		}
		if service == "other" {
			env.Timeout = 1e8
		}
		err = env.Run(t.Context(), s)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("backend %s: got %v, want %q", service, err, want)
		}
	}
}
