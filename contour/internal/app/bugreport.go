package app

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/kubeclient"
)

// The limits of a report.
const (
	maxReportFile    = 4 << 20   // bytes of one file in it
	maxReportLog     = 2 << 20   // bytes of the log of a container
	maxReport        = 128 << 20 // bytes of all files together, before compression
	maxReportItems   = 20_000    // of a list of the API
	maxReportObjects = 200       // whose status is read
	maxReportPods    = 64
	maxReportError   = 1000 // bytes of an error
)

type bugReportFlags struct {
	liveFlags

	output string
	since  time.Duration
	noLogs bool
}

func bugReportCommand(s Streams) *cobra.Command {
	f := &bugReportFlags{}
	c := &cobra.Command{
		Use:   "bug-report",
		Short: "Write what is needed to find out what is wrong with a running controller.",
		Long: `Write an archive with what running controllers and the cluster know about them: versions, settings, Envoys, rejections, diagnostics, changes, the
names and sizes of resources, statuses of objects with errors or warnings, pods and logs of the controller. Nothing is changed.

What cannot be read is named in errors.txt of the archive, and the command succeeds. There are no contents of Secrets, no values of environment variables, no
header values that may be credentials, and no configuration of Envoys in it; there are names of hosts, objects and Envoys: read it before you publish it.`,
		Example: "  contour bug-report\n  contour bug-report --output report.tar.gz --since 10m",
		Args:    arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := usage(f.check(), positive("since", f.since)); err != nil {
				return err
			}
			return f.run(c.Context(), s)
		},
	}
	f.add(c.Flags(), s.Env)
	c.Flags().StringVar(&f.output, "output", "contour-bug-report.tar.gz", "Path of the archive, which must not exist; - is standard output.")
	c.Flags().DurationVar(&f.since, "since", time.Hour, "How far back logs and changes go.")
	c.Flags().BoolVar(&f.noLogs, "no-logs", false, "Leave the logs of the controller out.")
	return c
}

// run collects and writes the archive. A file is complete, or does not exist.
func (f *bugReportFlags) run(ctx context.Context, s Streams) (err error) {
	to := s.Out
	if f.output != "-" {
		file, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer func() {
			if err = errors.Join(err, file.Close()); err != nil {
				_ = os.Remove(f.output)
			}
		}()
		to = file
	}
	zipped := gzip.NewWriter(to)
	a := &archive{to: tar.NewWriter(zipped), now: time.Now()}
	f.collect(ctx, a)
	if err := ctx.Err(); err != nil {
		return err
	}
	a.finish()
	if err := errors.Join(a.failure, a.to.Close(), zipped.Close()); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	fmt.Fprintf(s.Err, "contour: %d files, of which errors.txt names %d that could not be read; check %s before you publish it: it has names of hosts, objects and Envoys\n", a.files, len(a.errors), f.output)
	return nil
}

// collect adds everything.
func (f *bugReportFlags) collect(ctx context.Context, a *archive) {
	version, revision := buildVersion()
	a.document("version.json", map[string]string{
		"version": version, "revision": revision, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "envoy": defaultEnvoyImage,
		"time": a.now.UTC().Format(time.RFC3339),
	}, nil)
	if f.address == "" {
		limited, cancel := f.limited(ctx)
		f.ofCluster(limited, a)
		cancel()
	}
	err := f.ask(ctx, true, func(ctx context.Context, to []*apiclient.Client) error {
		for i, c := range to {
			limited, cancel := f.limited(ctx)
			f.ofController(limited, a, c, i == 0)
			cancel()
		}
		return nil
	})
	if err != nil {
		a.errorf("controllers", err)
	}
}

