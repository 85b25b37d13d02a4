package translate

import (
	"testing"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// The names of objects cost bytes only where a log asks for them.
func TestObjectsOfRoutesCostBytesOnlyForLogs(t *testing.T) {
	t.Parallel()
	of := kobj.Key{Kind: kobj.HTTPProxy, Name: kobj.Name{Namespace: "team-one", Name: "frontend"}}
	host := ir.VirtualHost{Key: ir.HostKey{Hostname: "a.example.com"}, Routes: []ir.Route{{Direct: &ir.Direct{Code: 200}, Origin: of}}}
	without := len(virtualHost(&host).part.Body)
	host.LogObjects = true
	more := len(virtualHost(&host).part.Body) - without
	t.Logf("%d bytes for a route", more)
	if more < 100 || more > 220 {
		t.Errorf("the names of an object are %d bytes of a route, want 100 to 220", more)
	}
}
