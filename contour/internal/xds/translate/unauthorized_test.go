package translate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/xds/table"
)

// Without TLS, where filters act on marks, no request without the consent of an authorization service passes to a backend, a redirect or a direct response of a host
// whose routes all need it, whatever else the host has, and whether the service is there or away. Over TLS see TestRoutesAreAuthorized.
func TestNothingIsServedWithoutAuthorization(t *testing.T) {
	for _, limit := range []int{512, 0} {
		t.Run(fmt.Sprintf("one table for %d hosts", limit), func(t *testing.T) {
			r := newRandom(randomtest.Seed(t))
			statuses := map[int]int{}
			for range 60 {
				fx := newFixture(tables(limit))
				for range 5 {
					fx.slices.Set(r.name(), slicesAt("10.0.0.1"))
				}
				for range 1 + r.IntN(5) {
					fx.set(r.authorizedHost())
					fx.set(r.closedHost())
				}
				fx.run()
				for _, model := range []*semantic.Envoy{modelOf(t, fx), modelOf(t, fx, formerScope)} {
					fx.hosts.Each(func(k ir.HostKey, v *ir.VirtualHost) bool {
						if k.Listener == classic.HTTP() && closed(v) {
							sendUnauthorized(t, model, k, statuses)
						}
						return true
					})
				}
			}
			t.Logf("answers by status: %v", statuses)
			for _, want := range []int{401, 500, 503} {
				if statuses[want] == 0 {
					t.Errorf("no request was answered with %d", want)
				}
			}
		})
	}
}

// modelOf returns the model of an Envoy with all resources, after edits.
func modelOf(t *testing.T, fx *fixture, edits ...func(*testing.T, *fixture, *semantic.Resource)) *semantic.Envoy {
	t.Helper()
	var all []semantic.Resource
	for _, r := range fx.all() {
		one := semantic.Resource{Ref: r.Ref, Body: assembled(r)}
		for _, edit := range edits {
			edit(t, fx, &one)
		}
		all = append(all, one)
	}
	model, err := semantic.New(all)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// closedHost returns a closed host without TLS, of which a route matches every request. Some are heavy.
func (r random) closedHost() *ir.VirtualHost {
	for {
		if v := r.authorizedHost(); v.Key.Listener == classic.HTTP() && closed(v) {
			last := &v.Routes[len(v.Routes)-1]
			last.Match = prefix("/")
			if r.IntN(4) == 0 {
				v.Routes = slices.Concat(v.Routes, slices.Repeat([]ir.Route{*last}, heaviestShared))
			}
			return v
		}
	}
}

// closed reports whether all routes of the host need the consent of a service.
func closed(v *ir.VirtualHost) bool {
	for i := range v.Routes {
		a := authorizationOf(&v.Routes[i], v.Policies)
		if !a.Refuses() && (!a.Asks() || a.Service.FailOpen) {
			return false
		}
	}
	return len(v.Routes) > 0 && v.TCP == nil
}

func sendUnauthorized(t *testing.T, model *semantic.Envoy, k ir.HostKey, statuses map[int]int) {
	t.Helper()
	for _, path := range []string{"/", "/a", "/a/", "/a/b", "/?a=b", "/a?web=a&x-header=x-header"} {
		for _, headers := range []map[string]string{nil, {"x-header": "a", "web": "b"}, {semantic.TokenHeader: "no"}, {"a": "web", "b": "a"}} {
			q := semantic.Request{Host: strings.Replace(k.Hostname, "*", "some", 1), Path: path, Headers: headers}
			answer, err := model.Send(q)
			if err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			if statuses[answer.Status]++; len(answer.From) > 0 || answer.Location != "" || answer.Status != 0 && answer.Status < 400 {
				t.Errorf("%+v is answered: %+v", q, answer)
			}
		}
	}
}

// formerScope lets the scope of a heavy host lead to the table that has the host in name only, as it does in an Envoy that has not got
// the scope since the host has become heavy.
func formerScope(t *testing.T, fx *fixture, r *semantic.Resource) {
	t.Helper()
	if r.Ref.Type != table.Scope {
		return
	}
	scope := &routev3.ScopedRouteConfiguration{}
	if err := proto.Unmarshal(r.Body, scope); err != nil {
		t.Fatal(err)
	}
	name, heavy := strings.CutPrefix(scope.GetRouteConfigurationName(), "ingress_http/host/")
	if !heavy || wildcard(name) || r.Ref.Name == scope.GetRouteConfigurationName() {
		return
	}
	for _, other := range fx.all() {
		if other.Ref.Type == table.Route && other.Ref.Name != scope.GetRouteConfigurationName() &&
			slices.ContainsFunc(other.Parts, func(p table.Part) bool { return p.Name == name }) {
			scope.RouteConfigurationName = other.Ref.Name
			r.Body = (&encoder{}).bytes(scope)
			return
		}
	}
	t.Errorf("no other table has the heavy host %s", name)
}
