//go:build local

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
)

// CRDs of several versions and both channels come and go while the controller runs: it serves what is there, and the class claims the
// features of the kinds that are there. The cluster is its own, since other tests need CRDs that stay.
func TestCRDsComeAndGo(t *testing.T) {
	addresses := fmt.Sprintf("127.%d.%d.0/24", 151+os.Getpid()%50, os.Getpid()/50%250)
	s, err := testsystem.Start(t.Context(), testsystem.Options{ServeArgs: []string{"--gateway-api", "--gateway-addresses=" + addresses}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Check(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("logs are in %s", s.Dir)
			return
		}
		_ = s.Remove()
	})
	f := newFixture(t, s)
	for _, set := range []crds{
		{"v1.2.1", "standard", "", nil}, // its classes have no field for features
		{"v1.3.0", "experimental", "v1alpha2", []string{"ListenerSet"}},
		{"v1.4.1", "standard", "", []string{"TLSRoute", "TCPRoute", "UDPRoute", "ListenerSet"}},
		{"v1.4.1", "experimental", "v1alpha2", []string{"ListenerSet"}},
		{"v1.5.1", "standard", "v1", []string{"TCPRoute", "UDPRoute"}},
		{"v1.6.3", "standard", "v1", nil},
		{"v1.2.1", "standard", "", nil},
	} {
		set.check(f)
	}
}

// crds are the CRDs of a release and channel.
type crds struct {
	version, channel string
	tls              string   // version of TLSRoute; "": there is none
	without          []string // kinds
}

const gatewayWithCRDs = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec: {controllerName: projectcontour.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: contour
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
  - {name: tls, port: 8443, protocol: TLS, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: red}
spec:
  parentRefs: [{name: web, sectionName: http}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: red.example}}]}]
`

// check installs the CRDs, checks that the kinds among them are served, and removes them.
func (set crds) check(f *fixture) {
	f.t.Helper()
	name := set.version + " " + set.channel
	_, remove := installCRDsOf(f, set.version, set.channel)
	f.apply(gatewayWithCRDs)
	class := gatewayObject(f, "GatewayClass", "contour")
	class.ref.Namespace = ""
	class.until("claims what "+name+" has", func(o *kube.Object) string {
		if set.version == "v1.2.1" {
			return want(o, 1, "Accepted=True/Accepted")
		}
		features := fmt.Sprint(o.Object["status"])
		for _, k := range []string{"HTTPRoute", "BackendTLSPolicy", "TLSRoute", "TCPRoute", "UDPRoute", "ListenerSet"} {
			if strings.Contains(features, "name:"+k+"]") == slices.Contains(set.without, k) {
				return k + ": " + features
			}
		}
		return ""
	})
	gatewayObject(f, "HTTPRoute", "red").until("is accepted with "+name, func(o *kube.Object) string { return want(o, 1, "web Accepted=True/Accepted") })
	var address string
	gatewayObject(f, "Gateway", "web").until("has an address with "+name, func(o *kube.Object) string {
		list, _, _ := unstructured.NestedSlice(o.Object, "status", "addresses")
		if len(list) != 1 {
			return fmt.Sprint(o.Object["status"])
		}
		address, _ = list[0].(map[string]any)["value"].(string)
		return ""
	})
	redirects(f, address)
	if set.tls != "" {
		set.acceptsTLS(f)
	}
	remove()
}

// acceptsTLS checks that a TLSRoute gets its status in the version that there is.
func (set crds) acceptsTLS(f *fixture) {
	f.t.Helper()
	name := set.version + " " + set.channel
	f.apply(`
apiVersion: gateway.networking.k8s.io/%s
kind: TLSRoute
metadata: {name: pass}
spec:
  parentRefs: [{name: web, sectionName: tls}]
  hostnames: [pass.example]
  rules: [{backendRefs: [{name: none, port: 443}]}]
`, set.tls)
	route := gatewayObject(f, "TLSRoute", "pass")
	route.ref.Version = set.tls
	route.until("has a status with "+name, func(o *kube.Object) string { return want(o, 1, "web Accepted=True/Accepted") })
}

// redirects waits for the answer of the route at an address.
func redirects(f *fixture, address string) {
	f.t.Helper()
	client := http.Client{Timeout: time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	err := poll.Until(f.t.Context(), 30*time.Second, "redirect of "+address, func(ctx context.Context) (bool, string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+":8080/", nil)
		if err != nil {
			return false, "", err
		}
		response, err := client.Do(request)
		if err != nil {
			return false, err.Error(), nil
		}
		defer response.Body.Close()
		return strings.Contains(response.Header.Get("Location"), "red.example"), response.Status, nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// installCRDsOf installs the CRDs of a release and returns them. The function that it returns removes them, with their objects.
func installCRDsOf(f *fixture, version, channel string) (installed []*kube.Object, remove func()) {
	f.t.Helper()
	out, err := exec.CommandContext(f.t.Context(), "go", "mod", "download", "-json", "sigs.k8s.io/gateway-api@"+version).Output()
	var module struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	if err != nil {
		f.t.Fatalf("module of the CRDs: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(module.Dir, "config", "crd", channel, "gateway.networking.k8s.io_*.yaml"))
	if err != nil || len(files) == 0 {
		f.t.Fatalf("CRDs of %s: %v", version, err)
	}
	files = slices.DeleteFunc(files, func(path string) bool { return strings.Contains(path, "_vap_") })
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.t.Fatal(err)
		}
		objects, err := f.s.Kube.ApplyYAML(f.t.Context(), "", string(text))
		if err != nil {
			f.t.Fatal(err)
		}
		installed = append(installed, objects...)
	}
	for _, o := range installed {
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
		for _, v := range versions {
			if v := v.(map[string]any); v["served"] == true {
				if err := f.s.Kube.WaitForKind(f.t.Context(), schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: fmt.Sprint(v["name"]), Kind: kind}); err != nil {
					f.t.Fatal(err)
				}
			}
		}
	}
	return installed, func() {
		for _, o := range installed {
			if err := f.s.Kube.Delete(f.t.Context(), kube.RefTo(o)); err != nil {
				f.t.Fatal(err)
			}
		}
		for _, o := range installed {
			err := poll.Until(f.t.Context(), 30*time.Second, "end of "+o.GetName(), func(ctx context.Context) (bool, string, error) {
				_, err := f.s.Kube.Get(ctx, kube.RefTo(o))
				return apierrors.IsNotFound(err), fmt.Sprint(err), nil
			})
			if err != nil {
				f.t.Fatal(err)
			}
		}
	}
}
