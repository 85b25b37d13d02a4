package irtext

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

func TestMarshal(t *testing.T) {
	t.Parallel()
	forward := &ir.Forward{Timeout: ir.Timeout{Disabled: true}, Backends: []ir.Backend{{Weight: 1, Cluster: ir.Cluster{
		Endpoints: ir.EndpointKey{Service: kobj.Name{Namespace: "app", Name: "web"}, Port: "http"},
		Port:      80, Protocol: ir.ProtocolH2, SNI: "web", Tuning: ir.Intern(ir.Tuning{Idle: ir.Timeout{Duration: time.Minute}, Balancing: ir.BalanceRandom}),
		TLS: ir.UpstreamTLS{CA: kobj.Name{Namespace: "app", Name: "ca"}, Names: ir.NewList("a", "b")},
	}}}}
	route := ir.Route{Forward: forward, Origin: kobj.Of(kobj.HTTPProxy, "app", "root"), Match: ir.Match{
		Path:    ir.PathMatch{Kind: ir.PathSegment, Value: "/a"},
		Headers: []ir.HeaderMatch{{Name: "x", Kind: ir.StringContains, Value: "v", Invert: true, MissingAsEmpty: true}, {Name: "y", Kind: ir.StringPresent}},
		Query:   []ir.QueryMatch{{Name: "q", Kind: ir.StringExact, Value: "1", IgnoreCase: true}},
	}, RequestHeaders: ir.HeaderEdits{Set: []ir.Header{{Name: "X-A", Value: "b"}}}}
	const want = `forward:
  backends:
  - cluster:
      endpoints: app/web/http
      port: 80
      protocol: h2
      sni: web
      tls:
        ca: app/ca
        names:
        - a
        - b
      tuning:
        balancing: random
        idle: 1m0s
    weight: 1
  timeout: none
match:
  headers:
  - x contains v, inverted, missing as empty
  - y present
  path: segments /a
  query:
  - q exact 1, ignoring case
origin: HTTPProxy app/root
requestHeaders:
  set:
  - 'X-A: b'
`
	got, err := Marshal(route)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := Marshal(ir.Match{Path: ir.PathMatch{Kind: 9, Value: "/"}}); err != nil || string(got) != "path: 9 /\n" {
		t.Errorf("a kind without a name: %q, %v", got, err)
	}
}
