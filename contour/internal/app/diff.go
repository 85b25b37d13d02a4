package app

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

type diffFlags struct {
	lookFlags

	exitCode bool
	output   string
}

func diffCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &diffFlags{}
	c := &cobra.Command{
		Use:   "diff OLD NEW | diff -f PATH",
		Short: "Report what a change of manifests does to requests.",
		Long: `Report which requests get another answer with the manifests NEW than with OLD, each of which is a file or directory, and one of which may
be - for standard input; or with -f, what happens if these manifests are applied to the cluster: nothing is written. Manifests that are specified in another way and serve all requests alike do not differ.

For every host, both configurations are asked one request of each class of requests that their routes tell apart.`,
		Example: "  contour diff deploy.old/ deploy/\n  git show main:deploy/www.yaml | contour diff - deploy/www.yaml --exit-code\n  contour diff -f deploy/ --exit-code",
		Args:    arguments(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(oneOf("output", f.output, "text", "json")); err != nil {
				return err
			}
			if err := usage(f.checkPaths(c.Flags(), args)); err != nil {
				return err
			}
			of, err := f.sides(c, s, logging, args)
			if err != nil {
				return err
			}
			d, err := preview.Compare(of[0], of[1])
			if err != nil {
				return fmt.Errorf("cannot tell: %w", err)
			}
			return f.print(s, d)
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().BoolVar(&f.exitCode, "exit-code", false, "Exit with code 3 if any request or connection is affected.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text or json.")
	return c
}

// checkPaths returns an error if there are neither two paths nor --filename.
func (f *diffFlags) checkPaths(fs *pflag.FlagSet, args []string) error {
	if len(args) == 0 && len(f.paths) > 0 {
		f.overCluster = true // there is nothing else to compare with
	}
	switch {
	case len(f.paths) > 0 && len(args) > 0:
		return errors.New("--filename: it is compared with the cluster; give two paths, or it alone")
	case len(f.paths) == 0 && len(args) != 2:
		return errors.New("give two paths to compare, or --filename to compare with the cluster")
	case len(args) == 2 && args[0] == "-" && args[1] == "-":
		return errors.New("only one of the two can be standard input")
	case len(args) == 2 && f.listsCluster():
		return errors.New("--over-cluster and --from: two paths are compared without a cluster; give --filename")
	case len(args) == 2:
		given := f.filesFlags
		given.paths = args
		return (&lookFlags{filesFlags: given, clusterFlags: f.clusterFlags, live: f.live}).checkSource(fs)
	}
	return f.checkSource(fs)
}

// sides evaluates what is compared: two paths, or the cluster without and with the files.
func (f *diffFlags) sides(c *cobra.Command, s Streams, logging *logFlags, args []string) (of [2]*preview.Preview, err error) {
	if len(args) == 0 {
		l, err := f.list(c.Context(), s.Err)
		if err != nil {
			return of, err
		}
		if of[0], err = f.loadOver(c, s, logging, l, nil); err == nil {
			of[1], err = f.loadOver(c, s, logging, l, f.paths)
		}
		return of, err
	}
	for i, path := range args {
		f.paths = []string{path}
		if of[i], err = f.filesFlags.load(c, s, logging); err != nil {
			return of, err
		}
	}
	return of, nil
}

func (f *diffFlags) print(s Streams, d *preview.Difference) error {
	var err error
	if f.output == "json" {
		err = writeJSON(s.Out, differenceJSON(d))
	} else {
		printDifference(s.Out, d)
	}
	fmt.Fprintf(s.Err, "%d hosts compared with %d requests%s\n", d.Compared, d.Asked, unknown(d.Unknown))
	if err == nil && f.exitCode && d.Differs() {
		return answerNo
	}
	return err
}

func unknown(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; cannot tell for %d further requests or classes of requests", n)
}

func printDifference(w io.Writer, d *preview.Difference) {
	for i := range d.Hosts {
		h := &d.Hosts[i]
		sign := map[preview.HostChange]string{preview.Added: "+", preview.Removed: "-", preview.Changed: "~"}[h.Change]
		line := []string{sign, hostURL(h)}
		if h.Object.Kind != "" {
			line = append(line, h.Object.String(), dir.Position{File: h.File, Line: h.Line}.String())
		}
		fmt.Fprintln(w, console.Line(strings.Join(line, " ")))
		for _, x := range h.Settings {
			fmt.Fprintln(w, "    "+console.Line(x.String()))
		}
		for j := range h.Requests {
			printOutcomes(w, &h.Requests[j])
		}
	}
	for _, x := range d.Introduced {
		fmt.Fprintln(w, "introduced "+findingLine(x))
	}
	for _, x := range d.Fixed {
		fmt.Fprintln(w, "fixed "+findingLine(x))
	}
}

func printOutcomes(w io.Writer, x *preview.RequestOutcomes) {
	line := x.Request.Method + " " + preview.MaskedURL(x.Request.Path)
	for _, name := range slices.Sorted(maps.Keys(x.Request.Headers)) {
		line += fmt.Sprintf(" [%s: %s]", name, preview.Masked(name, x.Request.Headers[name]))
	}
	if x.More > 0 {
		line += fmt.Sprintf(" and %d more", x.More)
	}
	if x.Lost {
		line += " (a backend answered)"
	}
	fmt.Fprintln(w, "    "+console.Line(line))
	for _, s := range x.Settings {
		fmt.Fprintln(w, "        "+console.Line(s.String()))
	}
	if len(x.Settings) == 0 {
		fmt.Fprintln(w, "        "+console.Line("- "+x.Old))
		fmt.Fprintln(w, "        "+console.Line("+ "+x.New))
	}
}

func hostURL(h *preview.HostDifference) string {
	scheme := "http"
	if h.TLS {
		scheme = "https"
	}
	if h.Listener != "ingress_http" && h.Listener != "ingress_https" {
		return fmt.Sprintf("%s://%s (%s)", scheme, h.Host, h.Listener)
	}
	return scheme + "://" + h.Host
}

type jsonHost struct {
	Object *apiv1.Object `json:"object,omitempty"`
	preview.HostDifference
	Requests []jsonOutcomes `json:"requests,omitempty"`
}

type jsonOutcomes struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers,omitempty"`
	preview.RequestOutcomes
}

func differenceJSON(d *preview.Difference) any {
	hosts := make([]jsonHost, 0, len(d.Hosts))
	for _, h := range d.Hosts {
		j := jsonHost{Object: apiv1.ObjectOf(h.Object), HostDifference: h}
		for _, x := range h.Requests {
			o := jsonOutcomes{Method: x.Request.Method, Path: preview.MaskedURL(x.Request.Path), RequestOutcomes: x, Headers: map[string]string{}}
			for name, value := range x.Request.Headers {
				o.Headers[name] = preview.Masked(name, value)
			}
			j.Requests = append(j.Requests, o)
		}
		hosts = append(hosts, j)
	}
	return struct {
		APIVersion string             `json:"apiVersion"`
		Kind       string             `json:"kind"`
		Hosts      []jsonHost         `json:"hosts"`
		Introduced []apiv1.Diagnostic `json:"introduced"`
		Fixed      []apiv1.Diagnostic `json:"fixed"`
		Compared   int                `json:"compared"`
		Asked      int                `json:"asked"`
		Unknown    int                `json:"unknown"`
	}{apiv1.Version, "Difference", hosts, apiv1.DiagnosticsOf(d.Introduced), apiv1.DiagnosticsOf(d.Fixed), d.Compared, d.Asked, d.Unknown}
}
