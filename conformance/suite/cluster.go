package suite

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

const (
	// answerTimeout is for an API server that is running.
	answerTimeout = 10 * time.Second
	// addressTimeout is for a load balancer to assign an address to a Service.
	addressTimeout = 2 * time.Minute
)

// cluster is a reachable API server.
type cluster struct {
	kube    *kube.Client
	kinds   *discovery.DiscoveryClient
	version string
}

func connect(ctx context.Context, kubeconfig string) (*cluster, error) {
	config, err := kube.Config(kubeconfig, "")
	if err != nil {
		return nil, fmt.Errorf("there is no cluster to test: %w; set -kubeconfig (make conformance needs none)", err)
	}
	config.WarningHandler = rest.NoWarnings{}
	c := &cluster{}
	if c.kube, err = kube.New(config); err != nil {
		return nil, err
	}
	config.Timeout = answerTimeout
	if c.kinds, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, fmt.Errorf("discovery client: %w", err)
	}
	version, err := c.kinds.ServerVersionWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("the API server %s does not answer (is the cluster up, and is this its kubeconfig?): %w", config.Host, err)
	}
	c.version = version.GitVersion
	return c, nil
}

func (c *cluster) serves(ctx context.Context, kind schema.GroupVersionKind) (bool, error) {
	list, err := c.kinds.ServerResourcesForGroupVersionWithContext(ctx, kind.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("API %s: %w", kind.GroupVersion(), err)
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind.Kind }), nil
}

// serviceAddress waits for the address that a Service (namespace/name) of type LoadBalancer has.
func serviceAddress(ctx context.Context, client *kube.Client, name string) (traffic.Client, error) {
	var found traffic.Client
	namespace, name, ok := strings.Cut(name, "/")
	if !ok {
		return found, fmt.Errorf("-service %s: want namespace/name", namespace)
	}
	ref := kube.Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Service"), Namespace: namespace, Name: name}
	err := poll.Until(ctx, addressTimeout, ref.String(), func(ctx context.Context) (bool, string, error) {
		o, err := client.Get(ctx, ref)
		if err != nil {
			return false, "", err
		}
		var s corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &s); err != nil {
			return false, "", err
		}
		if len(s.Status.LoadBalancer.Ingress) == 0 {
			return false, "there is no address in its status", nil
		}
		first := s.Status.LoadBalancer.Ingress[0]
		host := cmp.Or(first.IP, first.Hostname)
		found = traffic.Client{HTTP: portOf(s.Spec.Ports, host, "http", 80), HTTPS: portOf(s.Spec.Ports, host, "https", 443)}
		return true, "", nil
	})
	return found, err
}

// portOf is host:port of the port of that name, otherwise of the default number.
func portOf(ports []corev1.ServicePort, host, name string, usual int) string {
	for _, p := range ports {
		if p.Name == name {
			usual = int(p.Port)
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(usual))
}

// ingressAddress creates an Ingress and waits for the address in its status; its ports are the default ones.
func (r *Runner) ingressAddress(ctx context.Context) (traffic.Client, error) {
	var host string
	result := r.Run(ctx, Test{
		Name: "address",
		Manifests: `
apiVersion: v1
kind: Service
metadata: {name: none}
spec: {ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: address}
spec:
  rules:
  - host: "address.${DOMAIN}"
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: none, port: {number: 80}}}}
`,
		Run: func(t *T) {
			t.Object(networkingv1.SchemeGroupVersion.String(), "Ingress", "address", func(o *kube.Object) string {
				var i networkingv1.Ingress
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &i); err != nil {
					return err.Error()
				}
				if len(i.Status.LoadBalancer.Ingress) == 0 {
					return "there is no address in its status"
				}
				first := i.Status.LoadBalancer.Ingress[0]
				host = cmp.Or(first.IP, first.Hostname)
				return ""
			})
		},
	})
	if result.Outcome != Passed {
		return traffic.Client{}, fmt.Errorf("an Ingress of class %q: %s", r.Class, result.Reason)
	}
	return traffic.Client{HTTP: net.JoinHostPort(host, "80"), HTTPS: net.JoinHostPort(host, "443")}, nil
}
