package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"contour.example/harness/kube"
	"contour.example/harness/testcluster"
	"contour.example/harness/traffic"
)

//go:embed sample.yaml
var sample string

const (
	// addressed bounds the wait for the address of a load balancer, which may have to start a container.
	addressed = 2 * time.Minute
	// served bounds the wait for an answer when everything is ready.
	served = time.Minute
)

// errNoBalancer is for manifests that install nothing that could receive requests.
var errNoBalancer = errors.New("sample application: none of the manifests has a Service of type LoadBalancer; -sample=false leaves it out")

// request is one to the sample application.
type request struct {
	host, what string
	to         netip.Addr
}

func (r request) curl() string { return fmt.Sprintf("curl -H 'Host: %s' http://%s/", r.host, r.to) }

// applySample applies it when the API server serves the kinds that the manifests define.
func applySample(ctx context.Context, s *testcluster.Cluster) ([]*kube.Object, error) {
	objects, err := kube.Parse(s.Replaced(sample))
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if err := s.Kube.WaitForKind(ctx, o.GroupVersionKind()); err != nil {
			return nil, fmt.Errorf("sample application: %w", err)
		}
	}
	return s.Kube.Apply(ctx, "", objects...)
}

// answers waits until the sample application answers at the address of the load balancer among the objects.
func answers(ctx context.Context, s *testcluster.Cluster, objects []*kube.Object) ([]request, error) {
	address, err := balanced(ctx, s, objects)
	if err != nil {
		return nil, err
	}
	requests := []request{
		{"shop.example", "an HTTPProxy", address},
		{"www.example", "an Ingress", address},
	}
	client := traffic.Client{HTTP: netip.AddrPortFrom(address, 80).String()}
	for _, r := range requests {
		if _, err := client.Until(ctx, served, traffic.Request{Host: r.host}, isOK); err != nil {
			return nil, err
		}
	}
	return requests, nil
}

// isOK returns what is wrong with an answer that is not 200, or "".
func isOK(a traffic.Answer) string {
	if a.Status != http.StatusOK {
		return a.String()
	}
	return ""
}

func balanced(ctx context.Context, s *testcluster.Cluster, objects []*kube.Object) (netip.Addr, error) {
	for _, o := range objects {
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "type") // other kinds have another type, or none
		if o.GetKind() == "Service" && kind == "LoadBalancer" {
			return s.Address(ctx, o.GetNamespace(), o.GetName(), addressed)
		}
	}
	return netip.Addr{}, errNoBalancer
}
