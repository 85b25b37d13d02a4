package pipeline_test

import (
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

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
