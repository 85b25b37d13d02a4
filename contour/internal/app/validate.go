package app

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/console"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

// never is the value of --fail-on with which findings do not fail the command.
const never = "never"

type validateFlags struct {
	filesFlags

	failOn string
	output string
}

func validateCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &validateFlags{}
	c := &cobra.Command{
		Use:   "validate -f PATH",
		Short: "Report what is wrong in manifests.",
		Long: `Report what the controller would report about the objects in manifests, with file and line. It needs neither a cluster nor Envoy.

Exit code 3 means that there are findings of at least the severity of --fail-on.`,
		Example: "  contour validate -f deploy/\n  kustomize build . | contour validate -f - -o github",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			err := errors.Join(
				logging.check(), oneOf("fail-on", f.failOn, string(preview.Error), string(preview.Warning), string(preview.Note), never),
				oneOf("output", f.output, "text", "json", "github", "junit", "sarif"), f.given(),
			)
			if err != nil {
				return err
			}
			p, err := f.load(c, s, logging)
			if err != nil {
				return err
			}
			return f.print(s, p)
		},
	}
	f.add(c.Flags())
	c.Flags().StringVar(&f.failOn, "fail-on", string(preview.Error), "Least severity that fails the command: error, warning, note or never.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text, json, github for annotations of GitHub Actions, junit, or sarif.")
	return c
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

// outputVersion is the version of the JSON output of commands.
const outputVersion = "cli.contour.example/v1alpha1"

// jsonObject is the identity of an object in JSON output.
type jsonObject struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// objectJSON returns nil for no object.
func objectJSON(k kobj.Key) *jsonObject {
	if k.Kind == "" {
		return nil
	}
	return &jsonObject{string(k.Kind), k.Namespace, k.Name.Name}
}

type finding struct {
	Object *jsonObject `json:"object,omitempty"`
	preview.Finding
}

func asJSON(found []preview.Finding) []finding {
	out := make([]finding, 0, len(found))
	for _, x := range found {
		out = append(out, finding{Object: objectJSON(x.Object), Finding: x})
	}
	return out
}

func printJSON(w io.Writer, found []preview.Finding) error {
	return writeJSON(w, struct {
		APIVersion string    `json:"apiVersion"`
		Kind       string    `json:"kind"`
		Items      []finding `json:"items"`
	}{outputVersion, "FindingList", asJSON(found)})
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
