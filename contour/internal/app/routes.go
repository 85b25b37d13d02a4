package app

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

type routesFlags struct {
	filesFlags

	output string
}

func routesCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &routesFlags{}
	c := &cobra.Command{
		Use:   "routes [HOST] -f PATH",
		Short: "List hosts and their routes, in the order in which they match.",
		Long: `List the hosts that the controller serves for the objects in manifests, and the routes of each in the order in which they are compared
with a request, with the object of each route. It needs neither a cluster nor Envoy. HOST selects one, such as www.example.com or '*.example.com'.`,
		Example: "  contour routes -f deploy\n  contour routes www.example.com -f deploy -o yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(logging.check(), oneOf("output", f.output, "text", "json", "yaml"), f.given()); err != nil {
				return err
			}
			p, err := f.load(c, s, logging)
			if err != nil {
				return err
			}
			hosts := p.Routes()
			if len(args) == 1 {
				hosts = slices.DeleteFunc(hosts, func(h preview.ServedHost) bool { return !strings.EqualFold(h.Host, args[0]) })
				if len(hosts) == 0 {
					return fmt.Errorf("no host %s is served; contour explain http://%s says why", args[0], args[0])
				}
			}
			return f.print(s.Out, hosts)
		},
	}
	f.add(c.Flags())
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text, json or yaml.")
	return c
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

type routeItem struct {
	Object *jsonObject `json:"object,omitempty"`
	preview.ServedRoute
}

type hostItem struct {
	Objects []jsonObject `json:"objects,omitempty"`
	preview.ServedHost
	Routes []routeItem `json:"routes"`
}

func routesJSON(hosts []preview.ServedHost) any {
	items := make([]hostItem, 0, len(hosts))
	for _, h := range hosts {
		j := hostItem{ServedHost: h, Routes: []routeItem{}}
		for _, k := range h.Objects {
			j.Objects = append(j.Objects, *objectJSON(k))
		}
		for _, r := range h.Routes {
			j.Routes = append(j.Routes, routeItem{objectJSON(r.Object), r})
		}
		items = append(items, j)
	}
	return struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Items      []hostItem `json:"items"`
	}{outputVersion, "HostList", items}
}