// ofController adds the pages of the API of a controller; those about objects of the first one only, since all have the same.
func (f *bugReportFlags) ofController(ctx context.Context, a *archive, c *apiclient.Client, first bool) {
	at := "controllers/" + fileName(c.Name) + "/"
	info, err := apiclient.Get[apiv1.Info](ctx, c, "info", nil)
	a.document(at+"info.json", info, err)
	if err != nil && ctx.Err() != nil {
		return
	}
	page[apiv1.Envoy](ctx, a, c, at, "envoys", nil)
	page[apiv1.Rejection](ctx, a, c, at, "rejections", nil)
	page[apiv1.Change](ctx, a, c, at, "changes", url.Values{"since": {f.since.String()}})
	page[apiv1.Resource](ctx, a, c, at, "resources", nil) // without contents
	if !first {
		return
	}
	page[apiv1.Diagnostic](ctx, a, c, at, "diagnostics", nil)
	objects := page[apiv1.ObjectItem](ctx, a, c, at, "objects", url.Values{"severity": {"warning"}})
	reports := []apiv1.ObjectReport{}
	for _, o := range objects[:min(len(objects), maxReportObjects)] {
		report, err := apiclient.Get[apiv1.ObjectReport](ctx, c, apiclient.Path(o.Object), nil)
		if err != nil {
			a.errorf(at+"statuses.json", err)
			break
		}
		reports = append(reports, report)
	}
	a.document(at+"statuses.json", reports, nil)
	if n := len(objects) - maxReportObjects; n > 0 {
		a.errorf(at+"statuses.json", fmt.Errorf("%d more objects with errors or warnings are left out", n))
	}
}

// page adds all pages of a list.
func page[T any](ctx context.Context, a *archive, c *apiclient.Client, at, path string, q url.Values) []T {
	items, _, err := apiclient.All[T](ctx, c, path, q, maxReportItems)
	if err == nil && len(items) >= maxReportItems {
		a.errorf(at+path+".json", fmt.Errorf("there may be more than %d items", len(items)))
	}
	if items == nil {
		items = []T{}
	}
	a.document(at+path+".json", items, err)
	return items
}

// ofCluster adds what the API server knows about the installation.
func (f *bugReportFlags) ofCluster(ctx context.Context, a *archive) {
	api, err := kubeclient.FromContext(f.Kubeconfig, f.Context)
	if err != nil {
		a.errorf("cluster", err)
		return
	}
	from, err := newClusterInstallation(kubeclient.WithRateLimit(api, 0, 0), f.Namespace, f.Selector)
	if err != nil {
		a.errorf("cluster", err)
		return
	}
	server, err := from.kube.Discovery().ServerVersion()
	a.document("kubernetes.json", server, err)
	f.settings(ctx, a, from)
	pods := f.pods(ctx, a, from.kube, "pods.json", f.Selector)
	f.pods(ctx, a, from.kube, "envoy-pods.json", "app=envoy")
	if !f.noLogs {
		f.logs(ctx, a, from.kube, pods)
	}
}

// reportedSettings is how a controller is configured, without values of environment variables and of settings that are not known to be harmless.
type reportedSettings struct {
	Deployment string   `json:"deployment"`
	Image      string   `json:"image"`
	Flags      []string `json:"flags"`             // that are set, with values
	Unknown    []string `json:"unknown,omitempty"` // arguments, without values
	File       []string `json:"settings,omitempty"`
	Problems   []string `json:"problems,omitempty"`
}

// settings adds the command line, and the names of the settings.
func (f *bugReportFlags) settings(ctx context.Context, a *archive, from *clusterInstallation) {
	in, err := f.find(ctx, from)
	if err != nil {
		a.errorf("settings.json", err)
		return
	}
	out := reportedSettings{Deployment: in.name.String(), Image: in.container.Image, Unknown: in.ignored, Flags: in.given()}
	for _, one := range separate(in.read(ctx, from)) {
		out.Problems = append(out.Problems, redacted(one.Error()))
	}
	out.File = in.document.Names()
	a.document("settings.json", out, nil)
}

// given returns the flags on the command line with their values.
func (in *installation) given() (all []string) {
	for _, name := range in.set() {
		all = append(all, "--"+name+"="+redacted(in.fs.Lookup(name).Value.String()))
	}
	return all
}

// reportedPod is what a report has of a pod.
type reportedPod struct {
	Name       string                                 `json:"name"`
	Node       string                                 `json:"node"`
	Created    time.Time                              `json:"created"`
	Deleted    bool                                   `json:"deleted,omitempty"`
	Images     map[string]string                      `json:"images"` // by container
	Phase      corev1.PodPhase                        `json:"phase"`
	Conditions []string                               `json:"conditions"`
	Containers []reportedContainer                    `json:"containers"`
	QOS        corev1.PodQOSClass                     `json:"qos,omitempty"`
	Resources  map[string]corev1.ResourceRequirements `json:"resources,omitempty"`
}

