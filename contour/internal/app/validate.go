package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

// never is the value of --fail-on with which findings do not fail the command.
const never = "never"

type validateFlags struct {
	lookFlags

	failOn    string
	output    string
	namespace string
}

func validateCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &validateFlags{}
	c := &cobra.Command{
		Use:   "validate [-f PATH]",
		Short: "Report what is wrong in manifests or in a cluster.",
		Long: `Report what the controller would report about the objects in manifests, with file and line, which needs neither a cluster nor Envoy; or without
-f, what the running controller reports about all objects of the cluster, what Envoys reject included. With -f and --over-cluster, report what it would
report about the manifests, and newly about other objects, if they were applied.

Exit code 3 means that there are findings of at least the severity of --fail-on.`,
		Example: "  contour validate -f deploy/\n  kustomize build . | contour validate -f - -o github",
		Args:    arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			err := usage(
				oneOf("fail-on", f.failOn, string(preview.Error), string(preview.Warning), string(preview.Note), never),
				oneOf("output", f.output, "text", "json", "github", "junit", "sarif"), f.checkSource(c.Flags()),
			)
			if err != nil {
				return err
			}
			if f.namespace != "" && !f.asksController() && !f.listsCluster() {
				return usage(errors.New("--namespace: it is for the objects of a cluster"))
			}
			p, err := f.preview(c, s, logging)
			if err != nil {
				return err
			}
			return f.print(s, p)
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().StringVarP(&f.namespace, "namespace", "n", "", "Only objects of a namespace of the cluster; empty is all.")
	c.Flags().StringVar(&f.failOn, "fail-on", string(preview.Error), "Least severity that fails the command: error, warning, note or never.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text, json, github for annotations of GitHub Actions, junit, or sarif.")
	return c
}

// preview returns the findings about the files, or of a running controller.
func (f *validateFlags) preview(c *cobra.Command, s Streams, logging *logFlags) (*preview.Preview, error) {
	switch {
	case f.listsCluster():
		return f.ofCluster(c, s, logging)
	case !f.asksController():
		return f.load(c, s, logging)
	}
	q := url.Values{}
	if f.namespace != "" {
		q.Set("namespace", f.namespace)
	}
	p := &preview.Preview{}
	err := f.live.ask(c.Context(), false, func(ctx context.Context, to []*apiclient.Client) error {
		ctx, cancel := f.live.limited(ctx)
		defer cancel()
		items, changed, err := apiclient.All[apiv1.Diagnostic](ctx, to[0], "diagnostics", q, 0)
		if err != nil {
			return err
		}
		warnChanged(s.Err, changed)
		p.Findings = apiv1.Findings(items)
		info, err := apiclient.Get[apiv1.Info](ctx, to[0], "info", nil)
		for n := range maps.Values(info.Objects) {
			p.Objects += n
		}
		return err
	})
	return p, err
}

// ofCluster returns the findings about the objects of the cluster; with files, those about them, and what they cause elsewhere.
func (f *validateFlags) ofCluster(c *cobra.Command, s Streams, logging *logFlags) (*preview.Preview, error) {
	l, err := f.list(c.Context(), s.Err)
	if err != nil {
		return nil, err
	}
	p, err := f.loadOver(c, s, logging, l, f.paths)
	if err != nil {
		return nil, err
	}
	if f.overCluster {
		before, err := f.loadOver(c, s, logging, l, nil)
		if err != nil {
			return nil, err
		}
		p.Findings = p.Beyond(before)
	}
	if f.namespace != "" {
		p.Findings = slices.DeleteFunc(p.Findings, func(x preview.Finding) bool { return x.Object.Namespace != f.namespace })
	}
	return p, nil
}

// warnChanged says that what is printed may not have been true at any time.
func warnChanged(w io.Writer, changed bool) {
	if changed {
		fmt.Fprintln(w, "contour: objects changed while they were read; some of what is printed may be older than the rest")
	}
}

func (f *validateFlags) print(s Streams, p *preview.Preview) error {
	var err error
	switch f.output {
	case "json":
		err = printJSON(s.Out, p.Findings)
	case "junit":
		err = writeJUnit(s.Out, "contour validate", f.cases(p))
	case "sarif":
		err = writeSARIF(s.Out, p.Findings)
	case "github":
		for _, x := range p.Findings {
			fmt.Fprintln(s.Out, annotation(x))
		}
	default:
		for _, x := range p.Findings {
			fmt.Fprintln(s.Out, findingLine(x))
		}
	}
	counts := map[preview.Severity]int{}
	for _, x := range p.Findings {
		counts[x.Severity]++
	}
	fmt.Fprintf(s.Err, "%d objects: %d errors, %d warnings, %d notes\n", p.Objects, counts[preview.Error], counts[preview.Warning], counts[preview.Note])
	if err == nil && slices.ContainsFunc(p.Findings, f.fails) {
		return answerNo
	}
	return err
}

func (f *validateFlags) fails(x preview.Finding) bool {
	return f.failOn != never && x.Severity.AtLeast(preview.Severity(f.failOn))
}

// cases has a test for each object or file with findings, and one for all the others.
func (f *validateFlags) cases(p *preview.Preview) []testCase {
	out := []testCase{{Class: "manifests", Name: "all other objects"}}
	known := map[[2]string]int{}
	for _, x := range p.Findings {
		key := [2]string{x.File, objectName(x)}
		at, ok := known[key]
		if !ok {
			at = len(out)
			known[key], out = at, append(out, testCase{Class: x.File, Name: console.Line(cmp.Or(objectName(x), "file"))})
		}
		if f.fails(x) {
			out[at].Failures = append(out[at].Failures, junitFailure{Message: console.Line(x.Field, x.Message), Text: findingLine(x)})
		}
	}
	return out
}

// findingLine is a finding as the console of standalone prints it, and editors read it.
func findingLine(x preview.Finding) string {
	return console.Line(dir.Position{File: x.File, Line: x.Line}.String(), string(x.Severity), objectName(x), x.Field, string(x.Reason), x.Message)
}

func objectName(x preview.Finding) string {
	if x.Object.Kind == "" {
		return ""
	}
	return x.Object.String()
}

// annotation is a finding as a workflow command of GitHub Actions.
func annotation(x preview.Finding) string {
	level := map[preview.Severity]string{preview.Error: "error", preview.Warning: "warning", preview.Note: "notice"}[x.Severity]
	var at string
	if x.File != "" {
		at = " file=" + escapeProperty(x.File)
		if x.Line > 0 {
			at += fmt.Sprintf(",line=%d", x.Line)
		}
		if x.Reason != "" {
			at += ",title=" + escapeProperty(string(x.Reason))
		}
	}
	return fmt.Sprintf("::%s%s::%s", level, at, escapeData(console.Line(objectName(x), x.Field, x.Message)))
}

func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

func printJSON(w io.Writer, found []preview.Finding) error {
	return writeJSON(w, apiv1.List[apiv1.Diagnostic]{Type: apiv1.TypeOf("DiagnosticList"), Items: apiv1.DiagnosticsOf(found)})
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
