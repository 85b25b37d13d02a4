package app

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

type explainFlags struct {
	lookFlags

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
		Use:   "explain URL [-f PATH]",
		Short: "Explain what happens to a request, and which object says so.",
		Long: `Explain what an Envoy does with a request: the first line has the outcome and its cause, the others the objects on the way. The answer is that
of a model of Envoy, which says so when it cannot tell. With -f, the model has the objects in manifests, and neither a cluster nor Envoy is needed;
without, it has what the running controller publishes now.

Exit code 3 means that the answer is not the expected one.`,
		Example: "  contour explain http://www.example.com/api -f examples/quickstart\n  contour explain https://shop.example.com -H 'x-user: a' -f deploy --expect 200",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			request, err := f.request(args[0])
			if err := usage(err, oneOf("output", f.output, "text", "json"), f.checkSource(c.Flags())); err != nil {
				return err
			}
			var x preview.Explanation
			if f.asksController() {
				x, err = f.ask(c.Context(), args[0])
			} else {
				x, err = f.evaluate(c, s, logging, request)
			}
			if err != nil {
				return err
			}
			return f.print(s.Out, args[0], request, x)
		},
	}
	f.add(c.Flags(), s.Env)
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
		if !r.AddHeader(h) {
			return r, fmt.Errorf("--header: %q has no colon; write it as in 'name: value'", h)
		}
	}
	return r, nil
}

// evaluate explains the request with the files.
func (f *explainFlags) evaluate(c *cobra.Command, s Streams, logging *logFlags, request preview.Request) (preview.Explanation, error) {
	p, err := f.load(c, s, logging)
	if err != nil {
		return preview.Explanation{}, err
	}
	x, err := p.Explain(request)
	if err != nil {
		return x, fmt.Errorf("cannot tell: %w", err)
	}
	return x, nil
}

// ask lets a running controller explain the request.
func (f *explainFlags) ask(ctx context.Context, of string) (x preview.Explanation, err error) {
	q := url.Values{"url": {of}, "method": {f.method}, "header": f.headers, "sni": {f.sni}}
	if f.http2 {
		q.Set("http2", "true")
	}
	if f.upgrade {
		q.Set("websocket", "true")
	}
	err = f.live.ask(ctx, false, func(ctx context.Context, to []*apiclient.Client) error {
		ctx, cancel := f.live.limited(ctx)
		defer cancel()
		document, err := apiclient.Get[apiv1.Explanation](ctx, to[0], "explain", q)
		x = document.Explanation()
		return err
	})
	return x, err
}

func (f *explainFlags) print(w io.Writer, of string, r preview.Request, x preview.Explanation) error {
	var err error
	if f.output == "json" {
		err = writeJSON(w, apiv1.ExplanationOf(x))
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
