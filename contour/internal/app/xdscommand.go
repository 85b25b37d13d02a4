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
	rejected    bool
	output      string
}

func xdsCommand(s Streams) *cobra.Command {
	f := &xdsFlags{}
	c := &cobra.Command{
		Use:   "xds [TYPE [NAME]]",
		Short: "Show the Envoys, their resources, and what they reject.",
		Long: `Without arguments, list the Envoys that are connected to the controllers, and what each waits for or rejects. With a type (cds, eds, sds, lds, srds, rds,
rtds), list the resources whose names contain NAME: their versions, sizes and objects, without their contents. --node compares them with what that Envoy
has; contour cli shows contents. If a controller cannot be read, the exit code is 3.`,
		Example: "  contour xds\n  contour xds --rejected\n  contour xds rds www.example.com --node envoy-1",
		Args:    arguments(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(oneOf("output", f.output, "text", "json"), f.check()); err != nil {
				return err
			}
			if err := checkType(args); err != nil {
				return usage(err)
			}
			if f.rejected && len(args) > 0 {
				return usage(errors.New("--rejected: it lists what Envoys reject of all types"))
			}
			return f.ask(c.Context(), true, func(ctx context.Context, to []*apiclient.Client) error { return f.run(ctx, s.Out, to, args) })
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().StringVar(&f.node, "node", "", "Node id of one Envoy.")
	c.Flags().StringVar(&f.fleet, "fleet", "", "Name of a fleet; empty is that of the Envoy, or the default one.")
	c.Flags().BoolVar(&f.rejected, "rejected", false, "List what Envoys reject, with their words.")
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
	q := url.Values{}
	if f.fleet != "" {
		q.Set("fleet", f.fleet)
	}
	switch {
	case f.rejected:
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
	all, unread, err := listOfAll[apiv1.Rejection](ctx, f, to, "rejections", q)
	if err != nil {
		return err
	}
	if f.output == "json" {
		return complete(unread, writeJSON(w, apiv1.List[apiv1.Rejection]{Type: apiv1.TypeOf("RejectionList"), Items: all, Unread: unread}))
	}
	for _, r := range all {
		by := cmp.Or(strings.Join(r.Nodes, ", "), "no Envoy is sent it")
		if r.Disagreement {
			by += ", others of the fleet accept it"
		}
		fmt.Fprintln(w, console.Line(rejectionText(&r)+" ("+by+")"))
	}
	if len(all) == 0 {
		fmt.Fprintln(w, "nothing is rejected")
	}
	printUnread(w, unread)
	return complete(unread, nil)
}

// listOfAll reads a list of each controller. It also returns which of them could not be read.
func listOfAll[T any](ctx context.Context, f *xdsFlags, to []*apiclient.Client, path string, q url.Values) (all []T, unread []apiv1.Unread, err error) {
	answers, unread, err := each(ctx, &f.liveFlags, to, func(ctx context.Context, c *apiclient.Client) ([]T, error) {
		items, _, err := apiclient.All[T](ctx, c, path, q, 0)
		return items, err
	})
	all = []T{}
	for _, a := range answers {
		all = append(all, a.value...)
	}
	return all, unread, err
}

// complete returns answerNo instead of no error if some controllers could not be read.
func complete(unread []apiv1.Unread, err error) error {
	if err == nil && len(unread) > 0 {
		return answerNo
	}
	return err
}

func (f *xdsFlags) envoys(ctx context.Context, w io.Writer, to []*apiclient.Client, q url.Values) error {
	all, unread, err := listOfAll[apiv1.Envoy](ctx, f, to, "envoys", q)
	if err != nil {
		return err
	}
	if f.output == "json" {
		return complete(unread, writeJSON(w, apiv1.List[apiv1.Envoy]{Type: apiv1.TypeOf("EnvoyList"), Items: all, Unread: unread}))
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
	err = t.Flush()
	printUnread(w, unread)
	return complete(unread, err)
}

// resources lists those of the first controller that can be read: all replicas make the same. Those of an Envoy come from the controller that it is
// connected to.
func (f *xdsFlags) resources(ctx context.Context, w io.Writer, to []*apiclient.Client, q url.Values) error {
	var all []apiv1.Resource
	var err error
	if f.node != "" {
		q.Set("node", f.node)
	}
	for _, c := range to {
		limited, cancel := f.limited(ctx)
		all, _, err = apiclient.All[apiv1.Resource](limited, c, "resources", q, 0)
		cancel()
		if failed := (*apiclient.Failure)(nil); err == nil || f.node == "" && errors.As(err, &failed) {
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
