//go:build local

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/envoybootstrap"
	"contour.example/harness/asset"
	"contour.example/harness/envoy"
	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
)

// A Gateway gets Envoys of its own: objects in its namespace, whose certificate identifies its fleet. They are repaired, follow edits, and go
// with the Gateway. An object that was there before stays as it is.
func TestProvisioner(t *testing.T) {
	p := startProvisioner(t, "provisioner")
	f, s := p.fixture, p.s
	port, err := s.Addresses.Port()
	if err != nil {
		t.Fatal(err)
	}
	f.apply(`
apiVersion: v1
kind: Service
metadata: {name: envoy-taken}
spec: {ports: [{port: 7}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: taken}
spec:
  gatewayClassName: provisioner
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: provisioner
  infrastructure: {labels: {team: a}, annotations: {note: b}}
  listeners: [{name: http, port: %d, protocol: HTTP}]
`, port)
	gateway := gatewayObject(f, "Gateway", "web")
	for _, o := range p.ofWeb() {
		p.until(o, "has the labels of the infrastructure", func(o *kube.Object) string {
			if o == nil || o.GetLabels()["team"] != "a" || o.GetAnnotations()["note"] != "b" || o.GetLabels()["gateway.networking.k8s.io/gateway-name"] != "web" {
				return fmt.Sprint(o)
			}
			return ""
		})
	}
	gateway.until("waits for an address", func(o *kube.Object) string {
		return want(o, 1, "Accepted=True/Accepted", "Programmed=False/AddressNotAssigned")
	})
	gatewayObject(f, "Gateway", "taken").until("reports the Service of somebody else", func(o *kube.Object) string { return want(o, 1, "Programmed=False/NoResources") })

	p.startEnvoy()
	p.patch("services", "envoy-web", `{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.77"}]}}}`, "status")
	gateway.until("is programmed", func(o *kube.Object) string {
		if text := fmt.Sprint(o.Object["status"]); !strings.Contains(text, "192.0.2.77") {
			return text
		}
		return want(o, 1, "Programmed=True/Programmed", "http:0 Programmed=True/Programmed")
	})

	p.repairsDrift()
	if err := s.Kube.Delete(t.Context(), gateway.ref); err != nil {
		t.Fatal(err)
	}
	for _, o := range p.ofWeb() {
		p.until(o, "is deleted", func(o *kube.Object) string {
			if o != nil && o.GetDeletionTimestamp() == nil {
				return "it exists"
			}
			return ""
		})
	}
	if o := p.get(t.Context(), p.ref("v1", "Service", "envoy-taken")); o == nil || len(o.GetLabels()) > 0 {
		t.Errorf("the Service of somebody else is changed: %v", o)
	}
}

// provisioned is the objects of the fleets in the namespace of a test.
type provisioned struct {
	*fixture
	client dynamic.Interface
}

// ofWeb returns the objects of the fleet of the Gateway web.
func (p provisioned) ofWeb() []kube.Ref {
	return []kube.Ref{
		p.ref("v1", "ServiceAccount", "envoy-web"), p.ref("v1", "Service", "envoy-web"), p.ref("apps/v1", "DaemonSet", "envoy-web"),
		p.ref("v1", "Secret", "envoycert-web"),
	}
}

// repairsDrift changes and deletes objects of the Gateway web, and waits until they are as before, except for what others have added.
func (p provisioned) repairsDrift() {
	p.t.Helper()
	drifted := time.Now()
	p.patch("services", "envoy-web", `{"spec": {"externalTrafficPolicy": "Cluster"}, "metadata": {"annotations": {"cloud": "x"}}}`)
	p.until(p.ref("v1", "Service", "envoy-web"), "is repaired, and keeps what others set", func(o *kube.Object) string {
		policy, _, _ := unstructured.NestedString(o.Object, "spec", "externalTrafficPolicy")
		if policy != "Local" || o.GetAnnotations()["cloud"] != "x" {
			return fmt.Sprint(policy, o.GetAnnotations())
		}
		return ""
	})
	p.t.Logf("repaired %v after the change", time.Since(drifted))
	if err := p.s.Kube.Delete(p.t.Context(), p.ref("v1", "ServiceAccount", "envoy-web")); err != nil {
		p.t.Fatal(err)
	}
	p.until(p.ref("v1", "ServiceAccount", "envoy-web"), "is created again", func(o *kube.Object) string {
		if o == nil {
			return "it does not exist"
		}
		return ""
	})
}

