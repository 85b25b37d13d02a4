package pipeline_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// The class claims the features of the kinds that are served, and follows them.
func TestFeaturesFollowTheServedKinds(t *testing.T) {
	t.Parallel()
	s := newSystem(t, gatewayConfig("127.100.0.0/24"))
	features := func() (out []string) {
		class, ok := s.Status.Desired.Peek(kobj.Of(kobj.GatewayClass, "", "contour"))
		if !ok || class == nil {
			t.Fatal("the class has no status")
		}
		for _, f := range class.Status.(*gatewayv1.GatewayClassStatus).SupportedFeatures {
			out = append(out, string(f.Name))
		}
		return out
	}
	s.Step([]store.Change{gatewayClass()})
	if diff := cmp.Diff(gatewayapi.Features(), features()); diff != "" {
		t.Errorf("features while nothing is known of the kinds (-want +got):\n%s", diff)
	}
	s.served = kind.Served{kobj.Gateway: "v1", kobj.HTTPRoute: "v1beta1", kobj.ListenerSet: "", kobj.TLSRoute: "", kobj.BackendTLSPolicy: "v1alpha3", kobj.UDPRoute: ""}
	s.Step(nil)
	want := slices.DeleteFunc(gatewayapi.Features(), func(f string) bool {
		return f == "ListenerSet" || f == "UDPRoute" || strings.HasPrefix(f, "TLSRoute")
	})
	if len(want) != len(gatewayapi.Features())-5 {
		t.Fatal("the features have other names")
	}
	if diff := cmp.Diff(want, features()); diff != "" {
		t.Errorf("features without three kinds (-want +got):\n%s", diff)
	}
	s.served = kind.Served{kobj.ListenerSet: "v1", kobj.TLSRoute: "v1alpha2", kobj.UDPRoute: "v1"}
	s.Step(nil)
	if diff := cmp.Diff(gatewayapi.Features(), features()); diff != "" {
		t.Errorf("features when the kinds are served (-want +got):\n%s", diff)
	}
}

// With gatewayRef, only that Gateway is served, whatever its class is; without it, again those of the class.
func TestGatewayRefSelectsOneGateway(t *testing.T) {
	t.Parallel()
	of := gatewayConfig("127.100.0.0/24")
	only := of
	only.Gateways.Only = kobj.Name{Namespace: "a", Name: "chosen"}
	chosen := gatewayOf("a", "chosen", 1, 1, nil, nil, "80")
	other := gatewayOf("a", "other", 0, 1, nil, nil, "80")
	for _, row := range []struct {
		name           string
		config         config.Config
		objects        []store.Change
		chosen, others int // addresses
	}{
		{"of a class that does not exist", only, []store.Change{chosen, other}, 1, 0},
		{"of the class", only, []store.Change{gatewayClass(), chosen, other}, 1, 0},
		{"that does not exist", only, []store.Change{gatewayClass(), other}, 0, 0},
		{"without gatewayRef", of, []store.Change{gatewayClass(), chosen, other}, 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, only)
			s.Step(row.objects)
			s.Configure(row.config)
			if got := len(s.addresses("a", "chosen")); got != row.chosen {
				t.Errorf("the Gateway of gatewayRef has %d addresses, want %d", got, row.chosen)
			}
			if got := len(s.addresses("a", "other")); got != row.others {
				t.Errorf("the other Gateway has %d addresses, want %d", got, row.others)
			}
			class, ok := s.Status.Desired.Peek(kobj.Of(kobj.GatewayClass, "", "contour"))
			if written := ok && class != nil; written != (row.others > 0) {
				t.Errorf("the status of the class is written: %v", written)
			}
		})
	}
}
