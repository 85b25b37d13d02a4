//go:build local

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"contour.example/harness/asset"
	"contour.example/harness/kube"
	"contour.example/harness/scenario"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// Two controllers share a cluster: each serves its ingress class and does not change the other's objects. The second one, with
// the configuration of the manifests, accepts roots and Ingresses only in the namespaces of --root-namespaces; elsewhere a
// root is invalid, but a namespace that consents can be delegated to.
func TestClassesAndRootNamespaces(t *testing.T) {
	const class, allowed = "second", "roots-allowed"
	s := beside(t, class, testsystem.Options{ServeArgs: []string{"--config-path=" + shippedConfiguration(t), "--root-namespaces=other," + allowed}})
	namespace := &kube.Object{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetName(allowed)
	roots, others := &fixture{t: t, s: s, namespace: allowed}, newFixture(t, s)
	others.applyObjects(namespace)
	for _, f := range []*fixture{roots, others} {
		f.service("shop", f.server("shop-of-"+f.namespace, "0"))
		f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: root}
spec:
  ingressClassName: %s
  virtualhost: {fqdn: %s.example}
  includes: [{name: child, namespace: %s, conditions: [{prefix: /child}]}]
  routes: [{services: [{name: shop, port: 80}]}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, annotations: {projectcontour.io/ingress.class: %[1]s}}
spec:
  rules:
  - host: i.%[2]s.example
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]
`, class, f.namespace, others.namespace)
	}
	others.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: child, annotations: {projectcontour.io/include-from: %s}}
spec:
  ingressClassName: %s
  routes: [{services: [{name: shop, port: 80}]}]
`, allowed, class)
	roots.answered(traffic.Request{Host: allowed + ".example"}, "shop-of-"+allowed)
	roots.answered(traffic.Request{Host: allowed + ".example", Path: "/child"}, "shop-of-"+others.namespace)
	roots.answered(traffic.Request{Host: "i." + allowed + ".example"}, "shop-of-"+allowed)
	roots.status(traffic.Request{Host: "i." + others.namespace + ".example"}, 404)
	roots.status(traffic.Request{Host: others.namespace + ".example"}, 404)
	first := fixture{t: t, s: shared}
	first.status(traffic.Request{Host: allowed + ".example"}, 404)
	first.status(traffic.Request{Host: "i." + allowed + ".example"}, 404)
	proxy := func(namespace, name string, status map[string]any) scenario.Object {
		return scenario.Object{
			Target: scenario.Target{APIVersion: "projectcontour.io/v1", Kind: "HTTPProxy", Name: name, Namespace: namespace},
			Has:    map[string]any{"status": status},
		}
	}
	roots.runSteps(scenario.Step{
		Name: "only the root outside of the root namespaces is invalid",
		Objects: []scenario.Object{
			proxy(allowed, "root", map[string]any{"currentStatus": "valid"}),
			proxy(others.namespace, "child", map[string]any{"currentStatus": "valid"}),
			proxy(others.namespace, "root", map[string]any{"currentStatus": "invalid", "conditions": []any{map[string]any{
				"errors": []any{map[string]any{"type": "RootNamespaceError", "reason": "RootProxyNotAllowedInNamespace"}},
			}}}),
		},
	})
}

// shippedConfiguration is the path of a file with the configuration of the manifests.
func shippedConfiguration(t *testing.T) string {
	t.Helper()
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "manifests", "base", "configuration.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var shipped corev1.ConfigMap
	if err := yaml.Unmarshal(text, &shipped); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "contour.yaml")
	if err := os.WriteFile(path, []byte(shipped.Data["contour.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// beside runs another controller and Envoy in the shared cluster for one test, and checks at its end that they run without errors.
func beside(t *testing.T, class string, o testsystem.Options) *testsystem.System {
	t.Helper()
	s, err := shared.Beside(t.Context(), class, o)
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, s)
	return s
}
