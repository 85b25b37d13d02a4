package kubelet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"contour.example/harness/netns"
)

const (
	// nodeName is the Node of all Pods.
	nodeName = "local"
	// manager is the value of the label of EndpointSlices that this package maintains.
	manager = "kubelet.harness"
	// retryInterval is after how long what failed is tried again, without a change.
	retryInterval = 300 * time.Millisecond
)

// Options specify a node.
type Options struct {
	// Config is of a user with all rights.
	Config *rest.Config
	// Dir is where roots and logs of pods are.
	Dir string
	// Programs are paths of executables, by image without tag. They have their shared libraries with them, and nothing else.
	Programs map[string]string
	// Bridge connects the pods.
	Bridge *netns.Bridge
	// LoadBalancers are the addresses of Services of the type LoadBalancer; the zero value is that these get none. The bridge has a route to them.
	LoadBalancers netip.Prefix
}

// Kubelet is a running node.
type Kubelet struct {
	options Options
	client  kubernetes.Interface

	deployments appslisters.DeploymentLister
	daemonSets  appslisters.DaemonSetLister
	pods        corelisters.PodLister
	services    corelisters.ServiceLister
	secrets     corelisters.SecretLister
	configMaps  corelisters.ConfigMapLister
	slices      discoverylisters.EndpointSliceLister

	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
	logs   *logServer

	// of the goroutine run
	programs map[string]program       // by image without tag
	running  map[types.UID]*container // by the UID of the Pod
	balancer *balancer
}

// Start creates the Node and returns when it serves. Stop it before the API server.
func Start(ctx context.Context, o Options) (*Kubelet, error) {
	client, err := kubernetes.NewForConfig(o.Config)
	if err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	k := &Kubelet{options: o, client: client, wake: make(chan struct{}, 1), done: make(chan struct{}), running: map[types.UID]*container{}}
	k.balancer = newBalancer(o.LoadBalancers)
	if err := k.copyPrograms(); err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	if k.logs, err = serveLogs(o.Bridge.Address.String()); err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	if err := k.createNode(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("kubelet: %w", err), k.logs.close())
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	k.cancel = cancel
	factory := informers.NewSharedInformerFactory(client, 0)
	if err := k.follow(factory); err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("kubelet: %w", err), k.logs.close())
	}
	factory.Start(running.Done())
	factory.WaitForCacheSync(running.Done())
	go func() {
		defer close(k.done)
		k.run(running)
	}()
	return k, nil
}

// follow sets the listers and wakes the kubelet with each change.
func (k *Kubelet) follow(f informers.SharedInformerFactory) error {
	k.deployments = f.Apps().V1().Deployments().Lister()
	k.daemonSets = f.Apps().V1().DaemonSets().Lister()
	k.pods = f.Core().V1().Pods().Lister()
	k.services = f.Core().V1().Services().Lister()
	k.secrets = f.Core().V1().Secrets().Lister()
	k.configMaps = f.Core().V1().ConfigMaps().Lister()
	k.slices = f.Discovery().V1().EndpointSlices().Lister()
	changed := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { k.poke() },
		UpdateFunc: func(any, any) { k.poke() },
		DeleteFunc: func(any) { k.poke() },
	}
	for _, i := range []cache.SharedIndexInformer{
		f.Apps().V1().Deployments().Informer(), f.Apps().V1().DaemonSets().Informer(), f.Core().V1().Pods().Informer(), f.Core().V1().Services().Informer(),
		f.Core().V1().Secrets().Informer(), f.Core().V1().ConfigMaps().Informer(), f.Discovery().V1().EndpointSlices().Informer(),
	} {
		if _, err := i.AddEventHandler(changed); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	return nil
}

func (k *Kubelet) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// createNode creates the Node, with the address and the port of the log server.
func (k *Kubelet) createNode(ctx context.Context) error {
	nodes := k.client.CoreV1().Nodes()
	node, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	node.Status = corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: k.options.Bridge.Address.String()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(k.logs.port)}},
		Conditions:      []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}},
	}
	if _, err := nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("status of the node: %w", err)
	}
	return nil
}

// run brings everything up to date after each change; what fails is tried again.
func (k *Kubelet) run(ctx context.Context) {
	for ctx.Err() == nil {
		var again <-chan time.Time
		if err := k.reconcile(ctx); err != nil {
			if ctx.Err() == nil && !expected(err) {
				slog.Warn("kubelet", "error", err)
			}
			again = time.After(retryInterval)
		}
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-again:
		}
	}
	for _, c := range k.running {
		if err := c.stop(); err != nil {
			slog.Warn("kubelet", "error", err)
		}
	}
}

func (k *Kubelet) reconcile(ctx context.Context) error {
	return errors.Join(k.reconcileWorkloads(ctx), k.reconcilePods(ctx), k.reconcileServices(ctx), k.reconcileBalancer(ctx))
}

// expected reports whether an error is a matter of time: an object that has been changed or deleted since it was read, or that does
// not exist yet.
func expected(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !expected(e) {
				return false
			}
		}
		return true
	}
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) ||
		apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// Stop kills all processes and returns when they have exited.
func (k *Kubelet) Stop() error {
	k.cancel()
	<-k.done
	return k.logs.close()
}
