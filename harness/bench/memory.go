package bench

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"contour.example/harness/bench/target"
)

// sampled is a figure of memory, in MiB.
type sampled string

const (
	controllerOwn  sampled = "controller allocated"
	controllerAll  sampled = "controller memory"
	envoyAllocated sampled = "Envoy allocated"
	envoyAll       sampled = "Envoy memory"
)

// allSampled are in the order of reports.
func allSampled() []sampled { return []sampled{controllerOwn, controllerAll, envoyAllocated, envoyAll} }

// memory is the highest figures of a phase, and those after it, as far as they are known.
type memory struct{ peak, after map[sampled]float64 }

const (
	// allocatedInterval is how often Envoy is asked for what it has allocated, which its main thread answers.
	allocatedInterval = time.Second
	mebibyte          = 1 << 20
)

// watchMemory samples until done and returns the highest figures.
func watchMemory(ctx context.Context, t target.Target, done <-chan struct{}) map[sampled]float64 {
	peak := map[sampled]float64{}
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	answers := make(chan float64, 1)
	asked := time.Time{}
	for {
		addResident(peak, t)
		if t.Admin != nil && time.Since(asked) > allocatedInterval {
			asked = time.Now()
			go offer(answers, func() (float64, bool) { return allocated(ctx, t) })
		}
		select {
		case <-done:
			return peak
		case mib := <-answers:
			peak[envoyAllocated] = max(peak[envoyAllocated], mib)
		case <-ticker.C:
		}
	}
}

// offer sends what read returns, unless nobody has taken the last one.
func offer(to chan<- float64, read func() (float64, bool)) {
	if v, ok := read(); ok {
		select {
		case to <- v:
		default:
		}
	}
}

// memoryNow is the present figures.
func memoryNow(ctx context.Context, t target.Target) map[sampled]float64 {
	now := map[sampled]float64{}
	addResident(now, t)
	if t.Admin != nil {
		if mib, ok := allocated(ctx, t); ok {
			now[envoyAllocated] = mib
		}
	}
	return now
}

// addResident raises the figures that the kernel knows.
func addResident(peak map[sampled]float64, t target.Target) {
	for _, p := range t.Processes() {
		all, own := controllerAll, controllerOwn
		if p.PID == t.EnvoyPID {
			all, own = envoyAll, ""
		}
		if mib, err := p.Memory(); err == nil {
			peak[all] = max(peak[all], mib)
		}
		if mib, err := p.AnonymousMemory(); err == nil && own != "" {
			peak[own] = max(peak[own], mib)
		}
	}
}

// allocated is what Envoy has allocated and not freed.
func allocated(ctx context.Context, t target.Target) (mib float64, ok bool) {
	body, err := t.Admin.Get(ctx, "/memory")
	if err != nil {
		return 0, false
	}
	var figures struct{ Allocated string }
	if json.Unmarshal(body, &figures) != nil {
		return 0, false
	}
	bytes, err := strconv.ParseFloat(figures.Allocated, 64)
	return bytes / mebibyte, err == nil
}

// higher is the higher one of each figure.
func higher(a, b map[sampled]float64) map[sampled]float64 {
	both := maps.Clone(a)
	for k, v := range b {
		both[k] = max(both[k], v)
	}
	return both
}
