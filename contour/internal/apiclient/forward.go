package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"contour.example/contour/internal/kubeclient"
)

// Cluster is where controllers run, and how the API server is reached.
type Cluster struct {
	Kubeconfig string // "": as kubectl finds it
	Context    string // "": the current one
	Namespace  string // of the controller
	Selector   string // of its pods
	Port       uint16 // of its debug listener
}

// patience bounds how long it takes to forward a port.
const patience = 15 * time.Second

// maxControllers bounds the controllers that are asked, and maxAttempts those that are tried until one can be.
const (
	maxControllers = 32
	maxAttempts    = 3
)

// errTooMany is why a controller is not asked.
var errTooMany = fmt.Errorf("it is not asked: there are more than %d", maxControllers)

// Connect returns a client of each controller of a cluster that runs, those that are ready first; or of the first one that can be reached. If
// none can be reached, it returns an error. Of several, the clients of those that cannot be reached return an error for each request.
func Connect(ctx context.Context, at Cluster, all bool) ([]*Client, error) {
	config, err := kubeclient.FromContext(at.Kubeconfig, at.Context)
	if err != nil {
		return nil, err
	}
	config.Timeout = 0 // forwarding lasts; the context bounds requests
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	pods, err := at.pods(ctx, kube)
	if err != nil {
		return nil, err
	}
	forward := func(pod string) (*Client, error) { return at.forward(ctx, config, kube, pod) }
	if all {
		return at.every(pods, forward)
	}
	return at.first(pods, forward)
}

// first returns a client of the first pod that can be reached.
func (at Cluster) first(pods []string, forward func(pod string) (*Client, error)) ([]*Client, error) {
	var errs []error
	for _, name := range pods[:min(len(pods), maxAttempts)] {
		c, err := forward(name)
		if err == nil {
			return []*Client{c}, nil
		}
		errs = append(errs, fmt.Errorf("pod %s/%s: %w", at.Namespace, name, err))
	}
	return nil, errors.Join(errs...)
}

// every returns a client of each pod, all at once; an error if none can be reached.
func (at Cluster) every(pods []string, forward func(pod string) (*Client, error)) ([]*Client, error) {
	clients, errs := make([]*Client, len(pods)), make([]error, len(pods))
	var waiting sync.WaitGroup
	for i, name := range pods {
		if i >= maxControllers {
			clients[i] = Unreachable(name, errTooMany)
			continue
		}
		waiting.Go(func() {
			c, err := forward(name)
			if err != nil {
				c, errs[i] = Unreachable(name, err), fmt.Errorf("pod %s/%s: %w", at.Namespace, name, err)
			}
			clients[i] = c
		})
	}
	waiting.Wait()
	if !slices.Contains(errs[:min(len(errs), maxControllers)], nil) {
		return nil, errors.Join(errs...)
	}
	return clients, nil
}

// CloseAll ends the connections of clients.
func CloseAll(clients []*Client) {
	for _, c := range clients {
		c.Close()
	}
}

// pods returns the names of the pods of controllers that run, those that are ready first.
func (at Cluster) pods(ctx context.Context, kube kubernetes.Interface) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := kube.CoreV1().Pods(at.Namespace).List(ctx, metav1.ListOptions{LabelSelector: at.Selector})
	switch {
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("listing pods in namespace %s is not permitted: %w; the Role contour-viewer has what is needed", at.Namespace, err)
	case err != nil:
		return nil, fmt.Errorf("pods: %w", err)
	}
	var ready, others []string
	for i := range list.Items {
		p := &list.Items[i]
		switch {
		case p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil:
		case slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}):
			ready = append(ready, p.Name)
		default:
			others = append(others, p.Name)
		}
	}
	slices.Sort(ready)
	slices.Sort(others)
	if ready = append(ready, others...); len(ready) == 0 {
		return nil, fmt.Errorf("no pod with the labels %s runs in namespace %s: give those of the controller with --contour-namespace and --selector", at.Selector, at.Namespace)
	}
	return ready, nil
}

// forward forwards a free port of this machine to the debug listener of a pod, until the client is closed.
func (at Cluster) forward(ctx context.Context, config *rest.Config, kube kubernetes.Interface, pod string) (*Client, error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	u := kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(at.Namespace).Name(pod).SubResource("portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, u)
	stop, ready := make(chan struct{}), make(chan struct{})
	var errs strings.Builder
	f, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(int(at.Port))}, stop, ready, io.Discard, &errs)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- f.ForwardPorts()
	}()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-ready:
	case err := <-ended:
		return nil, fmt.Errorf("forward a port: %w", errors.Join(err, ctx.Err()))
	case <-limited.Done():
		close(stop)
		return nil, fmt.Errorf("forward a port: %w", limited.Err())
	}
	ports, err := f.GetPorts()
	if err != nil || len(ports) != 1 {
		close(stop)
		return nil, fmt.Errorf("forward a port: %w", err)
	}
	c := At("127.0.0.1:" + strconv.Itoa(int(ports[0].Local)))
	c.Name = pod
	c.stop = func() {
		close(stop)
		for range ended { // until it has
		}
	}
	return c, nil
}
