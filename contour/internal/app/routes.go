package app

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

type routesFlags struct {
	lookFlags

	output string
}

func routesCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &routesFlags{}
	c := &cobra.Command{
		Use:   "routes [HOST] [-f PATH]",
		Short: "List hosts and their routes, in the order in which they match.",
		Long: `List the hosts that the controller serves, and the routes of each in the order in which they are compared with a request, with the object of
each route: with -f for the objects in manifests, which needs neither a cluster nor Envoy, without for those of the running controller. HOST selects one,
such as www.example.com or '*.example.com'.`,
		Example: "  contour routes -f deploy\n  contour routes www.example.com -f deploy -o yaml",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(oneOf("output", f.output, "text", "json", "yaml"), f.checkSource(c.Flags())); err != nil {
				return err
			}
			hosts, err := f.hosts(c, s, logging, strings.Join(args, ""))
			if err != nil {
				return err
			}
			if len(args) == 1 && len(hosts) == 0 {
				return fmt.Errorf("no host %s is served; contour explain http://%s says why", args[0], args[0])
			}
			return f.print(s.Out, hosts)
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text, json or yaml.")
	return c
}

// hosts returns the hosts with that name, all if it is "", of the files or of a running controller.
func (f *routesFlags) hosts(c *cobra.Command, s Streams, logging *logFlags, name string) (hosts []preview.ServedHost, err error) {
	if f.asksController() {
		q := url.Values{}
		if name != "" {
			q.Set("host", name)
		}
		err = f.live.ask(c.Context(), false, func(ctx context.Context, to []*apiclient.Client) error {
			ctx, cancel := f.live.limited(ctx)
			defer cancel()
			items, changed, err := apiclient.All[apiv1.HostRoutes](ctx, to[0], "routes", q, 0)
			hosts = apiv1.ServedHosts(items)
			warnChanged(s.Err, changed)
			return err
		})
		return hosts, err
	}
	p, err := f.load(c, s, logging)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(p.Routes(), func(h preview.ServedHost) bool { return name != "" && !strings.EqualFold(h.Host, name) }), nil
}

func (f *routesFlags) print(w io.Writer, hosts []preview.ServedHost) error {
	switch f.output {
	case "json":
		return writeJSON(w, routesJSON(hosts))
	case "yaml":
		text, err := yaml.Marshal(routesJSON(hosts))
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range hosts {
		h := &hosts[i]
		scheme := "http"
		if h.TLS {
			scheme = "https"
		}
		fmt.Fprintln(t, console.Line(fmt.Sprintf("%s://%s (listener %s)", scheme, h.Host, h.Listener)))
		for _, r := range h.Routes {
			object := ""
			if r.Object.Kind != "" {
				object = r.Object.String()
			}
			cells := []string{r.Match, r.Action, object, dir.Position{File: r.File, Line: r.Line}.String(), r.Field}
			for j := range cells {
				cells[j] = console.Line(cells[j])
			}
			fmt.Fprintln(t, strings.TrimRight("  "+strings.Join(cells, "\t"), "\t"))
		}
	}
	return t.Flush()
}

func routesJSON(hosts []preview.ServedHost) any {
	return apiv1.List[apiv1.HostRoutes]{Type: apiv1.TypeOf("HostRoutesList"), Items: apiv1.HostRoutesOf(hosts)}
}