type reportedContainer struct {
	Name     string `json:"name"`
	Ready    bool   `json:"ready"`
	Restarts int32  `json:"restarts"`
	State    string `json:"state"`
	Last     string `json:"last,omitempty"`
}

// pods adds the pods with the labels, and returns the names of their containers.
func (f *bugReportFlags) pods(ctx context.Context, a *archive, kube kubernetes.Interface, name, selector string) []corev1.Pod {
	list, err := kube.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: maxReportPods})
	if err != nil {
		a.errorf(name, err)
		return nil
	}
	out := []reportedPod{}
	for i := range list.Items {
		out = append(out, podReport(&list.Items[i]))
	}
	a.document(name, out, nil)
	return list.Items
}

func podReport(p *corev1.Pod) reportedPod {
	out := reportedPod{
		Name: p.Name, Node: p.Spec.NodeName, Created: p.CreationTimestamp.Time, Deleted: p.DeletionTimestamp != nil, Images: map[string]string{},
		Phase: p.Status.Phase, QOS: p.Status.QOSClass, Resources: map[string]corev1.ResourceRequirements{},
	}
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		out.Images[c.Name], out.Resources[c.Name] = c.Image, c.Resources
	}
	for _, c := range p.Status.Conditions {
		out.Conditions = append(out.Conditions, fmt.Sprintf("%s=%s %s %s", c.Type, c.Status, c.Reason, redacted(c.Message)))
	}
	for i := range p.Status.ContainerStatuses {
		c := &p.Status.ContainerStatuses[i]
		out.Containers = append(out.Containers, reportedContainer{c.Name, c.Ready, c.RestartCount, stateText(&c.State), stateText(&c.LastTerminationState)})
	}
	return out
}

// stateText is the state of a container in words.
func stateText(s *corev1.ContainerState) string {
	switch {
	case s.Running != nil:
		return "running since " + s.Running.StartedAt.UTC().Format(time.RFC3339)
	case s.Waiting != nil:
		return "waiting: " + s.Waiting.Reason + " " + redacted(s.Waiting.Message)
	case s.Terminated != nil:
		t := s.Terminated
		return fmt.Sprintf("ended at %s with %d: %s %s", t.FinishedAt.UTC().Format(time.RFC3339), t.ExitCode, t.Reason, redacted(t.Message))
	}
	return ""
}

// logs adds the logs of the controllers, and of those that ended before.
func (f *bugReportFlags) logs(ctx context.Context, a *archive, kube kubernetes.Interface, pods []corev1.Pod) {
	for i := range pods {
		p := &pods[i]
		for j := range p.Spec.Containers {
			container := p.Spec.Containers[j].Name
			restarted := slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.Name == container && c.RestartCount > 0 })
			f.log(ctx, a, kube, p.Name, container, false)
			if restarted {
				f.log(ctx, a, kube, p.Name, container, true)
			}
		}
	}
}

func (f *bugReportFlags) log(ctx context.Context, a *archive, kube kubernetes.Interface, pod, container string, previous bool) {
	name := "logs/" + fileName(pod) + "-" + fileName(container) + map[bool]string{true: "-previous.log", false: ".log"}[previous]
	seconds := max(int64(f.since/time.Second), 1)
	options := &corev1.PodLogOptions{Container: container, Previous: previous, SinceSeconds: &seconds, LimitBytes: new(int64(maxReportLog))}
	stream, err := kube.CoreV1().Pods(f.Namespace).GetLogs(pod, options).Stream(ctx)
	if err != nil {
		a.errorf(name, err)
		return
	}
	defer stream.Close() //nolint:errcheck // it is read
	text, err := io.ReadAll(io.LimitReader(stream, maxReportLog))
	if err != nil {
		a.errorf(name, err)
	}
	a.add(name, []byte(redacted(string(text))))
}

// fileName is a name without what has a meaning in paths.
func fileName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c == ':' || c < ' ' {
			return '_'
		}
		return c
	}, filepath.Base(name))
	return cmp.Or(strings.TrimLeft(name, "."), "_")
}