// startProvisioner runs a controller with the provisioner in the shared cluster, which serves the class of that name.
func startProvisioner(t *testing.T, class string) provisioned {
	t.Helper()
	dir := t.TempDir()
	contour, err := asset.Contour(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(dir, "certificates")
	if out, err := exec.CommandContext(t.Context(), contour, "certgen", "--pem", "--fleet-authority", "--namespace="+testsystem.Namespace, authority).CombinedOutput(); err != nil {
		t.Fatalf("certgen: %v\n%s", err, out)
	}
	f := newFixture(t, beside(t, class, testsystem.Options{
		ServeArgs: []string{
			"--gateway-provisioner", "--gateway-controller-name=example.com/" + class,
			"--fleet-ca-cert-file=" + filepath.Join(authority, "fleetca.pem"), "--fleet-ca-key-file=" + filepath.Join(authority, "fleetcakey.pem"),
		},
	}))
	installGatewayAPI(f)
	f.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: %s}
spec: {controllerName: example.com/%[1]s}
`, class)
	return newProvisioned(f)
}

func newProvisioned(f *fixture) provisioned {
	f.t.Helper()
	client, err := dynamic.NewForConfig(f.s.Cluster.Config)
	if err != nil {
		f.t.Fatal(err)
	}
	return provisioned{f, client}
}

func (p provisioned) ref(version, kind, name string) kube.Ref {
	o := &kube.Object{}
	o.SetAPIVersion(version)
	o.SetKind(kind)
	o.SetNamespace(p.namespace)
	o.SetName(name)
	return kube.RefTo(o)
}

// get returns an object, nil if it does not exist.
func (p provisioned) get(ctx context.Context, r kube.Ref) *kube.Object {
	p.t.Helper()
	o, err := p.s.Kube.Get(ctx, r)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return o
}

func (p provisioned) until(r kube.Ref, what string, check func(*kube.Object) string) {
	p.t.Helper()
	err := poll.Until(p.t.Context(), 30*time.Second, fmt.Sprint(r, " ", what), func(ctx context.Context) (bool, string, error) {
		observed := check(p.get(ctx, r))
		return observed == "", observed, nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p provisioned) patch(resource, name, patch string, subresources ...string) {
	p.t.Helper()
	of := p.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).Namespace(p.namespace)
	if _, err := of.Patch(p.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...); err != nil {
		p.t.Fatal(err)
	}
}

// startEnvoy starts an Envoy with the certificate in the Secret, and waits until it has a configuration.
func (p provisioned) startEnvoy() {
	p.t.Helper()
	secret := p.get(p.t.Context(), p.ref("v1", "Secret", "envoycert-web"))
	dir, err := os.MkdirTemp("", "fleet-") // the path of a socket is short
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := envoybootstrap.Default()
	config.XDSPort, config.Fleet = p.s.Relay.Port(), "gw/"+p.namespace+"/web"
	for key, into := range map[string]*string{"ca.crt": &config.TLS.CAFile, "tls.crt": &config.TLS.CertFile, "tls.key": &config.TLS.KeyFile} {
		*into = filepath.Join(dir, key)
		text, _, _ := unstructured.NestedString(secret.Object, "data", key)
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(content) == 0 {
			p.t.Fatalf("%s of the Secret: %q %v", key, text, err)
		}
		if err := os.WriteFile(*into, content, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	e, err := envoy.Start(p.t.Context(), envoy.Options{Dir: dir, Node: "fleet", XDS: config})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = e.Kill() })
	if err := e.Ready(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}
