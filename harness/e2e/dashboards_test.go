//go:build local

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"contour.example/harness/asset"
	"contour.example/harness/backend"
	"contour.example/harness/traffic"
)

// Every panel of the dashboards shows something of a system that serves requests: each query has a result on what the
// controller and Envoy expose.
func TestDashboards(t *testing.T) {
	f := newFixture(t, shared)
	f.service("shop", f.server("shop", "0"))
	dir := t.TempDir()
	var files []string
	timed := 0.0
	for n := range 3 { // a rate needs several scrapes, between which something happens
		f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: root-%[1]d}
spec:
  virtualhost: {fqdn: d%[1]d.dashboards.example}
  routes: [{services: [{name: shop, port: 80}]}]
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: invalid-%[1]d}
spec:
  virtualhost: {fqdn: i%[1]d.dashboards.example}
  routes: [{services: [{name: absent, port: 80}]}]
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: orphaned-%[1]d}
spec:
  routes: [{services: [{name: shop, port: 80}]}]
`, n)
		host := fmt.Sprintf("d%d.dashboards.example", n)
		f.answered(traffic.Request{Host: host}, "shop")
		for _, code := range []int{200, 302, 404, 500} { // a class of responses is counted from its first on
			f.status(traffic.Request{Host: host, Headers: http.Header{backend.StatusHeader: {strconv.Itoa(code)}}}, code)
		}
		f.wait("Envoy adds to its histograms", histogramTimeout, func() bool { // which it does from time to time
			former := timed
			timed = f.timed()
			return timed > former
		})
		files = append(files, f.scrape(dir, n)...)
	}
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", append([]string{"run", ".", filepath.Join(root, "examples", "grafana")}, files...)...)
	command.Dir, command.Env = filepath.Join(root, "tools", "dashboards"), append(os.Environ(), "GOWORK=off")
	if text, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, text)
	}
}

// histogramTimeout is more than the interval in which Envoy adds to its histograms.
const histogramTimeout = 20 * time.Second

// timed returns the number of requests to Services in the histograms of Envoy.
func (f *fixture) timed() (sum float64) {
	f.t.Helper()
	text, err := f.s.Envoy.Admin(f.t.Context(), "/stats/prometheus?filter=upstream_rq_time")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^envoy_cluster_upstream_rq_time_count\{.*\} (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			f.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// scrape writes the metrics of the first controller and of Envoy to files.
func (f *fixture) scrape(dir string, n int) []string {
	f.t.Helper()
	controller, err := f.s.Controllers[0].MetricsPage(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	envoy, err := f.s.Envoy.Admin(f.t.Context(), "/stats/prometheus")
	if err != nil {
		f.t.Fatal(err)
	}
	var files []string
	for job, text := range map[string][]byte{"contour": controller, "envoy": envoy} {
		file := filepath.Join(dir, fmt.Sprintf("%s-%d.prom", job, n))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			f.t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
