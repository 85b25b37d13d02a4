package pipeline_test

import (
	"os"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/xds/table"
)

// refuses reports whether an Envoy that does not like what is served for one.example.com rejects a version.
func refuses(t *testing.T, v *table.Version) bool {
	t.Helper()
	const host = "one.example.com"
	switch v.Ref.Type {
	case table.Route:
		var rc routev3.RouteConfiguration
		if err := proto.Unmarshal(v.Body(), &rc); err != nil {
			t.Fatal(err)
		}
		for _, h := range rc.GetVirtualHosts() {
			if h.GetName() == host && h.GetRoutes()[0].GetDirectResponse() == nil {
				return true
			}
		}
	case table.Listener:
		var l listenerv3.Listener
		if err := proto.Unmarshal(v.Body(), &l); err != nil {
			t.Fatal(err)
		}
		for _, c := range l.GetFilterChains() {
			if c.GetName() == host && len(c.GetFilters()) > 0 {
				return true
			}
		}
	}
	return false
}

// answerAs has an Envoy answer until it has rejected or accepted everything; check is called before each answer.
func (s *system) answerAs(t *testing.T, envoy *table.Watch, refuses func(*testing.T, *table.Version) bool, check func()) {
	t.Helper()
	accepted := map[table.Ref]*table.Version{}
	for range 100 {
		sent := 0
		for _, c := range envoy.All() {
			v := c.Version
			if v == nil || accepted[v.Ref] == v {
				continue
			}
			sent++
			if check(); refuses(t, v) {
				envoy.Reject(v, "no", accepted[v.Ref])
			} else {
				accepted[v.Ref] = v
				envoy.Accept([]*table.Version{v})
			}
		}
		if sent == 0 {
			return
		}
	}
	t.Fatal("the search does not end")
}

// modelOf is an Envoy that has what the table has for one.
func modelOf(t *testing.T, envoy *table.Watch) *semantic.Envoy {
	t.Helper()
	var resources []semantic.Resource
	for _, c := range envoy.All() {
		if c.Version != nil {
			resources = append(resources, semantic.Resource{Ref: c.Ref, Body: c.Version.Body()})
		}
	}
	model, err := semantic.New(resources)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// A host that Envoy rejects, and whose content it never accepted, answers with an error: never does the wildcard host
// above it answer in its place, over TLS or not, not even while the rejected part is searched.
func TestRejectedHostDoesNotFallToABroaderOne(t *testing.T) {
	world, err := os.ReadFile("testdata/tls/broken-below-wildcard/in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ingress := []string{"hosts: [one.", "hosts: [three.", "host: one.", "host: three."}
	secured := strings.NewReplacer(append(ingress, "secretName: missing", "secretName: api")...)
	plain := strings.NewReplacer(append(ingress, ", tls: {secretName: missing}}, routes", "}, routes", ", tls: {secretName: api}}, routes", "}, routes")...)
	for name, of := range map[string]*strings.Replacer{"TLS": secured, "no TLS": plain} {
		t.Run(name, func(t *testing.T) {
			changes, err := stagetest.Decode([]byte(of.Replace(string(world))))
			if err != nil {
				t.Fatal(err)
			}
			sys := newSystem(t, config.Default())
			sys.Step(changes)
			envoy := sys.fleets.Get(ir.DefaultFleet).Watch("envoy")
			secure := name == "TLS"
			ask := func(host string) semantic.Answer {
				t.Helper()
				answer, err := modelOf(t, envoy).Send(semantic.Request{TLS: secure, Host: host})
				if err != nil {
					t.Fatal(err)
				}
				return answer
			}
			own := func(a semantic.Answer) bool {
				return a.Refused || a.Status == 503 || len(a.From) == 1 && a.From[0].Service == "default/a"
			}
			sys.answerAs(t, envoy, refuses, func() {
				if a := ask("one.example.com"); !own(a) {
					t.Errorf("while it is searched: %+v", a)
				}
			})
			if a := ask("one.example.com"); !a.Refused && a.Status != 503 {
				t.Errorf("the rejected host: %+v", a)
			}
			if a := ask("two.example.com"); len(a.From) != 1 {
				t.Errorf("the wildcard host: %+v", a)
			}
			if got := sys.table.Rejections(); len(got) != 1 && !secure || len(got) == 0 {
				t.Errorf("rejections: %+v", got)
			}
		})
	}
}
