package asset

import (
	"maps"
	"path/filepath"
	"slices"
)

// The programs of other projects that users have beside the controller. The wrapper modules pin the same versions; a test compares.
const (
	oauth2ProxyVersion = "7.15.6"
	collectorVersion   = "0.165.0"
	pebbleVersion      = "2.10.3"
	opaVersion         = "1.22.4"
	flaggerVersion     = "1.36.1"
	externalDNSVersion = "0.21.0"
	contourVersion     = "1.33.6"
)

// counterparts are the programs that make test-counterparts needs, by name. root is the repository's root.
func counterparts(root string) map[string]program {
	module := func(name string) string { return filepath.Join(root, "tools", name) }
	return map[string]program{
		"external-dns": {
			version: externalDNSVersion, hint: "building, about 6 minutes on 2 cores",
			module: module("externaldns"), target: "sigs.k8s.io/external-dns",
		},
		"flagger": {
			version: flaggerVersion, hint: "building, about 2 minutes on 2 cores",
			module: module("flagger"), target: "github.com/fluxcd/flagger/cmd/flagger",
		},
		"oauth2-proxy": {
			version: oauth2ProxyVersion, hint: "building, about 2 minutes on 2 cores",
			module: module("oauth2proxy"), target: "github.com/oauth2-proxy/oauth2-proxy/v7",
		},
		"opa": {
			version: opaVersion, hint: "building, about 4 minutes on 2 cores",
			module: module("opa"), target: "contour.example/tools/opa",
		},
		"otelcol": {
			version: collectorVersion, hint: "building, about 2 minutes on 2 cores",
			module: module("otelcol"), target: "contour.example/tools/otelcol",
		},
		"pebble": {
			version: pebbleVersion, hint: "building, about a minute on 2 cores",
			module: module("pebble"), target: "github.com/letsencrypt/pebble/v2/cmd/pebble",
		},
		"upstream-contour": {
			version: contourVersion, hint: "building, about 4 minutes on 2 cores",
			module: module("upstreamcontour"), target: "github.com/projectcontour/contour/cmd/contour",
		},
	}
}

// Counterparts returns the names of the programs of other projects that users have beside the controller.
func Counterparts() []string { return slices.Sorted(maps.Keys(counterparts(""))) }

// Counterpart returns one of them; false if there is none of that name. root is the repository's root.
func Counterpart(root, name string) (Asset, bool, error) {
	p, ok := counterparts(root)[name]
	if !ok {
		return Asset{}, false, nil
	}
	p.name = name
	a, err := p.asset()
	return a, true, err
}
