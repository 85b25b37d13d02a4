package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/console"
)

type changesFlags struct {
	liveFlags

	since  time.Duration
	object string
	limit  int
	watch  bool
	output string
}

func changesCommand(s Streams) *cobra.Command {
	f := &changesFlags{}
	c := &cobra.Command{
		Use:   "changes",
		Short: "Show what changed lately, why, and when Envoys had it.",
		Long: `Show the last changes that a running controller processed, the oldest first: the objects that caused each, how many hosts and resources changed, and
how long it took until the Envoys connected to this replica had it. A controller remembers 1,000 changes.`,
		Example: "  contour changes --since 10m\n  contour changes --object HTTPProxy/default/www -w",
		Args:    arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := f.query()
			if err := usage(oneOf("output", f.output, "text", "json"), f.check(), notNegative("since", f.since), err); err != nil {
				return err
			}
			if f.limit < 1 || f.watch && f.output == "json" {
				return usage(errors.New("--limit: give a positive number; --watch is for text"))
			}
			return f.ask(c.Context(), false, func(ctx context.Context, to []*apiclient.Client) error { return f.run(ctx, s, to[0], q) })
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().DurationVar(&f.since, "since", 0, "Only changes of the last DURATION; 0 is all.")
	c.Flags().StringVar(&f.object, "object", "", "Only changes that name an object, such as HTTPProxy/default/www.")
	c.Flags().IntVar(&f.limit, "limit", 50, "At most the last N changes.")
	c.Flags().BoolVarP(&f.watch, "watch", "w", false, "Wait for further changes; each is printed when all Envoys have it, or after 10 s.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text or json.")
	return c
}

func (f *changesFlags) query() (url.Values, error) {
	q := url.Values{}
	if f.since > 0 {
		q.Set("since", f.since.String())
	}
	if f.object != "" {
		if _, err := objectArgument(f.object); err != nil {
			return nil, fmt.Errorf("--object: %w", err)
		}
		q.Set("object", f.object)
	}
	return q, nil
}

func (f *changesFlags) run(ctx context.Context, s Streams, c *apiclient.Client, q url.Values) error {
	last, err := f.once(ctx, s.Out, c, q)
	var away time.Time // since when the controller does not answer
	for err == nil && f.watch {
		select {
		case <-ctx.Done():
			return nil // interrupted
		case <-time.After(watchPeriod):
		}
		last, err = f.next(ctx, s.Out, c, q, last)
		switch failed := (*apiclient.Failure)(nil); {
		case err == nil:
			away = time.Time{}
		case ctx.Err() != nil:
			return nil
		case f.address == "" || errors.As(err, &failed): // a port that is forwarded to a pod ends with it
		case away.IsZero():
			fmt.Fprintf(s.Err, "contour: %s; waiting for it\n", console.Line(err.Error()))
			away, err = time.Now(), nil
		case time.Since(away) < f.timeout:
			err = nil
		}
	}
	return err
}

// seen is the last change that is printed.
type seen struct {
	id      uint64
	started time.Time // of the controller that counts the changes
}

// The times of --watch.
const (
	watchPeriod = 300 * time.Millisecond
	maxAwaited  = 10 * time.Second
)

// once prints the present changes, and returns the last one.
func (f *changesFlags) once(ctx context.Context, w io.Writer, c *apiclient.Client, q url.Values) (last seen, err error) {
	ctx, cancel := f.limited(ctx)
	defer cancel()
	now, err := apiclient.Get[apiv1.List[apiv1.Change]](ctx, c, "changes", url.Values{"limit": {"1"}})
	if err != nil {
		return last, err
	}
	if now.Page != nil { // what is not selected now is not selected later
		last = seen{now.Page.Revision, now.Page.Started}
	}
	items, _, err := apiclient.All[apiv1.Change](ctx, c, "changes", q, f.limit)
	if err != nil {
		return last, err
	}
	items = items[:min(len(items), f.limit)]
	if len(items) > 0 {
		last.id = max(last.id, items[0].ID)
	}
	slices.Reverse(items)
	if f.output == "json" {
		return last, writeJSON(w, apiv1.List[apiv1.Change]{Type: apiv1.TypeOf("ChangeList"), Items: items})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(items) == 0 && !f.watch {
		fmt.Fprintln(t, "no changes")
	} else {
		fmt.Fprintln(t, "TIME\tCHANGE\tOBJECTS")
	}
	for i := range items {
		printChange(t, &items[i])
	}
	return last, t.Flush()
}

// next prints the changes after one that all Envoys have, or that are old enough, and returns the last one. If the controller is another one, it
// prints those of that from the start.
func (f *changesFlags) next(ctx context.Context, w io.Writer, c *apiclient.Client, q url.Values, last seen) (seen, error) {
	limited, cancel := f.limited(ctx)
	defer cancel()
	now, err := apiclient.Get[apiv1.List[apiv1.Change]](limited, c, "changes", url.Values{"limit": {"1"}})
	if err != nil {
		return last, err
	}
	if now.Page != nil && !now.Page.Started.Equal(last.started) {
		fmt.Fprintln(w, "the controller has been started again")
		last = seen{0, now.Page.Started}
	}
	after := url.Values{"after": {strconv.FormatUint(last.id, 10)}}
	if f.object != "" {
		after.Set("object", q.Get("object"))
	}
	items, _, err := apiclient.All[apiv1.Change](limited, c, "changes", after, 0)
	if err != nil {
		return last, err
	}
	for i := range slices.Backward(items) {
		x := &items[i]
		if x.Acknowledged < x.Envoys && time.Since(x.Seen) < maxAwaited {
			return last, nil // in order
		}
		printChange(w, x)
		last.id = x.ID
	}
	return last, nil
}

func printChange(w io.Writer, c *apiv1.Change) {
	var names []string
	for _, o := range c.Objects[:min(len(c.Objects), 3)] {
		names = append(names, o.Key().String())
	}
	text := strings.Join(names, ", ")
	if n := c.ObjectCount - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if text == "" {
		text = "-"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\n", c.Seen.Local().Format("15:04:05.000"), console.Line(changeText(c)), console.Line(text))
}

// changeText is what a change led to.
func changeText(c *apiv1.Change) string {
	if c.Resources == 0 {
		return fmt.Sprintf("nothing sent, %d statuses", c.Statuses)
	}
	text := fmt.Sprintf("%d hosts, %d resources (%s), published after %s", c.Hosts, c.Resources, size(c.Bytes), took(c.Seen, c.Published))
	switch {
	case c.Envoys == 0:
		return text + ", no Envoy connected"
	case c.Acknowledged < c.Envoys:
		return text + fmt.Sprintf(", %d of %d Envoys have it", c.Acknowledged, c.Envoys)
	case c.Envoys == 1:
		return text + fmt.Sprintf(", %s has it after %s", c.Slowest, took(c.Seen, c.Last))
	}
	return text + fmt.Sprintf(", %d Envoys have it after %s to %s, %s last", c.Envoys, took(c.Seen, c.First), took(c.Seen, c.Last), c.Slowest)
}

func took(from, to time.Time) string {
	return max(to.Sub(from), 0).Round(100 * time.Microsecond).String()
}

func size(bytes int) string {
	if bytes < 10_000 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%d kB", bytes/1000)
}
