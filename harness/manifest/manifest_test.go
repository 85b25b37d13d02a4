//go:build local

package manifest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/envoybootstrap"

	"contour.example/harness/address"
	"contour.example/harness/controller"
	"contour.example/harness/envoy"
	"contour.example/harness/kube"
	"contour.example/harness/manifest"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// Each kustomization can be installed, grants the permissions that the real controller needs, and can be uninstalled completely.
func TestManifests(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, kustomization := range []string{manifest.Base, manifest.EnvoyDeployment, manifest.WatchedNamespaces} {
		t.Run(kustomization, func(t *testing.T) {
			in := *w
			in.T = t
			in.lifeOf(kustomization)
		})
	}
}

// A second controller is installed beside a first one, whose objects it does not change.
func TestAnotherClass(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	objects, err := manifest.Objects(t.Context(), manifest.Base)
	w.require(err)
	applied, err := manifest.Install(t.Context(), w.client, objects)
	w.require(err)
	w.lifeOf(manifest.AnotherClass)
	for _, o := range applied {
		now, err := w.client.Get(t.Context(), kube.RefTo(o))
		w.require(err)
		if d := cmp.Diff(versions([]*kube.Object{o}), versions([]*kube.Object{now})); d != "" {
			t.Errorf("the first installation (-before +after):\n%s", d)
		}
	}
}

func (w *environment) lifeOf(kustomization string) {
	before := w.everything()
	objects, err := manifest.Objects(w.Context(), kustomization)
	w.require(err)
	for _, o := range objects {
		switch o.GetKind() {
		case "Namespace":
			w.namespace = o.GetName()
		case "IngressClass":
			w.class = o.GetName()
		}
	}
	first, err := manifest.Install(w.Context(), w.client, objects)
	w.require(err)
	second, err := manifest.Install(w.Context(), w.client, objects)
	w.require(err)
	if d := cmp.Diff(versions(first), versions(second)); d != "" {
		w.Errorf("a second apply changes (-first +second):\n%s", d)
	}
	w.admitsPods(objects)
	w.controls(objects)

	w.require(manifest.Uninstall(w.Context(), w.client, objects))
	w.removeUserObjects(objects)
	w.endNamespace()
	w.require(poll.Until(w.Context(), waitTimeout, "end of all objects", func(context.Context) (bool, string, error) {
		d := cmp.Diff(before, w.everything())
		return d == "", "objects (-before +after):\n" + d, nil
	}))
}

func versions(objects []*kube.Object) map[string]string {
	v := map[string]string{}
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" { // the server writes their status between the two
			v[kube.RefTo(o).String()] = o.GetResourceVersion()
		}
	}
	return v
}

// admitsPods creates, as a dry run, a pod of each template in the namespace with its own pod security, and in one that is restricted.
func (w *environment) admitsPods(objects []*kube.Object) {
	w.Helper()
	var rejected []string
	for _, o := range objects {
		template, ok, _ := unstructured.NestedMap(o.Object, "spec", "template")
		if !ok {
			continue
		}
		if err := w.tryPod(w.namespace, template); err != nil {
			w.Errorf("%s: %v", kube.RefTo(o), err)
		}
		if err := w.tryPod(restricted, template); err != nil {
			if !strings.Contains(err.Error(), "hostPort") || strings.Count(err.Error(), "(") != 1 {
				w.Errorf("%s: %v", kube.RefTo(o), err)
			}
			rejected = append(rejected, o.GetKind())
		}
	}
	hasDaemonSet := slices.ContainsFunc(objects, func(o *kube.Object) bool { return o.GetKind() == "DaemonSet" })
	if want := map[bool]string{true: "[DaemonSet]", false: "[]"}[hasDaemonSet]; fmt.Sprint(rejected) != want {
		w.Errorf("a restricted namespace rejects %v, want %s", rejected, want)
	}
}

func (w *environment) tryPod(namespace string, template map[string]any) error {
	pod := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]}}
	pod = pod.DeepCopy()
	pod.SetGenerateName("trial-")
	pods := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(namespace)
	_, err := pods.Create(w.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

const userObjects = `
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: moved, namespace: default}
spec:
  ingressClassName: ${CLASS}
  virtualhost: {fqdn: moved.example}
  routes: [{requestRedirectPolicy: {hostname: new.example}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: mistaken, namespace: default}
spec:
  ingressClassName: ${CLASS}
  rules:
  - host: mistaken.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: none, port: {number: 80}}}}]}
`

// controls runs certgen, the controller and an Envoy as the pods of the manifests would run, with the permissions of their
// service accounts, until a request is answered and statuses and an Event are written.
func (w *environment) controls(objects []*kube.Object) {
	w.Helper()
	dir, err := os.MkdirTemp("", "manifest-") // short, for the path of Envoy's socket
	w.require(err)
	w.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.certgen(objects, dir)
	ports, err := address.New()
	w.require(err)
	w.Cleanup(func() { _ = ports.Close() })
	listeners, err := controller.ClaimListeners(ports)
	w.require(err)

	credentials := w.credentials(dir)
	args := append(scopeFlags(objects), "--envoy-service-namespace="+w.namespace) // a pod has it in its environment
	c, err := controller.Start(controller.Options{
		Path: w.contour, Name: "contour", Dir: dir, Namespace: w.namespace, Listeners: listeners, Credentials: credentials,
		Kubeconfig: w.kubeconfigOf("contour", dir), Args: args,
	}, ports)
	w.require(err)
	w.Cleanup(func() { _ = c.Kill() })
	w.require(c.Ready(w.Context()))
	bootstrap := envoybootstrap.Default()
	bootstrap.XDSPort, bootstrap.TLS = c.XDSPort, credentials.Envoy()
	e, err := envoy.Start(w.Context(), envoy.Options{Dir: dir, XDS: bootstrap})
	w.require(err)
	w.Cleanup(func() { _ = e.Kill() })
	w.require(e.Ready(w.Context()))

	w.giveAddress("192.0.2.7")
	_, err = w.client.ApplyYAML(w.Context(), "", strings.ReplaceAll(userObjects, "${CLASS}", w.class))
	w.require(err)
	web := traffic.Client{HTTP: fmt.Sprintf("127.0.0.1:%d", listeners.HTTP)}
	_, err = web.Until(w.Context(), waitTimeout, traffic.Request{Host: "moved.example"}, func(a traffic.Answer) string {
		if a.Status != 302 {
			return a.String()
		}
		return ""
	})
	w.require(err)
	w.waitForField("projectcontour.io/v1", "HTTPProxy", "moved", "valid", "status", "currentStatus")
	w.waitForField("projectcontour.io/v1", "HTTPProxy", "moved", "[map[ip:192.0.2.7]]", "status", "loadBalancer", "ingress")
	w.waitForField("networking.k8s.io/v1", "Ingress", "mistaken", "[map[ip:192.0.2.7]]", "status", "loadBalancer", "ingress")
	w.waitForEvent("mistaken")
	w.drains(dir, listeners.Stats)
	w.require(c.Stop(waitTimeout))
	log, err := os.ReadFile(c.Log())
	w.require(err)
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "forbidden") || strings.Contains(line, "level=error") {
			w.Errorf("controller: %s", line)
		}
	}
	w.require(e.Kill())
}

