//go:build kind

package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// nowhere is the cluster of a route that no request uses: its filter of that name finds the table that has the host, and
// routes anew.
const nowhere = "dispatch"

// configuration is the configuration of an Envoy.
type configuration struct {
	// clusters and endpoints are the names of the existing ones, needed is the names of the endpoints that clusters refer to.
	clusters, endpoints, needed map[string]bool
	// used are the route tables that listeners and scopes refer to. Envoy has more for a while: those of draining connections.
	used   map[string]bool
	tables map[string]*routeTable
}

// routeTable is the domains of its virtual hosts and the clusters of its routes.
type routeTable struct{ hosts, clusters map[string]bool }

// configuration reads the configuration dump of an Envoy.
func (w *environment) configuration(ctx context.Context, t *testing.T, pod corev1.Pod) *configuration {
	t.Helper()
	var dump struct {
		Configs []map[string]any `json:"configs"`
	}
	must(t, json.Unmarshal(w.adminGet(ctx, t, pod, "/config_dump?include_eds"), &dump))
	c := &configuration{
		clusters: map[string]bool{}, endpoints: map[string]bool{}, needed: map[string]bool{},
		used: map[string]bool{}, tables: map[string]*routeTable{},
	}
	for _, part := range dump.Configs {
		kind, _ := part["@type"].(string)
		each(part, func(m map[string]any) { c.note(kind[strings.LastIndex(kind, ".")+1:], m) })
	}
	if len(c.clusters) == 0 || len(c.used) == 0 {
		t.Fatalf("%s: %d clusters, %d route tables", pod.Name, len(c.clusters), len(c.used))
	}
	return c
}

// each calls f with every message in a part of the dump, except for listeners that are warming or draining.
func each(value any, f func(map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			each(element, f)
		}
	case map[string]any:
		f(v)
		for name, field := range v {
			if name != "draining_state" && name != "warming_state" {
				each(field, f)
			}
		}
	}
}

// note records a message of a part of the dump, which is of that kind.
func (c *configuration) note(kind string, m map[string]any) {
	switch kind {
	case "ClustersConfigDump":
		add(c.clusters, text(m, "cluster", "name"))
		add(c.needed, text(m, "eds_cluster_config", "service_name"))
	case "EndpointsConfigDump":
		add(c.endpoints, text(m, "cluster_name"))
	case "ListenersConfigDump":
		add(c.used, text(m, "rds", "route_config_name"))
	case "ScopedRoutesConfigDump":
		add(c.used, text(m, "route_configuration_name"))
	case "RoutesConfigDump":
		if name := text(m, "route_config", "name"); name != "" {
			c.tables[name] = newRouteTable(m["route_config"])
		}
	}
}

func newRouteTable(config any) *routeTable {
	r := &routeTable{hosts: map[string]bool{}, clusters: map[string]bool{}}
	each(config, func(m map[string]any) {
		domains, _ := m["domains"].([]any)
		for _, domain := range domains {
			host, _, _ := strings.Cut(fmt.Sprint(domain), ":")
			add(r.hosts, host)
		}
		add(r.clusters, text(m, "route", "cluster"))
		weighted, _ := m["weighted_clusters"].(map[string]any)
		each(weighted["clusters"], func(m map[string]any) { add(r.clusters, text(m, "name")) })
	})
	delete(r.clusters, nowhere)
	return r
}

// hosts are those of all tables in use.
func (c *configuration) hosts() map[string]bool {
	all := map[string]bool{}
	for name := range c.used {
		if table := c.tables[name]; table != nil {
			maps.Copy(all, table.hosts)
		}
	}
	return all
}

// missing is the names that are referred to and do not exist, sorted.
func (c *configuration) missing() (all []string) {
	for name := range c.used {
		table := c.tables[name]
		if table == nil {
			all = append(all, "route table "+name)
			continue
		}
		for cluster := range table.clusters {
			if !c.clusters[cluster] {
				all = append(all, "cluster "+cluster+" of route table "+name)
			}
		}
	}
	for name := range c.needed {
		if !c.endpoints[name] {
			all = append(all, "endpoints "+name)
		}
	}
	slices.Sort(all)
	return all
}

func add(to map[string]bool, name string) {
	if name != "" {
		to[name] = true
	}
}

// text is the string at the path, empty if there is none.
func text(m map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		m, _ = m[name].(map[string]any)
	}
	s, _ := m[path[len(path)-1]].(string)
	return s
}
