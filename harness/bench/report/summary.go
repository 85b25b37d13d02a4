package report

import "contour.example/harness/bench/result"

// headline returns the most important measures of a controller, in the order to read them.
func headline() []result.Key {
	return []result.Key{
		{Scenario: "load", Name: "served, after the last create"},
		{Scenario: "load", Name: "valid, after the last create"},
		{Scenario: "edit", Name: "edit seen by a request"},
		{Scenario: "create", Name: "create seen by a request"},
		{Scenario: "delete", Name: "delete seen by a request"},
		{Scenario: "service", Name: "route to a new Service seen by a request"},
		{Scenario: "status", Name: "create seen valid by a watch"},
		{Scenario: "endpoint", Name: "endpoint change seen by a request"},
		{Scenario: "rotation", Name: "new certificate seen by a handshake"},
		{Scenario: "edit", Name: "controller CPU per change"},
		{Scenario: "edit", Name: "Envoy main thread CPU per change"},
		{Scenario: "edit", Name: "xDS bytes per change"},
		{Scenario: "churn", Name: "edit seen by a request"},
		{Scenario: "churn", Name: "status of an edit seen by a watch"},
		{Scenario: "churn", Name: "controller CPU in all"},
		{Scenario: "churn", Name: "xDS bytes in all"},
		{Scenario: "switch", Name: "failed requests"},
		{Scenario: "switch", Name: "requests"},
		{Scenario: "requests", Name: "direct response, http, HTTP/1.1: Envoy CPU per request, sharded"},
		{Scenario: "requests", Name: "direct response, http, HTTP/1.1: Envoy CPU per request, sharded to one table"},
		{Scenario: "requests", Name: "proxied, http, HTTP/1.1: Envoy CPU per request, sharded to one table"},
		{Scenario: "propagation", Name: "create seen by a request"},
		{Scenario: "propagation", Name: "failed requests"},
		{Scenario: "propagation", Name: "bounds exceeded"},
		{Scenario: "propagation", Name: "controller memory, highest"},
		{Scenario: "gateways", Name: "Gateway seen programmed by a watch"},
		{Scenario: "gateways", Name: "controller memory with them"},
		{Scenario: "tls", Name: "served, after the last create"},
		{Scenario: "tls-edit", Name: "edit of a TLS host seen by a request"},
		{Scenario: "tls-edit", Name: "xDS bytes per change"},
		{Scenario: "tls-add", Name: "one more TLS host seen by a request"},
		{Scenario: "tls-add", Name: "Envoy main thread CPU per change"},
		{Scenario: "restart", Name: "edit served, after the port opened"},
		{Scenario: "restart", Name: "xDS resources"},
		{Scenario: "cold", Name: "served, after the start of Envoy"},
		{Scenario: "idle", Name: "controller memory at rest"},
		{Scenario: "churn", Name: "controller memory, highest"},
		{Scenario: "idle", Name: "Envoy memory at rest"},
		{Scenario: "idle", Name: "controller CPU"},
	}
}

// summary is the section with what matters, as far as it was measured.
func summary(keys []result.Key, all []measured) section {
	s := section{Name: "summary", About: "The most important figures; all measures follow.", Columns: columns(all)}
	known := map[result.Key]bool{}
	for _, k := range keys {
		known[k] = true
	}
	for _, k := range headline() {
		if known[k] {
			r := tableRow(k, all)
			r.Name = k.Scenario + ": " + r.Name
			s.Rows = append(s.Rows, r)
		}
	}
	return s
}

// columns are the sizes of all reports.
func columns(all []measured) (found []column) {
	for _, m := range all {
		for _, size := range m.Runs {
			found = append(found, column{thousands(size.N), m.class})
		}
	}
	return found
}
