package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/console"
)

// debugPort is the default port of the debug listener, which serves the API.
const debugPort = 6060

// liveFlags are the flags of commands that ask a running controller.
type liveFlags struct {
	apiclient.Cluster

	address string
	timeout time.Duration
}

func (f *liveFlags) add(fs *pflag.FlagSet, env func(string) string) {
	fs.StringVar(&f.address, "address", "", "Address and port of the debug listener of a controller on this machine, such as 127.0.0.1:"+strconv.Itoa(debugPort)+"; empty forwards a port to a pod of the cluster.")
	fs.Uint16Var(&f.Port, "controller-port", debugPort, "Port of the debug listener in the pod.")
	f.addCluster(fs, env)
}

// addCluster adds the flags that say which controller of which cluster it is.
func (f *liveFlags) addCluster(fs *pflag.FlagSet, env func(string) string) {
	fs.StringVar(&f.Kubeconfig, "kubeconfig", "", "Path of the kubeconfig file; empty takes that of kubectl.")
	fs.StringVar(&f.Context, "context", "", "Context of the kubeconfig file; empty takes the current one.")
	fs.StringVar(&f.Namespace, "contour-namespace", namespace(env), "Namespace of the controller.")
	fs.StringVar(&f.Selector, "selector", "app=contour", "Labels of the pods of the controller.")
	fs.DurationVar(&f.timeout, "request-timeout", time.Minute, "How long the controller may take to answer.")
}

// names are the flags that have a meaning only for a running controller.
func (f *liveFlags) names() []string {
	return []string{"address", "kubeconfig", "context", "contour-namespace", "selector", "controller-port", "request-timeout"}
}

func (f *liveFlags) check() error {
	errs := []error{positive("request-timeout", f.timeout)}
	if f.address != "" {
		if _, port, err := net.SplitHostPort(f.address); err != nil || port == "" {
			errs = append(errs, fmt.Errorf("--address: %q is not an address with a port, such as 127.0.0.1:%d", f.address, debugPort))
		}
	}
	return errors.Join(errs...)
}

// ask calls f with a client of each controller, or of one only. An error of f about a request that the controller does not serve is returned as it is.
func (f *liveFlags) ask(ctx context.Context, all bool, do func(context.Context, []*apiclient.Client) error) error {
	clients := []*apiclient.Client{apiclient.At(f.address)}
	if f.address == "" {
		var err error
		if clients, err = apiclient.Connect(ctx, f.Cluster, all); err != nil {
			return fmt.Errorf("no running controller can be asked (give its address with --address, or manifests where --filename is a flag): %w", err)
		}
	}
	defer apiclient.CloseAll(clients)
	return do(ctx, clients)
}

// answer is what a controller answered.
type answer[T any] struct {
	from  *apiclient.Client
	value T
}

// each asks all controllers at once, each for at most the time of an answer. It returns the answers, and which controllers could not be read; the
// first error if that is all of them.
func each[T any](
	ctx context.Context, f *liveFlags, to []*apiclient.Client, ask func(context.Context, *apiclient.Client) (T, error),
) (answers []answer[T], unread []apiv1.Unread, err error) {
	values, errs := make([]T, len(to)), make([]error, len(to))
	var waiting sync.WaitGroup
	for i, c := range to {
		waiting.Go(func() {
			ctx, cancel := f.limited(ctx)
			defer cancel()
			values[i], errs[i] = ask(ctx, c)
		})
	}
	waiting.Wait()
	for i, c := range to {
		if errs[i] != nil {
			unread = append(unread, apiv1.Unread{Replica: c.Name, Message: errs[i].Error()})
			continue
		}
		answers = append(answers, answer[T]{c, values[i]})
	}
	if len(answers) == 0 {
		return nil, nil, errs[0]
	}
	return answers, unread, nil
}

// printUnread prints the replicas that could not be read.
func printUnread(w io.Writer, unread []apiv1.Unread) {
	for _, u := range unread {
		fmt.Fprintln(w, console.Line(u.Replica, "not read", u.Message))
	}
}

// limited returns a context for one answer.
func (f *liveFlags) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, f.timeout)
}

// objectArgument returns the object of KIND/NAMESPACE/NAME, or KIND/NAME without a namespace.
func objectArgument(text string) (apiv1.Object, error) {
	p := strings.Split(text, "/")
	switch {
	case len(p) == 3 && p[0] != "" && p[2] != "":
		return apiv1.Object{Kind: p[0], Namespace: p[1], Name: p[2]}, nil
	case len(p) == 2 && p[0] != "" && p[1] != "":
		return apiv1.Object{Kind: p[0], Name: p[1]}, nil
	}
	return apiv1.Object{}, fmt.Errorf("%q is no object; write it as in HTTPProxy/default/www", text)
}

// age is the time since then, as kubectl prints it.
func age(since, now time.Time) string {
	d := max(now.Sub(since), 0)
	switch {
	case since.IsZero():
		return "-"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 2*time.Minute:
		return d.Round(time.Second).String()
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + "h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + "d"
}
