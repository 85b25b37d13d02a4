package pipeline_test

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// BenchmarkRoute processes an HTTPRoute that is created and deleted beside others on one Gateway, from the watch to the table.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			c := gatewayConfig("10.0.0.0/16")
			c.Budgets.Routes = 0
			sys := newSystem(b, c)
			world := []store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"10.0.0.1"}, nil, "80")}
			for i := range 50 {
				world = append(world, change(service(i))...)
				world = append(world, change(slice(i, "10.0.0.1"))...)
			}
			for i := range n {
				world = append(world, forwarding(fmt.Sprint("r", i), "infra/web", fmt.Sprintf("h%d.example", i), fmt.Sprintf("service-%d", i%50)))
			}
			sys.Step(world)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				name := fmt.Sprint("new", i)
				if r := sys.Step([]store.Change{forwarding(name, "infra/web", name+".example", "service-1")}); len(r.Hosts) != 1 || len(r.Statuses) != 2 {
					b.Fatalf("created: %d hosts, %d statuses, want 1 and those of the route and the Gateway", len(r.Hosts), len(r.Statuses))
				}
				if r := sys.Step([]store.Change{{Key: kobj.Of(kobj.HTTPRoute, "team", name)}}); len(r.Hosts) != 1 || len(r.Statuses) != 2 {
					b.Fatalf("deleted: %d hosts, %d statuses, want 1 and those of the route and the Gateway", len(r.Hosts), len(r.Statuses))
				}
			}
		})
	}
}
