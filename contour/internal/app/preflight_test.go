package app

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const old = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: contour, namespace: projectcontour, labels: {app: contour}}
spec:
  template:
    spec:
      serviceAccountName: contour
      containers:
      - name: contour
        image: ghcr.io/projectcontour/contour:v1.33.0
        args: [serve, --incluster, --config-path=/config/contour.yaml, --of-another-version=CANARY, --contour-cafile=a, --contour-cert-file=b, --contour-key-file=c]
        volumeMounts: [{name: config, mountPath: /config}]
      volumes: [{name: config, configMap: {name: contour}}, {name: cert, secret: {secretName: contourcert}}, {name: gone, secret: {secretName: gone}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: contour, namespace: projectcontour}
data: {contour.yaml: "server:\n  xds-server-type: envoy\nfeatureFlags: [a]\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: contourcert, namespace: projectcontour}
type: kubernetes.io/tls
data: {tls.crt: Q0FOQVJZ, tls.key: Q0FOQVJZ}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: envoy, namespace: projectcontour, labels: {app: envoy}}
spec:
  template:
    spec:
      initContainers: [{name: envoy-initconfig, image: ghcr.io/projectcontour/contour:v1.20.0, command: [contour], args: [bootstrap, /config/envoy.json]}]
      containers: [{name: envoy, image: "docker.io/envoyproxy/envoy:v1.35.2"}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: httpproxies.projectcontour.io}
status: {storedVersions: [v1beta1, v1]}
`

// contains reports each of the texts that is missing in what a command prints.
func contains(t *testing.T, printed string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Count(printed, text) != 1 {
			t.Errorf("%d times %q in\n%s", strings.Count(printed, text), text, printed)
		}
	}
}

func TestPreflightOfCluster(t *testing.T) {
	t.Parallel()
	c, kubeconfig := newCluster(t, quickstart)
	c.add(old)
	c.denied["ingresses"], c.absent["endpointslices"], c.absent["httpproxies"] = true, true, true
	code, out, errs := runMain("preflight", "--kubeconfig="+kubeconfig)
	if code != 3 || !strings.Contains(errs, " errors, ") || strings.Contains(out, "CANARY") || strings.Contains(out, "Q0FOQVJZ") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	contains(t, out,
		"error: Deployment projectcontour/contour: --of-another-version: This version does not have this argument",
		"Delete this section, with its xds-server-type",
		"warning: Deployment projectcontour/contour: featureFlags: ",
		"error: API EndpointSlice: The API server does not serve discovery.k8s.io/v1",
		"note: API HTTPProxy: The API server does not serve projectcontour.io/v1 yet",
		"error: CustomResourceDefinition httpproxies.projectcontour.io: status.storedVersions: Objects may be stored as v1beta1,",
		`error: ServiceAccount projectcontour/contour: The permission "list ingresses.networking.k8s.io" is missing: `,
		`warning: ServiceAccount projectcontour/contour: The permission "patch ingresses.networking.k8s.io/status" is missing: `,
		"error: Secret projectcontour/gone: The Secret does not exist",
		"warning: DaemonSet projectcontour/envoy: containers.envoy: The image is of Envoy 1.35, and this version is tested with Envoy 1.40",
		"warning: DaemonSet projectcontour/envoy: initContainers.envoy-initconfig: The bootstrap file is written by another image",
	)
	for output, decode := range map[string]func([]byte, any) error{
		"json": json.Unmarshal, "yaml": func(text []byte, into any) error { return yaml.Unmarshal(text, into) },
	} {
		code, text, _ := runMain("preflight", "--kubeconfig="+kubeconfig, "-o", output)
		var list struct {
			Kind  string
			Items []struct{ Severity, Message string }
		}
		if err := decode([]byte(text), &list); err != nil || code != 3 || list.Kind != "DiagnosticList" || len(list.Items) != strings.Count(out, "\n") {
			t.Errorf("%s: exit code %d, %v, %d findings:\n%s", output, code, err, len(list.Items), text)
		}
	}
}

// What may not be read is a note; nothing else changes.
func TestPreflightCannotTell(t *testing.T) {
	t.Parallel()
	c, kubeconfig := newCluster(t, quickstart)
	c.add(deployed)
	run := func() (int, string, string) { return runMain("preflight", "--kubeconfig="+kubeconfig) }
	code, out, errs := run()
	if contains(t, out, "error: "); code != 3 { // --of-another-version
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	for _, resource := range []string{"deployments", "configmaps", "daemonsets", "subjectaccessreviews", "secrets", "httpproxies"} {
		c.forbidden[resource] = true
		if code, out, errs := run(); code == 1 || !strings.Contains(out, "note: ") || !strings.Contains(out, "Cannot tell ") {
			t.Errorf("%s: exit code %d: %s%s", resource, code, out, errs)
		}
		delete(c.forbidden, resource)
	}
}

func TestPreflightOfFiles(t *testing.T) {
	t.Parallel()
	code, out, errs := runMain("preflight", "-f", manifest(t, old), "-f", manifest(t, broken))
	if code != 3 || strings.Contains(out, "CANARY") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	contains(t, out, "--of-another-version: This version", "Delete this section", "featureFlags: ", "ServiceUnresolvedReference")
	if code, out, errs := runMain("preflight", "-f", quickstart); code != 0 || !strings.Contains(out, "note: There is no Deployment of a controller") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}
