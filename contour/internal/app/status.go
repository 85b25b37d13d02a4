package app

import (
	"cmp"
	"context"
	"errors"
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

	exitCode   bool
	generation int64
	output     string
}

func statusCommand(s Streams) *cobra.Command {
	f := &statusFlags{}
	c := &cobra.Command{
		Use:   "status [KIND/NAMESPACE/NAME]",
		Short: "Show the controllers, whether Envoys are in sync, and objects with something to say.",
		Long: `Show what a running controller knows: each replica, the Envoys that are connected to it and whether they have what is published, and the
objects with errors and warnings. With an object: its conditions, diagnostics, hosts, and which Envoys have its last change.

With --exit-code, the exit code is 3 if an Envoy is not in sync, something is rejected, or no Envoy is connected; of an object, if it has errors, if it
is not served, if a connected Envoy does not have its last change or rejects something of it, or if no Envoy serves it: none is connected, or it has no
host. With --generation, it is also 3 until all controllers have processed that generation of the object. If a controller cannot be read, it is 3 in any
case.`,
		Example: "  contour status\n  contour status HTTPProxy/default/www --exit-code --generation 7",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(oneOf("output", f.output, "text", "json"), f.check(), f.checkGeneration(args)); err != nil {
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
	c.Flags().Int64Var(&f.generation, "generation", 0, "With --exit-code: the metadata.generation of the object, or a later one, must be served; 0 is any.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text or json.")
	return c
}

func (f *statusFlags) checkGeneration(args []string) error {
	switch {
	case f.generation < 0:
		return errors.New("--generation: give a positive number")
	case f.generation > 0 && (len(args) == 0 || !f.exitCode):
		return errors.New("--generation: it is for an object, with --exit-code")
	}
	return nil
}

// maxShown bounds the objects and Envoys in text.
const maxShown = 20

// replica is what one controller knows.
type replica struct {
	info       apiv1.Info
	envoys     []apiv1.Envoy
	rejections []apiv1.Rejection
}

func readReplica(ctx context.Context, c *apiclient.Client) (r replica, err error) {
	if r.info, err = apiclient.Get[apiv1.Info](ctx, c, "info", nil); err != nil {
		return r, err
	}
	r.info.Replica = cmp.Or(r.info.Replica, c.Name)
	if r.envoys, _, err = apiclient.All[apiv1.Envoy](ctx, c, "envoys", nil, 0); err != nil {
		return r, err
	}
	r.rejections, _, err = apiclient.All[apiv1.Rejection](ctx, c, "rejections", nil, 0)
	return r, err
}

// all asks each controller about its Envoys, and one about objects: all have the same.
func (f *statusFlags) all(ctx context.Context, w io.Writer, to []*apiclient.Client) error {
	replicas, unread, err := each(ctx, &f.liveFlags, to, readReplica)
	if err != nil {
		return err
	}
	out := apiv1.Status{Type: apiv1.TypeOf("Status"), Unread: unread, Envoys: []apiv1.Envoy{}, Rejections: []apiv1.Rejection{}}
	for _, r := range replicas {
		out.Controllers, out.Envoys = append(out.Controllers, r.value.info), append(out.Envoys, r.value.envoys...)
		for _, x := range r.value.rejections {
			if !slices.ContainsFunc(out.Rejections, func(o apiv1.Rejection) bool { return sameRejection(o, x) }) {
				out.Rejections = append(out.Rejections, x)
			}
		}
	}
	ctx, cancel := f.limited(ctx)
	defer cancel()
	if out.Objects, _, err = apiclient.All[apiv1.ObjectItem](ctx, replicas[0].from, "objects", url.Values{"severity": {"warning"}}, 0); err != nil {
		return err
	}
	if f.output == "json" {
		err = writeJSON(w, out)
	} else {
		err = printStatus(w, &out, time.Now())
	}
	if err == nil && (len(unread) > 0 || f.exitCode && !inSync(&out)) {
		return answerNo
	}
	return err
}

func sameRejection(a, b apiv1.Rejection) bool {
	return a.Fleet == b.Fleet && a.Resource == b.Resource && a.Part == b.Part && a.Message == b.Message && slices.Equal(a.Nodes, b.Nodes)
}

// inSync reports whether there are Envoys, and all have what is published.
func inSync(s *apiv1.Status) bool {
	behind := func(e apiv1.Envoy) bool { return e.State != apiv1.InSync }
	return len(s.Envoys) > 0 && len(s.Rejections) == 0 && !slices.ContainsFunc(s.Envoys, behind)
}

func printStatus(w io.Writer, s *apiv1.Status, now time.Time) error {
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
	for _, u := range s.Unread {
		row(u.Replica, "not read", u.Message)
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
		row("rejected: " + rejectionText(&r))
	}
	more(t, len(s.Rejections), "rejections: contour xds --rejected")
	printObjects(t, s.Objects)
	return t.Flush()
}

func printObjects(t io.Writer, objects []apiv1.ObjectItem) {
	counts := map[apiv1.ObjectState]int{}
	for _, o := range objects {
		counts[o.State]++
	}
	fmt.Fprintf(t, "\nobjects: %d invalid, %d orphaned, %d with warnings\n", counts[apiv1.Invalid], counts[apiv1.Orphaned], counts[apiv1.Warning])
	for _, o := range objects[:min(len(objects), maxShown)] {
		fmt.Fprintln(t, "  "+console.Line(o.Object.Key().String(), string(o.State), o.Message))
	}
	more(t, len(objects), "objects: contour validate")
}

func more(w io.Writer, n int, what string) {
	if n > maxShown {
		fmt.Fprintf(w, "  and %d more %s\n", n-maxShown, what)
	}
}

func rank(e apiv1.Envoy) int {
	return slices.Index([]apiv1.EnvoyState{apiv1.Rejects, apiv1.Waiting, apiv1.InSync}, e.State)
}

// envoyText is the state of an Envoy in words.
func envoyText(e *apiv1.Envoy, now time.Time) string {
	switch e.State {
	case apiv1.InSync:
		return "in sync"
	case apiv1.Rejects:
		return fmt.Sprintf("rejects %d: %s", e.RejectionCount, rejectionText(&e.Rejections[0]))
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

func rejectionText(r *apiv1.Rejection) string {
	text := r.Resource
	if r.Part != "" {
		text += " " + r.Part
	}
	for i, o := range r.Objects[:min(len(r.Objects), 3)] {
		text += map[bool]string{true: " of ", false: ", "}[i == 0] + o.Key().String()
	}
	return text + ": " + r.Message
}

// one asks about one object. The Envoys are those of all controllers, the rest is of the first one; the generation is the earliest.
func (f *statusFlags) one(ctx context.Context, w io.Writer, to []*apiclient.Client, o apiv1.Object) error {
	reports, unread, err := each(ctx, &f.liveFlags, to, func(ctx context.Context, c *apiclient.Client) (apiv1.ObjectReport, error) {
		return apiclient.Get[apiv1.ObjectReport](ctx, c, apiclient.Path(o), nil)
	})
	if err != nil {
		return err
	}
	out, served := reports[0].value, true
	for i, r := range reports {
		served = served && r.value.Errors == 0 && r.value.State != apiv1.NotServed
		if i == 0 {
			continue
		}
		out.Envoys, out.Rejections = append(out.Envoys, r.value.Envoys...), append(out.Rejections, r.value.Rejections...)
		out.EnvoyCount, out.Have = out.EnvoyCount+r.value.EnvoyCount, out.Have+r.value.Have
		out.Generation = min(out.Generation, r.value.Generation)
	}
	out.Unread = unread
	if f.output == "json" {
		err = writeJSON(w, out)
	} else {
		err = printReport(w, &out, time.Now())
	}
	served = served && len(out.Rejections) == 0 && out.EnvoyCount > 0 && out.Have == out.EnvoyCount && out.Generation >= f.generation
	if err == nil && (len(unread) > 0 || f.exitCode && !served) {
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
	for _, r := range o.Rejections[:min(len(o.Rejections), maxShown)] {
		fmt.Fprintln(w, "  "+console.Line("rejected", rejectionText(&r), "by "+cmp.Or(strings.Join(r.Nodes, ", "), "the fleet")))
	}
	lack := 0
	for _, e := range o.Envoys {
		if e.Has || lack == maxShown {
			continue
		}
		lack++
		fmt.Fprintln(w, "  "+console.Line("Envoy "+e.Node, map[bool]string{true: "rejects it", false: "does not have it yet"}[e.State == apiv1.Rejects]))
	}
	if n := o.EnvoyCount - o.Have - lack; n > 0 {
		fmt.Fprintf(w, "  and %d more Envoys\n", n)
	}
	printUnread(w, o.Unread)
	_, err := fmt.Fprintf(w, "  Envoys: %d of %d have it\n", o.Have, o.EnvoyCount)
	return err
}
