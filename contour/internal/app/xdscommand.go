package app

import (
	"cmp"
	"context"
	"errors"
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
	"contour.example/contour/internal/xds/table"
)

type xdsFlags struct {
	liveFlags

	node, fleet string
	refused     bool
	output      string
}

func xdsCommand(s Streams) *cobra.Command {
	f := &xdsFlags{}
	c := &cobra.Command{
		Use:   "xds [TYPE [NAME]]",
		Short: "Show the Envoys, their resources, and what they refuse.",
		Long: `Without arguments, list the Envoys that are connected to the controllers, and what each waits for or refuses. With a type (cds, eds, sds, lds, srds, rds,
rtds), list the resources whose names contain NAME: their versions, sizes and objects, without their contents. --node compares them with what that Envoy
has; contour cli shows contents.`,
		Example: "  contour xds\n  contour xds --refused\n  contour xds rds www.example.com --node envoy-1",
		Args:    arguments(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(oneOf("output", f.output, "text", "json"), f.check()); err != nil {
				return err
			}
			if err := checkType(args); err != nil {
				return usage(err)
			}
			if f.refused && len(args) > 0 {
				return usage(errors.New("--refused: it lists what Envoys refuse of all types"))
			}
			return f.ask(c.Context(), true, func(ctx context.Context, to []*apiclient.Client) error { return f.run(ctx, s.Out, to, args) })
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().StringVar(&f.node, "node", "", "Node id of one Envoy.")
	c.Flags().StringVar(&f.fleet, "fleet", "", "Name of a fleet; empty is that of the Envoy, or the default one.")
	c.Flags().BoolVar(&f.refused, "refused", false, "List what Envoys refuse, with their words.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text or json.")
	return c
}

// checkType returns an error if the first argument is no type of resources.
func checkType(args []string) error {
	if len(args) == 0 {
		return nil
	}
	var types []string
	for _, t := range table.Types() {
		if strings.EqualFold(args[0], t.String()) {
			return nil
		}
		types = append(types, strings.ToLower(t.String()))
	}
	return fmt.Errorf("%q is not one of %s", args[0], strings.Join(types, ", "))
}

func (f *xdsFlags) run(ctx context.Context, w io.Writer, to []*apiclient.Client, args []string) error {
	ctx, cancel := f.limited(ctx)
	defer cancel()
	q := url.Values{}
	if f.fleet != "" {
		q.Set("fleet", f.fleet)
	}
	switch {
	case f.refused:
		if f.node != "" {
			q.Set("node", f.node)
		}
		return f.rejections(ctx, w, to, q)
	case len(args) == 0:
		q.Set("search", f.node)
		return f.envoys(ctx, w, to, q)
	}
	q.Set("type", strings.ToUpper(args[0]))
	if len(args) == 2 {
		q.Set("search", args[1])
	}
	return f.resources(ctx, w, to, q)
}

func (f *xdsFlags) rejections(ctx context.Context, w io.Writer, to []*apiclient.Client, q url.Values) error {
	all := []apiv1.Refusal{}
	for _, c := range to {
		items, _, err := apiclient.All[apiv1.Refusal](ctx, c, "rejections", q, 0)
		if err != nil {
			return err
		}
		all = append(all, items...)
	}
	if f.output == "json" {
		return writeJSON(w, apiv1.List[apiv1.Refusal]{Type: apiv1.TypeOf("RefusalList"), Items: all})
	}
	for _, r := range all {
		by := cmp.Or(strings.Join(r.Nodes, ", "), "no Envoy is sent it")
		if r.Disputed {
			by += ", others of the fleet accept it"
		}
		fmt.Fprintln(w, console.Line(refusalText(&r)+" ("+by+")"))
	}
	if len(all) == 0 {
		fmt.Fprintln(w, "nothing is refused")
	}
	return nil
}

func (f *xdsFlags) envoys(ctx context.Context, w io.Writer, to []*apiclient.Client, q url.Values) error {
	all := []apiv1.Envoy{}
	for _, c := range to {
		items, _, err := apiclient.All[apiv1.Envoy](ctx, c, "envoys", q, 0)
		if err != nil {
			return err
		}
		all = append(all, items...)
	}
	if f.output == "json" {
		return writeJSON(w, apiv1.List[apiv1.Envoy]{Type: apiv1.TypeOf("EnvoyList"), Items: all})
	}
	t, now := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), time.Now()
	fmt.Fprintln(t, "ENVOY\tFLEET\tVERSION\tCONNECTED\tSEQUENCE\tSTATE")
	for _, e := range all {
		cells := []string{e.Node, e.Fleet, cmp.Or(e.Version, "-"), age(e.Connected, now), fmt.Sprintf("%d of %d", e.Sequence, e.Published), envoyText(&e, now)}
		for i := range cells {
			cells[i] = console.Line(cells[i])
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// resources lists those of the first controller: all replicas make the same. Those of an Envoy come from the controller that it is connected to.
func (f *xdsFlags) resources(ctx context.Context, w io.Writer, to []*apiclient.Client, q url.Values) error {
	var all []apiv1.Resource
	var err error
	if f.node == "" {
		to = to[:1]
	} else {
		q.Set("node", f.node)
	}
	for _, c := range to {
		all, _, err = apiclient.All[apiv1.Resource](ctx, c, "resources", q, 0)
		if err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if f.output == "json" {
		return writeJSON(w, apiv1.List[apiv1.Resource]{Type: apiv1.TypeOf("ResourceList"), Items: all})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "TYPE\tNAME\tVERSION\tSIZE\tOBJECTS"
	if f.node != "" {
		head = "TYPE\tNAME\tVERSION\tENVOY\tSIZE\tOBJECTS"
	}
	fmt.Fprintln(t, head)
	for _, r := range all {
		var objects []string
		for _, o := range r.Objects[:min(len(r.Objects), 3)] {
			objects = append(objects, o.Key().String())
		}
		cells := []string{r.Type, r.Name, cmp.Or(r.Version, "-")}
		if f.node != "" {
			cells = append(cells, hasText(&r))
		}
		cells = append(cells, size(r.Bytes), strings.Join(objects, ", "))
		for i := range cells {
			cells[i] = console.Line(cells[i])
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	return t.Flush()
}

// hasText compares what an Envoy has with what it is to have.
func hasText(r *apiv1.Resource) string {
	switch r.Has {
	case r.Version:
		return "has it"
	case "":
		return "has none"
	}
	return "has " + r.Has
}