// drains runs the preStop hook of the shutdown manager while a client requests statistics, which must not delay it.
func (w *environment) drains(dir string, stats int) {
	w.Helper()
	scrape, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", stats))
	w.require(err)
	defer func() { _ = scrape.Close() }()
	file := filepath.Join(dir, "ok")
	out, err := exec.CommandContext(w.Context(), w.contour, "envoy", "shutdown",
		"--admin-address="+envoy.AdminSocket(dir), "--ready-file="+file, "--check-interval=100ms", "--timeout=30s").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Envoy is drained") {
		w.Errorf("shutdown: %v\n%s", err, out)
	}
	if _, err := os.Stat(file); err != nil {
		w.Errorf("shutdown: %v", err)
	}
}

// certgen runs the Job's command with the permissions of its service account, twice: an upgrade keeps valid Secrets.
func (w *environment) certgen(objects []*kube.Object, dir string) {
	w.Helper()
	i := slices.IndexFunc(objects, func(o *kube.Object) bool { return o.GetKind() == "Job" })
	for _, outcome := range []string{"created", "unchanged"} {
		args := []string{"--kubeconfig=" + w.kubeconfigOf("contour-certgen", dir)}
		for _, arg := range containerArgs(w.T, objects[i]) {
			if arg != "--incluster" {
				args = append([]string{strings.ReplaceAll(arg, "$(CONTOUR_NAMESPACE)", w.namespace)}, args...)
			}
		}
		slices.SortStableFunc(args, func(a, b string) int { return strings.Count(b, "certgen") - strings.Count(a, "certgen") }) // the command first
		out, err := exec.CommandContext(w.Context(), w.contour, args...).CombinedOutput()
		if err != nil || strings.Count(string(out), outcome) != 2 {
			w.Fatalf("%v: %v, want that two Secrets are %s\n%s", args, err, outcome, out)
		}
	}
}

func containerArgs(t *testing.T, o *kube.Object) []string {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) == 0 {
		t.Fatalf("%s: no containers: %v", kube.RefTo(o), err)
	}
	args, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// scopeFlags are the arguments of the controller that do not depend on its environment: what it watches and serves.
func scopeFlags(objects []*kube.Object) (flags []string) {
	for _, o := range objects {
		if o.GetKind() != "Deployment" || o.GetName() != "contour" {
			continue
		}
		containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		args, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
		for _, arg := range args {
			if strings.HasPrefix(arg, "--watch-namespaces=") || strings.HasPrefix(arg, "--ingress-class-name=") {
				flags = append(flags, arg)
			}
		}
	}
	return flags
}

// credentials are those that certgen created, as the pods mount them.
func (w *environment) credentials(dir string) *controller.Credentials {
	w.Helper()
	c := &controller.Credentials{}
	for secret, files := range map[string]map[string]*string{
		"contourcert": {"ca.crt": &c.CA, "tls.crt": &c.ServerCert, "tls.key": &c.ServerKey},
		"envoycert":   {"tls.crt": &c.EnvoyCert, "tls.key": &c.EnvoyKey},
	} {
		o, err := w.client.Get(w.Context(), kube.Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, Namespace: w.namespace, Name: secret})
		w.require(err)
		for key, path := range files {
			encoded, _, _ := unstructured.NestedString(o.Object, "data", key)
			content, err := base64.StdEncoding.DecodeString(encoded)
			w.require(err)
			*path = filepath.Join(dir, secret+"-"+key)
			w.require(os.WriteFile(*path, content, 0o600))
		}
	}
	return c
}

// removeUserObjects removes what controls created, except for an HTTPProxy that was deleted with its CRD.
func (w *environment) removeUserObjects(objects []*kube.Object) {
	w.Helper()
	made, err := kube.Parse(userObjects)
	w.require(err)
	kinds := slices.ContainsFunc(objects, func(o *kube.Object) bool { return o.GetKind() == "CustomResourceDefinition" })
	for _, o := range made {
		if !kinds || o.GetKind() != "HTTPProxy" {
			w.require(w.client.Delete(w.Context(), kube.RefTo(o)))
		}
	}
}
