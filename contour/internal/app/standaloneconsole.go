package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/xds/table"
)

// console tells the user of standalone what is wrong in the manifests as soon as it is known, and which
// hosts are served once Envoy has acknowledged them; then again whatever changes.
type console struct {
	out          io.Writer
	board        *board
	flags        *standaloneFlags
	manifests    string                                     // directory
	acknowledged func(ctx context.Context, seq uint64) bool // Envoy serves what was published up to seq

	news    news // the last
	remarks remarks
	hosts   map[ir.HostKey]*ir.VirtualHost // pending: to be told of when Envoy has acknowledged them
	updated int                            // xDS resources since then
	pending bool
	served  map[ir.HostKey]string // what was said of each host that is served
	started bool                  // something has been said of hosts
}

// acknowledgePeriod is how often the console looks whether Envoy has acknowledged what is pending.
const acknowledgePeriod = 50 * time.Millisecond

func newConsole(c console) *console {
	c.remarks, c.hosts, c.served = remarks{}, map[ir.HostKey]*ir.VirtualHost{}, map[ir.HostKey]string{}
	return &c
}

func (c *console) run(ctx context.Context) error {
	tick := time.NewTicker(acknowledgePeriod)
	defer tick.Stop()
	for {
		var due <-chan time.Time
		if c.pending {
			due = tick.C
		}
		select {
		case <-c.board.changed:
		case <-due:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.show(ctx, c.board.take())
	}
}

// show tells what the news and the acknowledgements of Envoy allow to tell.
func (c *console) show(ctx context.Context, n news) {
	c.take(n)
	if c.pending && c.acknowledged(ctx, n.seq) {
		c.tellHosts()
		c.pending = false
	}
}

// take tells the remarks among the news, and keeps the rest until Envoy has acknowledged it.
func (c *console) take(n news) {
	c.news = n
	if !n.results {
		return // the files are read, and what follows from them comes next
	}
	maps.Copy(c.hosts, n.hosts)
	c.updated += n.updated
	c.pending = c.pending || len(c.hosts) > 0 || n.updated > 0 || !c.started
	c.print(c.remarks.replace(kobj.Key{Kind: "file"}, problemRemarks(n.problems)))
	c.print(c.remarks.replace(kobj.Key{Kind: "Envoy"}, c.refusals(n.refused)))
	for _, k := range sortedKeys(n.said, kobj.Key.Compare) {
		c.print(c.remarks.replace(k, diagnosticRemarks(n.said[k], n.where)))
	}
}

func (c *console) print(lines []string) {
	for _, l := range lines {
		fmt.Fprintln(c.out, l)
	}
}

// refusals are remarks about what Envoy refuses though no object is to blame: that, and a port that it cannot
// have, which it says of whatever was the first to need the port.
func (c *console) refusals(rejections []table.Rejection) []remark {
	noPort := map[table.Ref]bool{}
	var said []remark
	for _, r := range rejections {
		if s, flag := c.socketOf(r.Ref); flag != "" && strings.Contains(r.Message, "Address already in use") && !noPort[r.Ref] {
			noPort[r.Ref] = true
			said = append(said, remark{message: "Envoy cannot listen: " + s.inUse(flag).Error()})
		}
	}
	for _, r := range rejections {
		if len(r.Origins) == 0 && !noPort[r.Ref] {
			said = append(said, remark{message: fmt.Sprintf("Envoy refuses %s: %s", r.Ref, r.Message)})
		}
	}
	return said
}

// socketOf is where a listener listens and the beginning of its flags' names.
func (c *console) socketOf(r table.Ref) (s socket, flag string) {
	switch {
	case r.Type != table.Listener:
		return socket{}, ""
	case r.Name == string(ir.HTTP):
		return c.flags.http, "http"
	case r.Name == string(ir.HTTPS):
		return c.flags.https, "https"
	}
	return socket{"127.0.0.1", c.flags.stats}, "stats"
}

// refused reports whether Envoy refuses something without which it does not serve the host as it is now.
func (c *console) refused(v *ir.VirtualHost) bool {
	return v != nil && slices.ContainsFunc(c.news.refused, func(r table.Rejection) bool {
		blamed := slices.ContainsFunc(r.Origins, func(k kobj.Key) bool { return slices.Contains(v.Origins, k) })
		if r.Ref.Type == table.Listener {
			return r.Ref.Name == string(v.Key.Listener) && (blamed || len(r.Origins) == 0)
		}
		return r.Ref.Type == table.Route && blamed && strings.HasPrefix(r.Ref.Name, "https/") == (v.Key.Listener == ir.HTTPS)
	})
}

// tellHosts tells of the hosts that are pending.
func (c *console) tellHosts() {
	first := !c.started
	c.started = true
	said := 0
	refused := map[ir.HostKey]*ir.VirtualHost{} // told when Envoy takes them
	for _, k := range sortedKeys(c.hosts, compareHostKeys) {
		if v := c.hosts[k]; c.refused(v) {
			refused[k] = v
		} else {
			said += c.tellHost(k, v)
		}
	}
	switch {
	case first && len(c.served) == 0:
		fmt.Fprintf(c.out, "serving no host: %s has no HTTPProxy or Ingress that can be served\n", c.manifests)
	case !first && said == 0 && c.updated > 0:
		fmt.Fprintf(c.out, "applied a change that leaves the routes of all hosts as they are (%d resources of Envoy)\n", c.updated)
	}
	c.hosts, c.updated = refused, 0
}

// tellHost tells of one host and returns the number of lines it took.
func (c *console) tellHost(k ir.HostKey, v *ir.VirtualHost) int {
	former, had := c.served[k]
	if v == nil {
		if !had {
			return 0
		}
		delete(c.served, k)
		fmt.Fprintln(c.out, "no longer serving "+former)
		return 1
	}
	verb := "serving "
	if had {
		verb = "changed "
	}
	c.served[k] = c.url(v)
	fmt.Fprintln(c.out, verb+c.url(v)+" from "+c.origins(v))
	return 1
}

func (c *console) url(v *ir.VirtualHost) string {
	scheme, at := "http", c.flags.http
	if v.Key.Listener == ir.HTTPS {
		scheme, at = "https", c.flags.https
	}
	if v.TCP != nil {
		scheme = "tls"
	}
	u := scheme + "://" + v.Key.Hostname + ":" + strconv.Itoa(int(at.port))
	if redirects(v) {
		u += " (redirects to HTTPS)"
	}
	return u
}

// redirects reports whether all that the host answers is the way to HTTPS.
func redirects(v *ir.VirtualHost) bool {
	for i := range v.Routes {
		if r := v.Routes[i].Redirect; r == nil || !r.HTTPS {
			return false
		}
	}
	return len(v.Routes) > 0
}

func (c *console) origins(v *ir.VirtualHost) string {
	var from []string
	for _, o := range v.Origins {
		text := o.String()
		if at, ok := c.news.where.Position(o, ""); ok {
			text += " in " + place(at)
		}
		from = append(from, text)
	}
	return strings.Join(from, ", ")
}

func compareHostKeys(a, b ir.HostKey) int {
	return cmp.Or(strings.Compare(a.Hostname, b.Hostname), strings.Compare(string(a.Listener), string(b.Listener)))
}

// remark is one thing said about an object or a file, without its line: that changes with what stands above it.
type remark struct {
	file     string // of a problem of a file
	object   string
	field    string
	reason   report.Reason
	severity report.Severity
	message  string

	more bool // it counts remarks that are not shown
	at   dir.Position
}

// same is the remark without where it is.
func (r remark) same() remark {
	r.at = dir.Position{}
	return r
}

func (r remark) line() string {
	return oneLine(place(r.at), r.severity.String(), r.object, r.field, string(r.reason), r.message)
}

// resolved is the line for a remark that holds no more.
func (r remark) resolved() string {
	what := string(r.reason)
	if what == "" {
		what = r.message
	}
	return oneLine(r.at.File, "resolved", r.object, r.field, what)
}

// place is "file:line", as far as it is known.
func place(p dir.Position) string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// oneLine joins what is not empty. Manifests are not to move the terminal's cursor: control characters become blanks.
func oneLine(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.Join(parts, ": "))
}

