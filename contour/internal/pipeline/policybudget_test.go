package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
)

// Each cluster has a copy of the authorities of its policy in Envoy, so that they count, as those of listeners do: each 64 KiB as a TLS host.
func TestAuthoritiesOfBackendsAreCharged(t *testing.T) {
	const n = 100
	c := gatewayConfig("10.0.0.0/24")
	c.Budgets.TLSHosts = 80 // as much as ten bundles
	sys := newSystem(t, c)
	valid := bundle(t)
	world := []store.Change{
		gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"10.0.0.1"}, nil, "80"), authoritiesIn("team", "ca", strings.Repeat(valid, (8*64<<10)/len(valid))),
	}
	for i := range n {
		name := fmt.Sprint("service-", i)
		world = append(world, forwarding(fmt.Sprintf("route-%02d", i), "infra/web", fmt.Sprintf("h%d.example", i), name), policyOf("team", fmt.Sprint("p", i), 0, name))
		world = append(append(world, change(service(i))...), change(slice(i, "10.9.9.9"))...)
	}
	sys.Step(world)
	served := 0
	for i := range n {
		a, err := sys.model(t).Send(semantic.Request{To: "10.0.0.1:80", Host: fmt.Sprintf("h%d.example", i), Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.From) == 1 {
			served++
		}
	}
	if served > 12 {
		t.Errorf("%d clusters have 512 KiB of authorities each, with a budget for ten", served)
	}
}
