package app

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

type explainFlags struct {
	filesFlags

	method  string
	headers []string
	sni     string
	upgrade bool
	http2   bool
	expect  int
	service string
	output  string
}

func explainCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &explainFlags{}
	c := &cobra.Command{
		Use:   "explain URL -f PATH",
		Short: "Explain what happens to a request, and which object says so.",
		Long: `Explain what an Envoy does with a request when the controller serves the objects in manifests: the first line has the outcome and its
cause, the others the objects on the way. It needs neither a cluster nor Envoy; the answer is that of a model of Envoy, which says so when
it cannot tell.

Exit code 3 means that the answer is not the expected one.`,
		Example: "  contour explain http://www.example.com/api -f examples/quickstart\n  contour explain https://shop.example.com -H 'x-user: a' -f deploy --expect 200",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			request, err := f.request(args[0])
			if err := errors.Join(logging.check(), err, oneOf("output", f.output, "text", "json"), f.given()); err != nil {
				return err
			}
			p, err := f.load(c, s, logging)
			if err != nil {
				return err
			}
			x, err := p.Explain(request)
			if err != nil {
				return fmt.Errorf("cannot tell: %w", err)
			}
			return f.print(s.Out, args[0], request, x)
		},
	}
	f.add(c.Flags())
	fs := c.Flags()
	fs.StringVarP(&f.method, "request", "X", "GET", "Method of the request.")
	fs.StringArrayVarP(&f.headers, "header", "H", nil, "Header of the request, as in 'name: value'; may be repeated.")
	fs.StringVar(&f.sni, "sni", "", "Server name of the TLS handshake, - for none; empty takes the host of the URL, or none for an address.")
	fs.BoolVar(&f.http2, "http2", false, "The request is sent over HTTP/2.")
	fs.BoolVar(&f.upgrade, "websocket", false, "The request is for a WebSocket.")
	fs.IntVar(&f.expect, "expect", 0, "Fail unless the answer has this status code; that of a backend counts as 200, and with --websocket as 101.")
	fs.StringVar(&f.service, "expect-service", "", "Fail unless this Service may answer: namespace/name.")
	fs.StringVarP(&f.output, "output", "o", "text", "Format of the output: text or json.")
	return c
}

// request is the request that the command line describes.
func (f *explainFlags) request(of string) (preview.Request, error) {
	r, err := preview.RequestTo(of)
	if err != nil {
		return r, err
	}
	r.Method, r.Now = strings.ToUpper(f.method), time.Now()
	if f.sni != "" {
		r.SNI = f.sni
	}
	r.HTTP2 = f.http2
	if f.upgrade {
		r.Upgrade = "websocket"
	}
	for _, h := range f.headers {
		name, value, found := strings.Cut(h, ":")
		if !found {
			return r, fmt.Errorf("--header: %q has no colon; write it as in 'name: value'", h)
		}
		if name, value = strings.TrimSpace(name), strings.TrimSpace(value); strings.EqualFold(name, "host") {
			r.Host = value
		} else {
			r.Headers[name] = value
		}
	}
	return r, nil
}

func (f *explainFlags) print(w io.Writer, of string, r preview.Request, x preview.Explanation) error {
	var err error
	if f.output == "json" {
		err = writeJSON(w, explanationJSON(x))
	} else {
		fmt.Fprintln(w, console.Line(fmt.Sprintf("%s %s -> %s", r.Method, preview.MaskedURL(of), x.Verdict)))
		err = printSteps(w, x)
	}
	if err == nil && !f.asExpected(x) {
		return answerNo
	}
	return err
}

// printSteps prints what led to the answer as a table: step, what, object, position, field.
func printSteps(w io.Writer, x preview.Explanation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(s preview.Step) {
		object := ""
		if s.Object.Kind != "" {
			object = s.Object.String()
		}
		cells := []string{s.Name, s.What, object, dir.Position{File: s.File, Line: s.Line}.String(), s.Field}
		for i := range cells {
			cells[i] = console.Line(cells[i])
		}
		fmt.Fprintln(t, strings.TrimRight("  "+strings.Join(cells, "\t"), "\t"))
	}
	for _, s := range x.Steps {
		row(s)
	}
	if len(x.Passed) > 0 {
		fmt.Fprintln(t, "not taken")
		for _, s := range x.Passed {
			row(s)
		}
	}
	err := t.Flush()
	if len(x.Others) > 0 {
		fmt.Fprintln(w, "about objects that claim the host")
	}
	for _, o := range x.Others {
		fmt.Fprintln(w, "  "+findingLine(o))
	}
	return err
}

// asExpected reports whether the answer is the expected one.
func (f *explainFlags) asExpected(x preview.Explanation) bool {
	if f.expect != 0 && x.Answer.Status != f.expect {
		return false
	}
	return f.service == "" || x.AnsweredBy(f.service)
}

type step struct {
	Object *jsonObject `json:"object,omitempty"`
	preview.Step
}

func explanationJSON(x preview.Explanation) any {
	steps := func(from []preview.Step) []step {
		out := make([]step, 0, len(from))
		for _, s := range from {
			out = append(out, step{Object: objectJSON(s.Object), Step: s})
		}
		return out
	}
	return struct {
		APIVersion string    `json:"apiVersion"`
		Kind       string    `json:"kind"`
		Verdict    string    `json:"verdict"`
		Answer     any       `json:"answer"`
		Steps      []step    `json:"steps"`
		NotTaken   []step    `json:"notTaken"`
		Others     []finding `json:"others"`
	}{outputVersion, "Explanation", x.Verdict, x.Answer, steps(x.Steps), steps(x.Passed), asJSON(x.Others)}
}
