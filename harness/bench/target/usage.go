package target

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"contour.example/harness/bench/proc"
	"contour.example/harness/bench/result"
)

// scrapeTimeout bounds a request for the metrics page.
const scrapeTimeout = 5 * time.Second

// kilo is how many bytes a kB has.
const kilo = 1000

// Usage is the cumulative usage. What is not known is absent.
type Usage map[Resource]float64

// Resource is a resource that a process uses.
type Resource string

// The resources; the last four are known for our controller only.
const (
	ControllerCPU Resource = "controller CPU"        // ms
	EnvoyCPU      Resource = "Envoy CPU"             // ms, all threads
	EnvoyMainCPU  Resource = "Envoy main thread CPU" // ms
	// XDSBytes is what the controller sent on the connection, of any kind.
	XDSBytes Resource = "xDS bytes" // kB
	// XDSPayload is the resources in that, before TLS, gRPC and HTTP/2.
	XDSPayload   Resource = "xDS payload" // kB
	XDSResources Resource = "xDS resources"
	Derivations  Resource = "derivations"
	StatusWrites Resource = "status writes"
)

// Unit is that of the resource's figures.
func (r Resource) Unit() string {
	switch r {
	case ControllerCPU, EnvoyCPU, EnvoyMainCPU:
		return "ms"
	case XDSBytes, XDSPayload:
		return "kB"
	case XDSResources, Derivations, StatusWrites:
	}
	return ""
}

// Resources are all, in the order of reports.
func Resources() []Resource {
	return []Resource{ControllerCPU, EnvoyCPU, EnvoyMainCPU, XDSBytes, XDSPayload, XDSResources, Derivations, StatusWrites}
}

// extra is a metric that only our controller has, and how its samples count.
type extra struct {
	metric   string
	factor   float64
	resource Resource
}

func extras() []extra {
	return []extra{
		{"contour_xds_sent_bytes_total", 1. / kilo, XDSPayload},
		{"contour_xds_resources_sent_total", 1, XDSResources},
		{"contour_derivations_total", 1, Derivations},
		{"contour_status_update_success_total", 1, StatusWrites}, // also those with nothing to write
		{"contour_status_update_noop_total", -1, StatusWrites},
	}
}

// Used reads the counters of the target now.
func (t Target) Used(ctx context.Context) Usage {
	u := Usage{}
	u.addCPU(ControllerCPU, t.Controller.PID, proc.CPU)
	u.addCPU(EnvoyCPU, t.EnvoyPID, proc.CPU)
	u.addCPU(EnvoyMainCPU, t.EnvoyPID, proc.MainCPU)
	if t.Wire != nil {
		u[XDSBytes] = float64(t.Wire.Sent()) / kilo
	}
	if t.Controller.MetricsURL != "" {
		u.addMetrics(ctx, t.Controller.MetricsURL)
	}
	return u
}

func (u Usage) addCPU(r Resource, pid int, read func(pid int) (time.Duration, error)) {
	if pid == 0 {
		return
	}
	if d, err := read(pid); err == nil {
		u[r] = result.Milliseconds(d)
	}
}

// addMetrics reads the page; if it cannot be read, or lacks a metric, nothing is added.
func (u Usage) addMetrics(ctx context.Context, url string) {
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
func (u Usage) addExtras(page io.Reader) {
	sums := Usage{}
	for _, e := range extras() {
		sums[e.resource] = 0
	}
	found := false
	for lines := bufio.NewScanner(page); lines.Scan(); {
		line := lines.Text()
		for _, e := range extras() {
			value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err == nil && strings.HasPrefix(line, e.metric+"{") {
				sums[e.resource] += e.factor * value
				found = found || e.resource != StatusWrites
			}
		}
	}
	if !found {
		return
	}
	maps.Copy(u, sums)
}

// Since is what was used after before, of all that both know.
func (u Usage) Since(before Usage) Usage {
	change := Usage{}
	for r, v := range u {
		if b, ok := before[r]; ok {
			change[r] = v - b
		}
	}
	return change
}

// OfNewController is what to compare with when the controller has been started since: its usage starts at 0, the rest continues.
func (u Usage) OfNewController() Usage {
	return u.with(0, ControllerCPU, XDSPayload, XDSResources, Derivations, StatusWrites)
}

// OfNewEnvoy is what to compare with when Envoy has been started since.
func (u Usage) OfNewEnvoy() Usage { return u.with(0, EnvoyCPU, EnvoyMainCPU) }

func (u Usage) with(v float64, of ...Resource) Usage {
	changed := maps.Clone(u)
	for _, r := range of {
		changed[r] = v
	}
	return changed
}
