package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/console"
)

type statusFlags struct {
	liveFlags

	exitCode bool
	output   string
}

func statusCommand(s Streams) *cobra.Command {
	f := &statusFlags{}
	c := &cobra.Command{
		Use:   "status [KIND/NAMESPACE/NAME]",
		Short: "Show the controllers, whether Envoys are in sync, and objects with something to say.",
		Long: `Show what a running controller knows: each replica, the Envoys that are connected to it and whether they have what is published, and the
objects with errors and warnings. With an object: its conditions, diagnostics, hosts, and which Envoys have its last change.

With --exit-code, the exit code is 3 if an Envoy is not in sync, something is rejected, or no Envoy is connected; of an object, if it has errors or an
Envoy does not have it.`,
		Example: "  contour status\n  contour status HTTPProxy/default/www --exit-code",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(oneOf("output", f.output, "text", "json"), f.check()); err != nil {
				return err
			}
			if len(args) == 0 {
				return f.ask(c.Context(), true, func(ctx context.Context, to []*apiclient.Client) error { return f.all(ctx, s.Out, to) })
			}
			o, err := objectArgument(args[0])
			if err != nil {
				return usage(err)
			}
			return f.ask(c.Context(), true, func(ctx context.Context, to []*apiclient.Client) error { return f.one(ctx, s.Out, to, o) })
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().BoolVar(&f.exitCode, "exit-code", false, "Exit with 3 if the answer is no.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text or json.")
	return c
}

// system is what status shows.
type system struct {
	apiv1.Type
	Controllers []apiv1.Info       `json:"controllers"`
	Envoys      []apiv1.Envoy      `json:"envoys"`
	Rejections  []apiv1.Refusal    `json:"rejections"`
	Objects     []apiv1.ObjectItem `json:"objects"` // with errors or warnings
}

// maxShown bounds the objects and Envoys in text.
const maxShown = 20

// all asks each controller about its Envoys, and the first about objects: all have the same.
func (f *statusFlags) all(ctx context.Context, w io.Writer, to []*apiclient.Client) error {
	ctx, cancel := f.limited(ctx)
	defer cancel()
	out := system{Type: apiv1.TypeOf("Status"), Envoys: []apiv1.Envoy{}, Rejections: []apiv1.Refusal{}}
	for _, c := range to {
		info, err := apiclient.Get[apiv1.Info](ctx, c, "info", nil)
		if err != nil {
			return err
		}
		info.Replica = cmp.Or(info.Replica, c.Name)
		envoys, _, err := apiclient.All[apiv1.Envoy](ctx, c, "envoys", nil, 0)
		if err != nil {
			return err
		}
		rejections, _, err := apiclient.All[apiv1.Refusal](ctx, c, "rejections", nil, 0)
		if err != nil {
			return err
		}
		out.Controllers, out.Envoys = append(out.Controllers, info), append(out.Envoys, envoys...)
		for _, r := range rejections {
			if !slices.ContainsFunc(out.Rejections, func(o apiv1.Refusal) bool { return sameRefusal(o, r) }) {
				out.Rejections = append(out.Rejections, r)
			}
		}
	}
	var err error
	if out.Objects, _, err = apiclient.All[apiv1.ObjectItem](ctx, to[0], "objects", url.Values{"severity": {"warning"}}, 0); err != nil {
		return err
	}
	if f.output == "json" {
		err = writeJSON(w, out)
	} else {
		err = out.print(w, time.Now())
	}
	if err == nil && f.exitCode && !out.inSync() {
		return answerNo
	}
	return err
}

func sameRefusal(a, b apiv1.Refusal) bool {
	return a.Fleet == b.Fleet && a.Resource == b.Resource && a.Part == b.Part && a.Message == b.Message && slices.Equal(a.Nodes, b.Nodes)
}

// inSync reports whether there are Envoys, and all have what is published.
func (s *system) inSync() bool {
	behind := func(e apiv1.Envoy) bool { return e.State != apiv1.InSync }
	return len(s.Envoys) > 0 && len(s.Rejections) == 0 && !slices.ContainsFunc(s.Envoys, behind)
}

func (s *system) print(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = console.Line(cells[i])
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	row("CONTROLLER", "ROLE", "VERSION", "AGE", "OBJECTS", "LAST CHANGE", "ENVOYS")
	for _, c := range s.Controllers {
		objects, envoys, inSync := 0, 0, 0
		for n := range maps.Values(c.Objects) {
			objects += n
		}
		for _, x := range c.Fleets {
			envoys, inSync = envoys+x.Envoys, inSync+x.InSync
		}
		row(c.Replica, c.Role, c.Version, age(c.Started, now), fmt.Sprint(objects), age(c.LastChange, now), fmt.Sprintf("%d of %d in sync", inSync, envoys))
	}
	fmt.Fprintln(t)
	row("ENVOY", "FLEET", "VERSION", "CONNECTED", "STATE")
	envoys := slices.Clone(s.Envoys)
	slices.SortStableFunc(envoys, func(a, b apiv1.Envoy) int { return rank(a) - rank(b) }) // those with something to say first
	for _, e := range envoys[:min(len(envoys), maxShown)] {
		row(e.Node, e.Fleet, cmp.Or(e.Version, "-"), age(e.Connected, now), envoyText(&e, now))
	}
	more(t, len(envoys), "Envoys: contour xds")
	if len(s.Envoys) == 0 {
		fmt.Fprintln(t, "no Envoy is connected")
	}
	for _, r := range s.Rejections[:min(len(s.Rejections), maxShown)] {
		row("rejected: " + refusalText(&r))
	}
	more(t, len(s.Rejections), "rejections: contour xds --refused")
	s.printObjects(t)
	return t.Flush()
}

func (s *system) printObjects(t io.Writer) {
	counts := map[apiv1.ObjectState]int{}
	for _, o := range s.Objects {
		counts[o.State]++
	}
	fmt.Fprintf(t, "\nobjects: %d invalid, %d orphaned, %d with warnings\n", counts[apiv1.Invalid], counts[apiv1.Orphaned], counts[apiv1.Warning])
	for _, o := range s.Objects[:min(len(s.Objects), maxShown)] {
		fmt.Fprintln(t, "  "+console.Line(o.Object.Key().String(), string(o.State), o.Message))
	}
	more(t, len(s.Objects), "objects: contour validate")
}

func more(w io.Writer, n int, what string) {
	if n > maxShown {
		fmt.Fprintf(w, "  and %d more %s\n", n-maxShown, what)
	}
}

func rank(e apiv1.Envoy) int {
	return slices.Index([]apiv1.EnvoyState{apiv1.Refuses, apiv1.Waiting, apiv1.InSync}, e.State)
}

// envoyText is the state of an Envoy in words.
func envoyText(e *apiv1.Envoy, now time.Time) string {
	switch e.State {
	case apiv1.InSync:
		return "in sync"
	case apiv1.Refuses:
		return fmt.Sprintf("refuses %d: %s", e.Refused, refusalText(&e.Refusals[0]))
	case apiv1.Waiting:
	}
	text := "waits"
	if !e.Since.IsZero() {
		text += " for " + age(e.Since, now)
	}
	switch {
	case len(e.Blocked) > 0:
		text += fmt.Sprintf(": %s needs %s", e.Blocked[0].Resource, e.Blocked[0].Needs)
	case len(e.InFlight) > 0:
		text += ": does not answer for " + e.InFlight[0]
	case e.Pending > 0:
		text += fmt.Sprintf(": %d resources are to be sent", e.Pending)
	}
	return text
}

func refusalText(r *apiv1.Refusal) string {
	text := r.Resource
	if r.Part != "" {
		text += " " + r.Part
	}
	for i, o := range r.Objects[:min(len(r.Objects), 3)] {
		text += map[bool]string{true: " of ", false: ", "}[i == 0] + o.Key().String()
	}
	return text + ": " + r.Message
}

// one asks about one object. The Envoys are those of all controllers.
func (f *statusFlags) one(ctx context.Context, w io.Writer, to []*apiclient.Client, o apiv1.Object) error {
	ctx, cancel := f.limited(ctx)
	defer cancel()
	var out apiv1.ObjectReport
	for i, c := range to {
		report, err := apiclient.Get[apiv1.ObjectReport](ctx, c, apiclient.Path(o), nil)
		if err != nil {
			return err
		}
		if i == 0 {
			out = report
			continue
		}
		out.Envoys, out.EnvoyCount, out.Refusals = append(out.Envoys, report.Envoys...), out.EnvoyCount+report.EnvoyCount, append(out.Refusals, report.Refusals...)
	}
	var err error
	if f.output == "json" {
		err = writeJSON(w, out)
	} else {
		err = printReport(w, &out, time.Now())
	}
	lacks := slices.ContainsFunc(out.Envoys, func(e apiv1.ObjectSync) bool { return !e.Has })
	if err == nil && f.exitCode && (out.Errors > 0 || lacks || len(out.Refusals) > 0) {
		return answerNo
	}
	return err
}

func printReport(w io.Writer, o *apiv1.ObjectReport, now time.Time) error {
	fmt.Fprintln(w, console.Line(fmt.Sprintf("%s: %s (generation %d)", o.Object.Key(), o.State, o.Generation)))
	for _, c := range o.Conditions {
		text := strings.TrimSpace(c.Of + " " + c.Type + "=" + c.Status)
		fmt.Fprintln(w, "  "+console.Line("condition", text, c.Reason, c.Message))
	}
	for _, x := range apiv1.Findings(o.Diagnostics) {
		fmt.Fprintln(w, "  "+findingLine(x))
	}
	for _, h := range o.Hosts[:min(len(o.Hosts), maxShown)] {
		fmt.Fprintln(w, "  "+console.Line("host", h.Host+" (listener "+h.Listener+")"))
	}
	more(w, o.HostCount, "hosts: contour routes")
	if c := o.LastChange; c != nil {
		fmt.Fprintln(w, "  "+console.Line("last change", age(c.Seen, now)+" ago", changeText(c)))
	}
	for _, r := range o.Refusals[:min(len(o.Refusals), maxShown)] {
		fmt.Fprintln(w, "  "+console.Line("rejected", refusalText(&r), "by "+cmp.Or(strings.Join(r.Nodes, ", "), "the fleet")))
	}
	has := 0
	for _, e := range o.Envoys {
		if e.Has {
			has++
		} else if len(o.Envoys)-has <= maxShown {
			fmt.Fprintln(w, "  "+console.Line("Envoy "+e.Node, map[bool]string{true: "refuses it", false: "does not have it yet"}[e.State == apiv1.Refuses]))
		}
	}
	_, err := fmt.Fprintf(w, "  Envoys: %d of %d have it\n", has, len(o.Envoys))
	return err
}
