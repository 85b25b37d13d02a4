//go:build kind

package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// describing bounds the time to collect artifacts of a failure.
const describing = 2 * time.Minute

// debugPages of a controller are saved.
var debugPages = []string{"ir", "report", "xds", "rejections", "sessions", "derivations"}

// artifactsDir is $CONTOUR_ARTIFACTS, or a new directory.
func artifactsDir() (string, error) {
	if dir := os.Getenv("CONTOUR_ARTIFACTS"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.MkdirTemp("", "contour-e2e-")
	if err != nil {
		return "", fmt.Errorf("artifacts: %w", err)
	}
	return dir, nil
}

// describeFailure leaves artifacts when t ends, if it failed: before what is cleaned up that was registered earlier.
func (w *environment) describeFailure(ctx context.Context, t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() && ctx.Err() == nil { // an interrupted run needs no artifacts
			w.saveArtifacts(ctx, t.Name())
		}
	})
}

// saveArtifacts writes all objects, logs, the configurations of Envoys, and the debug pages of the controllers. It logs
// what it cannot get, and does not fail the test.
func (w *environment) saveArtifacts(ctx context.Context, what string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), describing)
	defer cancel()
	dir := filepath.Join(w.artifacts, strings.ReplaceAll(what, "/", "-"))
	err := errors.Join(os.MkdirAll(dir, 0o755), w.saveObjects(ctx, dir), w.saveBalancer(ctx, dir))
	for _, ns := range []string{namespace, secondNamespace} {
		err = errors.Join(err, w.savePods(ctx, ns, filepath.Join(dir, ns)))
	}
	fmt.Fprintf(os.Stderr, "e2e: %s: artifacts are in %s\n", what, dir)
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: some are missing: %v\n", err)
	}
}

// saveObjects writes the output of kubectl get for all objects, Events included.
func (w *environment) saveObjects(ctx context.Context, dir string) error {
	var errs []error
	for file, args := range map[string]string{
		"objects.yaml": "get namespaces,nodes,pods,deployments,daemonsets,services,endpointslices,ingresses,httpproxies,leases --all-namespaces --output=yaml",
		"pods.txt":     "get pods --all-namespaces --output=wide",
		"events.txt":   "get events --all-namespaces --sort-by=.lastTimestamp",
	} {
		out, err := w.testcluster.Kubectl(ctx, "", strings.Fields(args)...)
		errs = append(errs, err, os.WriteFile(filepath.Join(dir, file), []byte(out), 0o644))
	}
	return errors.Join(errs...)
}

// savePods describes the pods of an installation; none if it does not exist.
func (w *environment) savePods(ctx context.Context, namespace, dir string) error {
	pods, err := w.pods(ctx, namespace, "")
	errs := []error{err, os.MkdirAll(dir, 0o755)}
	for _, pod := range pods {
		for _, c := range pod.Spec.Containers {
			log, err := w.api.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).Do(ctx).Raw()
			errs = append(errs, err, os.WriteFile(filepath.Join(dir, pod.Name+"-"+c.Name+".log"), log, 0o644))
		}
		switch pod.Labels["app"] {
		case "envoy":
			errs = append(errs, w.saveEnvoy(ctx, dir, pod))
		case "contour":
			errs = append(errs, w.saveDebug(ctx, dir, pod))
		}
	}
	return errors.Join(errs...)
}

// saveEnvoy queries Envoy, if its admin endpoint can be reached.
func (w *environment) saveEnvoy(ctx context.Context, dir string, pod corev1.Pod) error {
	if w.kind == nil {
		return nil
	}
	client, end, err := w.admin(ctx, pod)
	if err != nil {
		return err
	}
	defer end()
	var errs []error
	for _, page := range []string{"config_dump?include_eds", "stats", "clusters", "listeners"} {
		name, _, _ := strings.Cut(page, "?")
		text, err := client.Get(ctx, "/"+page)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, pod.Name+"-"+name+".txt"), text, 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// saveDebug reads the pages that a controller serves to its own pod only.
func (w *environment) saveDebug(ctx context.Context, dir string, pod corev1.Pod) error {
	local, end, err := w.forward(ctx, pod, 6060)
	if err != nil {
		return err
	}
	defer end()
	var errs []error
	for _, page := range debugPages {
		errs = append(errs, save(ctx, "http://"+local+"/debug/"+page, filepath.Join(dir, pod.Name+"-debug-"+page+".txt")))
	}
	return errors.Join(errs...)
}

// forward returns a local address that leads to a port of a pod until end is called.
func (w *environment) forward(ctx context.Context, pod corev1.Pod, port int) (local string, end func(), err error) {
	transport, upgrader, err := spdy.RoundTripperFor(w.cluster.Config)
	if err != nil {
		return "", nil, err
	}
	url := w.api.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	stop, ready := make(chan struct{}), make(chan struct{})
	end = sync.OnceFunc(func() { close(stop) })
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	forward, err := portforward.New(dialer, []string{fmt.Sprintf(":%d", port)}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- forward.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		return "", nil, fmt.Errorf("port %d of %s: %w", port, pod.Name, err)
	case <-ctx.Done():
		end()
		return "", nil, ctx.Err()
	}
	ports, err := forward.GetPorts()
	if err != nil {
		end()
		return "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), end, nil
}

func save(ctx context.Context, url, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return errors.Join(err, os.WriteFile(file, body, 0o644))
}

// saveBalancer keeps the log of the load balancer's container: which nodes it found healthy, and each connection.
func (w *environment) saveBalancer(ctx context.Context, dir string) error {
	if w.kind == nil {
		return nil
	}
	ids, err := w.kind.Engine.Output(ctx, "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.cloud-provider-kind.cluster="+name)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range strings.Fields(ids) {
		log, err := w.kind.Engine.Output(ctx, "logs", "--tail=20000", id)
		errs = append(errs, err, os.WriteFile(filepath.Join(dir, "balancer-"+id+".log"), []byte(log), 0o644))
	}
	return errors.Join(errs...)
}
