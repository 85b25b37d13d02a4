package debug_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// statement is a statement of the DOT language, as it is written here.
var statement = regexp.MustCompile(`^("(?:[^"\\]|\\.)*")(?: -> ("(?:[^"\\]|\\.)*"))?(?: \[label="(?:[^"\\]|\\.)*"\])?$`)

// parse returns the nodes and edges of a graph; every line must be a statement, and every edge join nodes.
func parse(t *testing.T, text string) (nodes, edges map[string]bool) {
	t.Helper()
	nodes, edges = map[string]bool{}, map[string]bool{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "digraph DAG {" || lines[len(lines)-1] != "}" {
		t.Fatalf("no graph: %s", text)
	}
	for _, line := range lines[3 : len(lines)-1] {
		m := statement.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "# more: "):
		case m == nil:
			t.Errorf("no statement: %s", line)
		case m[2] == "":
			nodes[m[1]] = true
		default:
			edges[m[1]+" -> "+m[2]] = true
			if !nodes[m[1]] {
				t.Errorf("no node: %s", line)
			}
		}
	}
	return nodes, edges
}

func TestGraph(t *testing.T) {
	c := start(t, 2, inline)
	text, _ := c.get("/debug/dag?match=ingress_http%20p00001")
	_, edges := parse(t, text)
	want := []string{
		`"cluster team/s:80" -> "service team/s"`,
		`"host ingress_http p00001.example.com" -> "route host ingress_http p00001.example.com 0"`,
		`"listener default/ingress_http" -> "host ingress_http p00001.example.com"`,
		`"route host ingress_http p00001.example.com 0" -> "cluster team/s:80"`,
	}
	if got := slices.Sorted(maps.Keys(edges)); !slices.Equal(got, want) {
		t.Errorf("edges %q, want %q", got, want)
	}
}

// What users write cannot leave its string, and a host with very many routes is not shown as a whole.
func TestGraphIsQuotedAndBounded(t *testing.T) {
	c := start(t, 0, inline)
	spec := contourv1.HTTPProxySpec{VirtualHost: &contourv1.VirtualHost{Fqdn: "many.example.com"}}
	for i := range 2000 {
		spec.Routes = append(spec.Routes, contourv1.Route{
			Conditions: []contourv1.MatchCondition{
				{Prefix: fmt.Sprintf("/%d", i)}, {Header: &contourv1.HeaderMatchCondition{Name: "a", Exact: "\"]\nx -> y\\"}},
			},
			Services: []contourv1.Service{{Name: "s", Port: 80}},
		})
	}
	c.pipeline.Step([]store.Change{{Key: key(kobj.HTTPProxy, "many"), Object: &contourv1.HTTPProxy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "many", Generation: 1}, Spec: spec,
	}}})
	text, _ := c.get("/debug/dag")
	nodes, _ := parse(t, text)
	if len(nodes) < 500 || len(nodes) > 510 || !strings.Contains(text, "and 1500 more routes") {
		t.Errorf("%d nodes", len(nodes))
	}
}
