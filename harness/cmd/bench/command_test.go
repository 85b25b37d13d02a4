package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/bench"
)

func TestParse(t *testing.T) {
	t.Parallel()
	var usage bytes.Buffer
	c, err := parse(strings.Fields(
		"-n 20 -n 30 -api ingress -scenarios edit,idle -samples 7 -churn 2s -rate 50 -o out.json -serve-arg=--debug -tls-hosts 3 -tls-shared -runs 3"), &usage)
	if err != nil {
		t.Fatal(err)
	}
	want := bench.Defaults()
	want.API, want.Scenarios, want.Samples = bench.Ingress, []string{"edit", "idle"}, 7
	want.Churn, want.Rate = 2*time.Second, 50
	want.TLSHosts, want.TLSShared = 3, true
	if diff := cmp.Diff(want, c.options); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{20, 30}, c.sizes); diff != "" {
		t.Error(diff)
	}
	if c.runs != 3 || c.output != "out.json" || !cmp.Equal(c.local.Args, []string{"--debug"}) {
		t.Errorf("got %q, %q", c.output, c.local.Args)
	}
}

func TestParseGateway(t *testing.T) {
	t.Parallel()
	var usage bytes.Buffer
	c, err := parse(strings.Fields("-api gateway -shared-host -changes 10 -change-rate 5 -gateways 3 -gateway-routes 2"), &usage)
	if err != nil {
		t.Fatal(err)
	}
	want := bench.Defaults()
	want.API, want.SharedHost, want.Gateways, want.GatewayRoutes = bench.Gateway, true, 3, 2
	want.Propagation.Changes, want.Propagation.Rate = 10, 5
	if diff := cmp.Diff(want, c.options); diff != "" || !c.local.Gateway {
		t.Error(c.local.Gateway, diff)
	}
}

func TestParseRejects(t *testing.T) {
	t.Parallel()
	for args, why := range map[string]string{
		"-n 0":                              "above 0",
		"-api gateways":                     "one of [httpproxy ingress gateway]",
		"-shared-host":                      "needs -api gateway",
		"-changes 1":                        "at least 2",
		"-gateway-routes 0":                 "above 0",
		"-rate 0":                           "above 0",
		"here":                              `unexpected argument "here"`,
		"-envoy-address 10.0.0.1:80":        "need -kubeconfig",
		"-kubeconfig f -backend-ip 1.2.3.4": "needs -envoy-address",
		"-compare other.json":               "need -html",
		"-runs 0":                           "above 0",
		"-requests 3":                       "at least 16",
		"-kubeconfig f -backend-ip 1.2.3.4 -envoy-address 1.2.3.4:1 -xds-relay-listen :1": "need each other",
	} {
		var usage bytes.Buffer
		if _, err := parse(strings.Fields(args), &usage); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: error %v, want %q in it", args, err, why)
		}
	}
}
