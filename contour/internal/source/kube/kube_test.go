package kube

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// timeout limits the wait for an expected event.
const timeout = 20 * time.Second

func start(t *testing.T, c *rest.Config, o Options) (*Source, <-chan []store.Change) {
	t.Helper()
	o.Config, o.Log = c, slog.New(slog.DiscardHandler)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan []store.Change)
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx, out) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s, out
}

func receive(t *testing.T, out <-chan []store.Change) []store.Change {
	t.Helper()
	select {
	case b := <-out:
		return b
	case <-time.After(timeout):
		t.Fatal("timeout waiting for a batch")
		return nil
	}
}

// await receives batches until a change of the object, and returns it.
func await(t *testing.T, out <-chan []store.Change, k kobj.Key) store.Change {
	t.Helper()
	for {
		for _, c := range receive(t, out) {
			if c.Key == k {
				return c
			}
		}
	}
}

func names(batch []store.Change) []string {
	var out []string
	for _, c := range batch {
		out = append(out, c.Key.String())
	}
	slices.Sort(out)
	return out
}

func fill(s *apiServer) {
	s.put("HTTPProxy", "default", "web", object{"spec": object{"virtualhost": object{"fqdn": "a.example.com"}}})
	s.put("TLSCertificateDelegation", "default", "all", object{"spec": object{"delegations": []any{}}})
	s.put("Ingress", "other", "web", object{"spec": object{}})
	s.put("Service", "default", "web", object{"spec": object{"ports": []any{object{"port": 80}}}})
	s.put("Secret", "default", "cert", object{"type": "kubernetes.io/tls", "data": object{"tls.crt": "QQ=="}})
	s.put("EndpointSlice", "default", "web-1", object{"addressType": "IPv4", "endpoints": []any{}})
}

func everything() []string {
	return []string{
		"EndpointSlice default/web-1", "HTTPProxy default/web", "Ingress other/web", "Secret default/cert",
		"Service default/web", "TLSCertificateDelegation default/all",
	}
}

func TestFirstBatchContainsAllObjects(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	fill(api)
	release := api.block("secrets")
	s, out := start(t, config, Options{})
	time.AfterFunc(300*time.Millisecond, release) // long after the other lists; an earlier batch would lack the Secret
	if diff := cmp.Diff(everything(), names(receive(t, out))); diff != "" {
		t.Errorf("first batch (-want +got):\n%s", diff)
	}
	o, ok := s.Get(kobj.Of(kobj.HTTPProxy, "default", "web"))
	if p, is := o.(*contourv1.HTTPProxy); !ok || !is || p.Spec.VirtualHost.Fqdn != "a.example.com" {
		t.Errorf("Get = %+v, %t", o, ok)
	}
	if _, ok := s.Get(kobj.Of(kobj.HTTPProxy, "default", "none")); ok {
		t.Error("Get returned an object that does not exist")
	}
}

func TestChangesAndDeletions(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	fill(api)
	observed := make(chan kobj.Key, 100)
	s, out := start(t, config, Options{Observe: func(k kobj.Key) { observed <- k }})
	receive(t, out)

	k := kobj.Of(kobj.HTTPProxy, "default", "web")
	api.put("HTTPProxy", "default", "web", object{"spec": object{"virtualhost": object{"fqdn": "b.example.com"}}})
	if p, ok := await(t, out, k).Object.(*contourv1.HTTPProxy); !ok || p.Spec.VirtualHost.Fqdn != "b.example.com" {
		t.Errorf("changed to %+v", p)
	}
	api.put("HTTPProxy", "default", "web", nil)
	if c := await(t, out, k); c.Object != nil {
		t.Errorf("received %+v, want a deletion", c.Object)
	}
	if _, ok := s.Get(k); ok {
		t.Error("Get returned a deleted object")
	}
	for range 4 { // three states of the proxy, and the Ingress
		select {
		case k := <-observed:
			if k.Kind != kobj.HTTPProxy && k.Kind != kobj.Ingress {
				t.Errorf("%s observed", k)
			}
		case <-time.After(timeout):
			t.Fatal("a change was not observed")
		}
	}
}

func TestBurstIsMergedForEachObject(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	observed := make(chan kobj.Key, 10_000)
	_, out := start(t, config, Options{Observe: func(k kobj.Key) { observed <- k }})
	receive(t, out)
	for range 1000 {
		api.put("HTTPProxy", "default", "web", object{"spec": object{}})
	}
	api.put("HTTPProxy", "default", "last", object{"spec": object{}})
	last := kobj.Of(kobj.HTTPProxy, "default", "last")
	for seen := false; !seen; {
		select {
		case k := <-observed:
			seen = k == last
		case <-time.After(timeout):
			t.Fatal("the last change was not observed")
		}
	}
	changes := 0
	for found := false; !found; {
		for _, c := range receive(t, out) {
			changes++
			found = found || c.Key == last
		}
	}
	if changes > 4 { // two, or more if the receiver was faster than the merge
		t.Errorf("%d changes of two objects", changes)
	}
}

func TestAbsentKindDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	fill(api)
	api.hide("projectcontour.io", true)
	_, out := start(t, config, Options{})
	first := receive(t, out)
	want := slices.DeleteFunc(everything(), func(s string) bool {
		return strings.HasPrefix(s, "HTTPProxy") || strings.HasPrefix(s, "TLSCertificateDelegation")
	})
	if diff := cmp.Diff(want, names(first)); diff != "" {
		t.Errorf("first batch (-want +got):\n%s", diff)
	}
	api.hide("projectcontour.io", false)
	if c := await(t, out, kobj.Of(kobj.HTTPProxy, "default", "web")); c.Object == nil {
		t.Error("an object of the kind that is served now is deleted")
	}
}

func TestOnlyConfiguredNamespacesAreWatched(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	fill(api)
	s, out := start(t, config, Options{Namespaces: []string{"other", "third", "other"}})
	if diff := cmp.Diff([]string{"Ingress other/web"}, names(receive(t, out))); diff != "" {
		t.Errorf("first batch (-want +got):\n%s", diff)
	}
	if _, ok := s.Get(kobj.Of(kobj.Ingress, "other", "web")); !ok {
		t.Error("Get does not find the Ingress")
	}
	for _, r := range api.received() {
		if !strings.Contains(r, "/namespaces/other/") && !strings.Contains(r, "/namespaces/third/") {
			t.Errorf("request for %s", r)
		}
	}
}

func TestSecretsAreSelectedByTheAPIServer(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	_, out := start(t, config, Options{})
	receive(t, out)
	want := "/api/v1/secrets?type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1"
	if !slices.Contains(api.received(), want) {
		t.Errorf("requests %q, want %q among them", api.received(), want)
	}
}

// Custom resources that are not installed do not delay other kinds. Cluster-scoped kinds have one watch, independent of the
// namespaces.
func TestKindsOfGatewayAPI(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	fill(api)
	api.hide("gateway.networking.k8s.io", true)
	api.put("Namespace", "", "other", object{})
	api.put("ConfigMap", "other", "ca", object{"data": object{"ca.crt": "text"}})
	api.put("Gateway", "other", "web", object{"spec": object{"gatewayClassName": "contour", "listeners": []any{}}})
	api.put("GatewayClass", "", "contour", object{"spec": object{"controllerName": "example.com/contour"}})
	changed := make(chan struct{}, 1000)
	s, out := start(t, config, Options{
		Kinds: kind.All().Watched(kind.GatewayAPI), Namespaces: []string{"other", "third"}, ServedChanged: func() { changed <- struct{}{} },
	})
	if diff := cmp.Diff([]string{"ConfigMap other/ca", "Ingress other/web", "Namespace other"}, names(receive(t, out))); diff != "" {
		t.Errorf("first batch (-want +got):\n%s", diff)
	}
	served := s.Served()
	for _, k := range kind.All().Watched(kind.GatewayAPI) {
		want := k.GroupVersion.Version
		if k.GroupVersion.Group == "gateway.networking.k8s.io" {
			want = ""
		}
		if got, ok := served[k.Kind]; !ok || got != want {
			t.Errorf("version of %s: %q, %v; want %q", k.Kind, got, ok, want)
		}
	}
	if len(changed) > 0 {
		t.Error("a change was reported before the first batch")
	}
	api.hide("gateway.networking.k8s.io", false)
	want := map[kobj.Key]bool{kobj.Of(kobj.Gateway, "other", "web"): true, kobj.Of(kobj.GatewayClass, "", "contour"): true}
	for len(want) > 0 {
		for _, c := range receive(t, out) {
			if !want[c.Key] || c.Object == nil {
				t.Errorf("change of %s: %+v", c.Key, c.Object)
			}
			delete(want, c.Key)
		}
	}
	for s.Served()[kobj.Gateway] != "v1" || s.Served()[kobj.GatewayClass] != "v1" {
		<-changed
	}
}

// Without the need, the controller sends no requests for the kinds of the Gateway API, for which it has no permission.
func TestKindsWithoutNeedAreNotWatched(t *testing.T) {
	t.Parallel()
	api, config := newAPIServer(t)
	_, out := start(t, config, Options{})
	receive(t, out)
	for _, r := range api.received() {
		for _, resource := range []string{"configmaps", "namespaces", "gateways", "gatewayclasses"} {
			if strings.Contains(r, "/"+resource+"?") {
				t.Errorf("request for %s", r)
			}
		}
	}
}
