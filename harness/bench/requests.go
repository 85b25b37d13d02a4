package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"contour.example/harness/bench/proc"
	"contour.example/harness/bench/result"
	"contour.example/harness/h2load"
	"contour.example/harness/progress"
)

// Connections is how many there are at a time when the path of requests is measured.
const Connections = 16

// Of a controller of ours, the path of a request is measured with all HTTP hosts in one route table and with the hosts
// sharded, in turn.
const (
	oneTable = "one table"
	sharded  = "sharded"
)

// modes are the values of --route-table-hosts for that.
func modes() map[string]int { return map[string]int{oneTable: math.MaxInt32, sharded: 0} }

// pathCase is a way of a request through Envoy.
type pathCase struct {
	name, url, at string
	http1         bool
}

// samplesOf are, by mode and case, what each round measured.
type samplesOf map[[2]string][]float64

// requests sends requests as fast as they are answered, by every way there is, and records how many are answered and
// what each costs Envoy. The ratio of the two modes is that of rounds which follow each other.
func (b *bench) requests(ctx context.Context) error {
	if err := h2load.Need(ctx, progress.Log{}); err != nil {
		return err
	}
	cases, err := b.pathCases(ctx)
	if err != nil {
		return err
	}
	order := []string{""}
	if b.target.Lifecycle != nil && b.target.Controller.Ours {
		order = []string{oneTable, sharded}
	}
	cpu, rate := samplesOf{}, samplesOf{}
	for round := range b.Rounds {
		for i := range order {
			mode := order[(i+round)%len(order)]
			if err := b.enter(ctx, mode); err != nil {
				return err
			}
			for _, c := range cases {
				if err := b.ask(ctx, c, [2]string{mode, c.name}, cpu, rate); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
	}
	for _, c := range cases {
		b.recordPath(c.name, order, cpu, rate)
	}
	return errors.Join(b.leave(ctx, order), b.deletePaths(ctx))
}

// pathCases makes the hosts, and is what to ask of them.
func (b *bench) pathCases(ctx context.Context) ([]pathCase, error) {
	plain := b.workload.withoutTLS("requests", 0, 1)
	plain.direct = true
	if err := b.workload.createRoute(ctx, plain); err != nil {
		return nil, err
	}
	if _, err := b.served(ctx, b.workload.want(plain.name, backendName(1))); err != nil {
		return nil, err
	}
	cases := b.waysTo("http", plain, b.target.HTTP)
	if b.target.HTTPS == "" {
		return cases, nil
	}
	secure, _, err := b.secure(ctx, "requests-tls")
	if err != nil {
		return nil, err
	}
	secure.direct = true
	if err := b.workload.createRoute(ctx, secure); err != nil {
		return nil, err
	}
	_, err = b.served(ctx, b.wantsTLS(secure.name, 1))
	return append(cases, b.waysTo("https", secure, b.target.HTTPS)...), err
}

// waysTo is each way to an object: only an HTTPProxy has direct responses.
func (b *bench) waysTo(scheme string, o routed, at string) (cases []pathCase) {
	paths := map[string]string{"proxied": o.below + secondPath}
	if b.API == HTTPProxy {
		paths["direct response"] = directPath
	}
	for _, kind := range []string{"direct response", "proxied"} {
		if paths[kind] == "" {
			continue
		}
		for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
			cases = append(cases, pathCase{
				name: fmt.Sprintf("%s, %s, %s", kind, scheme, version), url: scheme + "://" + o.host + paths[kind],
				at: at, http1: version == "HTTP/1.1",
			})
		}
	}
	return cases
}

// enter starts the controller anew in the mode, and waits until it and Envoy rest; "" is as it is.
func (b *bench) enter(ctx context.Context, mode string) error {
	if hosts, ok := modes()[mode]; ok {
		if err := b.startAnew(ctx, fmt.Sprintf("--route-table-hosts=%d", hosts)); err != nil {
			return err
		}
	}
	return b.rest(ctx)
}

func (b *bench) startAnew(ctx context.Context, args ...string) error {
	if err := b.target.Lifecycle.StopController(ctx); err != nil {
		return err
	}
	controller, err := b.target.Lifecycle.StartController(ctx, args...)
	if err != nil {
		return err
	}
	b.target.Controller = controller
	return pause(ctx, sendGrace)
}

// leave starts the controller as it was, if it was started anew.
func (b *bench) leave(ctx context.Context, order []string) error {
	if len(order) == 1 {
		return nil
	}
	return b.startAnew(ctx)
}

// ask sends the requests of one case.
func (b *bench) ask(ctx context.Context, c pathCase, key [2]string, cpu, rate samplesOf) error {
	used := func() time.Duration {
		d, _ := proc.CPU(b.target.EnvoyPID) // not known of every target
		return d
	}
	before := used()
	took, err := h2load.Load{URL: c.url, At: c.at, HTTP1: c.http1, Connections: Connections, Requests: b.Requests}.Run(ctx)
	if err != nil {
		return err
	}
	rate[key] = append(rate[key], float64(b.Requests)/took.Seconds())
	if b.target.EnvoyPID != 0 {
		cpu[key] = append(cpu[key], float64((used()-before).Microseconds())/float64(b.Requests))
	}
	return nil
}

// recordPath records the medians of a case, and if there are two modes, of their ratios, and the ratio of their cheapest rounds.
func (b *bench) recordPath(name string, order []string, cpu, rate samplesOf) {
	for _, m := range []struct {
		what, unit string
		of         samplesOf
	}{{"Envoy CPU per request", "us", cpu}, {"requests a second", "", rate}} {
		for _, mode := range order {
			suffix := ""
			if mode != "" {
				suffix = ", " + mode
			}
			b.recorder.Median(name+": "+m.what+suffix, m.unit, m.of[[2]string{mode, name}])
		}
		if len(order) > 1 {
			b.recorder.Median(name+": "+m.what+", sharded to one table", "", result.Ratios(m.of[[2]string{sharded, name}], m.of[[2]string{oneTable, name}]))
		}
	}
	if one, many := cpu[[2]string{oneTable, name}], cpu[[2]string{sharded, name}]; len(one) > 0 && len(many) > 0 {
		// Whatever else uses the machine only adds to a round.
		b.recorder.Value(name+": Envoy CPU per request, sharded to one table, cheapest rounds", "", slices.Min(many)/slices.Min(one), "")
	}
}

func (b *bench) deletePaths(ctx context.Context) error {
	err := b.workload.deleteRoute(ctx, "requests")
	if b.target.HTTPS == "" {
		return err
	}
	return errors.Join(err, b.workload.deleteRoute(ctx, "requests-tls"), b.client.delete(ctx, secrets, "requests-tls"))
}
