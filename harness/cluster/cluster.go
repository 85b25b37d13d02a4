package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
)

// Provider makes one cluster and removes it.
type Provider interface {
	// Create returns when the API server answers and, if the cluster has nodes, these
	// are ready. On an error, and when ctx ends, nothing remains.
	Create(ctx context.Context) (*Cluster, error)
	// Delete removes what Create made. It is not an error if there is nothing.
	Delete(ctx context.Context) error
}

// Errors that callers test for; their message contains the remedy.
var (
	ErrExists      = errors.New("a cluster of that name exists: delete it, or choose another name")
	ErrUnreachable = errors.New("the API server does not answer: is the cluster up, and is this its kubeconfig?")
	ErrPort        = errors.New("port in use: stop the process that listens there, or choose another")
	ErrCannot      = errors.New("not supported by this kind of cluster")
)

// answerTimeout is for an API server that is running.
const answerTimeout = 5 * time.Second

// Cluster is a reachable API server, with or without nodes.
type Cluster struct {
	// Name is for messages.
	Name string
	// Kubeconfig is a file for a user with all rights; Config is the same.
	Kubeconfig string
	Config     *rest.Config
	// Nodes reports whether there are nodes, so that pods run.
	Nodes bool

	load func(ctx context.Context, archive string) error // nil: not supported
}

// open reads the kubeconfig and checks that the API server answers.
func open(ctx context.Context, name, kubeconfig, kubeContext string) (*Cluster, error) {
	config, err := kube.Config(kubeconfig, kubeContext)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Name: name, Kubeconfig: kubeconfig, Config: config}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Error(); err != nil {
		return nil, fmt.Errorf("%s: %w (%w)", config.Host, ErrUnreachable, err)
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("nodes of %s: %w", config.Host, err)
	}
	c.Nodes = len(nodes.Items) > 0
	return c, nil
}

// Load imports an image archive on every node. It returns ErrCannot where images come from a registry.
func (c *Cluster) Load(ctx context.Context, archive string) error {
	if c.load == nil {
		return fmt.Errorf("load an image into %s: %w: push it to a registry that its nodes pull from", c.Name, ErrCannot)
	}
	return c.load(ctx, archive)
}

// Address waits for the address of a Service of type LoadBalancer.
func (c *Cluster) Address(ctx context.Context, namespace, service string, timeout time.Duration) (netip.Addr, error) {
	var address netip.Addr
	client, err := kube.New(c.Config)
	if err != nil {
		return address, err
	}
	ref := kube.Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Service"}, Namespace: namespace, Name: service}
	err = poll.Until(ctx, timeout, "address of Service "+namespace+"/"+service, func(ctx context.Context) (bool, string, error) {
		o, err := client.Get(ctx, ref)
		if err != nil {
			return false, err.Error(), nil
		}
		address, err = addressOf(o)
		return err == nil, "none in its status", nil
	})
	return address, err
}
