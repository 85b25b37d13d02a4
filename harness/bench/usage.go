package bench

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"contour.example/harness/bench/figure"
	"contour.example/harness/bench/proc"
)

// scrapeTimeout bounds a request for the metrics page.
const scrapeTimeout = 5 * time.Second

// usage is what has been used up to now. What is not known is absent.
type usage map[resource]float64

// resource is something that is used.
type resource string

const (
	controllerCPU resource = "controller CPU"        // ms
	envoyCPU      resource = "Envoy CPU"             // ms, all threads
	envoyMainCPU  resource = "Envoy main thread CPU" // ms
	xdsBytes      resource = "xDS bytes"             // kB
	xdsResources  resource = "xDS resources"
	derivations   resource = "derivations"
	statusWrites  resource = "status writes"
)

// unit is that of the resource's measures.
func (r resource) unit() string {
	switch r {
	case controllerCPU, envoyCPU, envoyMainCPU:
		return "ms"
	case xdsBytes:
		return "kB"
	case xdsResources, derivations, statusWrites:
	}
	return ""
}

// resources are all, in the order of reports.
func resources() []resource {
	return []resource{controllerCPU, envoyCPU, envoyMainCPU, xdsBytes, xdsResources, derivations, statusWrites}
}

// extra is a metric that only our controller has. Its samples count if their labels contain label.
type extra struct {
	metric, label string
	resource      resource
}

func extras() []extra {
	return []extra{
		{"contour_xds_sent_bytes_total", "", xdsBytes},
		{"contour_xds_resources_sent_total", "", xdsResources},
		{"contour_derivations_total", "", derivations},
		{"contour_status_update_total", `outcome="success"`, statusWrites},
	}
}

// used reads the counters of the target now.
func (t Target) used(ctx context.Context) usage {
	u := usage{}
	u.addCPU(controllerCPU, t.Controller.PID, proc.CPU)
	u.addCPU(envoyCPU, t.EnvoyPID, proc.CPU)
	u.addCPU(envoyMainCPU, t.EnvoyPID, proc.MainCPU)
	if t.Controller.MetricsURL != "" {
		u.addMetrics(ctx, t.Controller.MetricsURL)
	}
	return u
}

func (u usage) addCPU(r resource, pid int, read func(pid int) (time.Duration, error)) {
	if pid == 0 {
		return
	}
	if d, err := read(pid); err == nil {
		u[r] = figure.Milliseconds(d)
	}
}

// addMetrics reads the page; if it cannot be read, or lacks a metric, nothing is added.
func (u usage) addMetrics(ctx context.Context, url string) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	u.addExtras(response.Body)
}

// addExtras adds up the samples of a metrics page. A counter appears on it with its first
// count, so if there is any of them the others are 0.
func (u usage) addExtras(page io.Reader) {
	sums := usage{}
	for _, e := range extras() {
		sums[e.resource] = 0
	}
	found := false
	for lines := bufio.NewScanner(page); lines.Scan(); {
		line := lines.Text()
		for _, e := range extras() {
			rest, ok := strings.CutPrefix(line, e.metric+"{")
			value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if ok && err == nil && strings.Contains(rest, e.label) {
				sums[e.resource] += value
				found = true
			}
		}
	}
	if !found {
		return
	}
	sums[xdsBytes] /= 1000
	maps.Copy(u, sums)
}

// since is what was used after before, of all that both know.
func (u usage) since(before usage) usage {
	change := usage{}
	for r, v := range u {
		if b, ok := before[r]; ok {
			change[r] = v - b
		}
	}
	return change
}
