package translate

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/ir"
)

// BenchmarkLoad translates HTTP and TLS hosts from scratch.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 25000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				loaded(n).run()
			}
		})
	}
}

// BenchmarkOneRoute changes one route of one of many hosts.
func BenchmarkOneRoute(b *testing.B) {
	hosts := map[string]func(string, ...ir.Route) *ir.VirtualHost{"HTTP": httpHost, "TLS": httpsHost}
	for _, n := range []int{100, 1000, 25000} {
		fx := loaded(n)
		fx.run()
		for _, kind := range []string{"HTTP", "TLS"} {
			b.Run(fmt.Sprintf("%s of %d", kind, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					fx.set(hosts[kind]("h7.example.com", ir.Route{Match: prefix(fmt.Sprintf("/%d", i)), Forward: to("s7")}))
					fx.run()
				}
			})
		}
	}
}

// BenchmarkOneHost adds and removes an HTTP host.
func BenchmarkOneHost(b *testing.B) {
	for _, n := range []int{100, 1000, 25000} {
		fx := loaded(n)
		fx.run()
		v := httpHost("one.example.com", ir.Route{Match: prefix("/"), Forward: to("s7")})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fx.set(v)
				fx.run()
				fx.hosts.Delete(v.Key)
				fx.run()
			}
		})
	}
}

// loaded returns a fixture with n HTTP hosts and n TLS hosts, with 1,000 Services.
func loaded(n int) *fixture {
	fx := newFixture()
	for i := range n {
		name, r := fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to(fmt.Sprintf("s%d", i%1000))}
		fx.set(httpHost(name, r), httpsHost(name, r))
	}
	return fx
}
