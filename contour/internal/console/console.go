// Package console prints the state of standalone for its user.
//
// In: what the source reads (SetFiles), what the pipeline publishes and what Envoy rejects (SetResult). Out: one line
// for each diagnostic, problem of a file and rejection as soon as it is known, and one for each host once Envoy has
// acknowledged it; later, lines for what differs. Neither the source nor the pipeline waits for the console: updates
// that are not printed yet are merged, so that it holds at most one state of each thing.
package console

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"sync"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// Options are what a console needs.
type Options struct {
	Out                io.Writer
	Manifests          string // their paths, as the user names them
	HTTP, HTTPS, Stats Listener
	// Acknowledged reports whether Envoy serves what was published up to seq. It is polled while something is pending.
	Acknowledged func(ctx context.Context, seq uint64) bool
}

// acknowledgePeriod is how often Acknowledged is called.
const acknowledgePeriod = 50 * time.Millisecond

// Listener is a listener of Envoy.
type Listener struct {
	Address netip.AddrPort
	InUse   string // what is printed when another program has the port, without a full stop
}

// Console prints updates. SetFiles and SetResult may be called by any goroutine.
type Console struct {
	options Options
	changed chan struct{} // holds a value while there is an update to print

	mu   sync.Mutex
	next update

	// The rest belongs to Run.
	latest    update
	lines     printed
	pending   bool                           // Envoy has not acknowledged what was published
	hosts     map[ir.HostKey]*ir.VirtualHost // pending
	resources int                            // pending: xDS resources
	served    map[ir.HostKey]string          // URL of each host that a line was printed for
	started   bool                           // a line about hosts was printed
}

// New returns a console that prints nothing until Run.
func New(o Options) *Console {
	return &Console{
		options: o, changed: make(chan struct{}, 1), lines: printed{},
		hosts: map[ir.HostKey]*ir.VirtualHost{}, served: map[ir.HostKey]string{},
	}
}

// Run prints updates until the context ends, and returns the context's error.
func (c *Console) Run(ctx context.Context) error {
	tick := time.NewTicker(acknowledgePeriod)
	defer tick.Stop()
	for {
		var check <-chan time.Time
		if c.pending {
			check = tick.C
		}
		select {
		case <-c.changed:
		case <-check:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.print(ctx, c.takeUpdate())
	}
}

// print prints the diagnostics of an update, and the pending hosts if Envoy has acknowledged them.
func (c *Console) print(ctx context.Context, u update) {
	c.apply(u)
	if c.pending && c.options.Acknowledged(ctx, u.seq) {
		c.printHosts()
		c.pending = false
	}
}

// apply prints the diagnostics of an update and keeps its hosts until Envoy has acknowledged them.
func (c *Console) apply(u update) {
	c.latest = u
	if !u.published {
		return // the files are read, and the pipeline's result comes next
	}
	maps.Copy(c.hosts, u.hosts)
	c.resources += u.resources
	c.pending = c.pending || len(c.hosts) > 0 || u.resources > 0 || !c.started
	c.println(c.lines.replace(kobj.Key{Kind: "file"}, problemLines(u.problems)))
	c.println(c.lines.replace(kobj.Key{Kind: "Envoy"}, c.rejectionLines(u.rejections)))
	for _, k := range sortedKeys(u.diagnostics, kobj.Key.Compare) {
		c.println(c.lines.replace(k, diagnosticLines(u.diagnostics[k], u.positions)))
	}
}

func (c *Console) println(lines []string) {
	for _, l := range lines {
		fmt.Fprintln(c.options.Out, l)
	}
}
