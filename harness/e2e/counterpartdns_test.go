//go:build local && counterpart

package e2e

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"contour.example/harness/traffic"
)

// external-dns plans a record with the address of our status for each host of HTTPProxy and Ingress that we serve, and for no others,
// follows the hosts of both, and removes the records of a host that is gone. Each of these hosts is served.
func TestCounterpartExternalDNS(t *testing.T) {
	f := newFixture(t, shared)
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", "secure-dns.example")
	f.namedHosts("proxy-dns.example", "ingress-dns.example")
	dns := f.newCounterpart("external-dns", func(at netip.AddrPort) []string {
		return []string{
			"--kubeconfig=" + f.s.Cluster.Kubeconfig, "--namespace=" + f.namespace, "--source=contour-httpproxy", "--source=ingress",
			"--provider=inmemory", "--inmemory-zone=example", "--registry=noop", "--policy=sync", "--dry-run", "--log-format=json",
			"--interval=1s", "--metrics-address=" + at.String(),
		}
	})
	f.planned(dns, "ingress-dns.example", "proxy-dns.example", "secure-dns.example")
	f.answered(traffic.Request{Host: "proxy-dns.example"}, "shop")
	f.answered(traffic.Request{Host: "secure-dns.example", TLS: &traffic.TLS{}}, "shop")
	f.answered(traffic.Request{Host: "ingress-dns.example"}, "shop")

	f.namedHosts("proxy-other.example", "ingress-other.example")
	f.planned(dns, "ingress-other.example", "proxy-other.example", "secure-dns.example")
	f.answered(traffic.Request{Host: "proxy-other.example"}, "shop")
	f.answered(traffic.Request{Host: "ingress-other.example"}, "shop")
}

// namedHosts applies an HTTPProxy, which includes another one, and an Ingress with these hosts, an HTTPProxy with TLS, and one of each
// kind of another class.
func (f *fixture) namedHosts(proxy, ingress string) {
	f.t.Helper()
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: proxy}
spec: {virtualhost: {fqdn: %s}, includes: [{name: included}]}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: included}
spec: {routes: [{services: [{name: shop, port: 80}]}]}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: secure}
spec: {virtualhost: {fqdn: secure-dns.example, tls: {secretName: cert}}, routes: [{services: [{name: shop, port: 80}]}]}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: of-another-class}
spec: {ingressClassName: other, virtualhost: {fqdn: class-dns.example}, routes: [{services: [{name: shop, port: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ingress}
spec:
  rules:
  - host: %s
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: of-another-class}
spec:
  ingressClassName: other
  rules:
  - host: class-ingress-dns.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}
`, proxy, ingress)
}

// planned waits until the records are those of the hosts, and fails unless each has the address of the status.
func (f *fixture) planned(dns *counterpart, hosts ...string) {
	f.t.Helper()
	var got map[string]string
	f.wait("records of the hosts", 30*time.Second, func() bool {
		got = f.records(dns)
		return slices.Equal(slices.Sorted(maps.Keys(got)), hosts)
	})
	for host, record := range got {
		if record != "A 192.0.2.10" {
			f.t.Errorf("%s has the record %s", host, record)
		}
	}
}

// records returns the records after all changes of the log, by host.
func (f *fixture) records(dns *counterpart) map[string]string {
	f.t.Helper()
	log, err := os.Open(dns.spec.Log)
	if err != nil {
		f.t.Fatal(err)
	}
	defer log.Close()
	out := map[string]string{}
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Message string `json:"msg"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		verb, change, _ := strings.Cut(line.Message, ": ")
		fields := strings.Fields(change) // host, TTL, IN, type, targets, settings of the provider
		switch verb {
		case "DELETE":
			delete(out, fields[0])
		case "CREATE", "UPDATE (new)":
			out[fields[0]] = fields[3] + " " + fields[4]
		}
	}
	return out
}