// remarks is what was said, by what it was said about.
type remarks map[kobj.Key][]remark

// replace notes what is to be said about something now, and returns the lines that tell the difference.
func (s remarks) replace(about kobj.Key, now []remark) (lines []string) {
	before := s[about]
	for _, r := range now {
		if !contains(before, r) {
			lines = append(lines, r.line())
		}
	}
	for _, r := range before {
		if !r.more && !contains(now, r) {
			lines = append(lines, r.resolved())
		}
	}
	if s[about] = now; len(now) == 0 {
		delete(s, about)
	}
	return lines
}

func contains(said []remark, r remark) bool {
	return slices.ContainsFunc(said, func(o remark) bool { return o.same() == r.same() })
}

// maxRemarks is how many diagnostics of one object are shown.
const maxRemarks = 20

func diagnosticRemarks(said []report.Diagnostic, where dir.Where) []remark {
	var now []remark
	for i, d := range said {
		r := remark{object: d.Object.String(), field: d.Field, reason: d.Reason, severity: d.Severity, message: d.Message}
		r.at, _ = where.Position(d.Object, d.Field)
		if i == maxRemarks {
			r.field, r.reason, r.more = "", "", true
			r.message = fmt.Sprintf("There are %d more diagnostics.", len(said)-i)
			return append(now, r)
		}
		now = append(now, r)
	}
	return now
}

func problemRemarks(problems []dir.Problem) []remark {
	var now []remark
	for _, p := range problems {
		r := remark{file: p.File, field: p.Field, severity: report.Error, message: p.Message, at: dir.Position{File: p.File, Line: p.Line}}
		if p.Object != (kobj.Key{}) {
			r.object = p.Object.String()
		}
		now = append(now, r)
	}
	return now
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}
