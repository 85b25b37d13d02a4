//go:build kind

package kind

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"contour.example/harness/image"
	"contour.example/harness/testcluster"
	"contour.example/harness/traffic"
)

// The namespace and the release of the second installation.
const (
	secondNamespace = "projectcontour-internal"
	secondRelease   = "internal"
)

// secondValues are the values of the chart. The controller has one replica, so that the one that an Envoy is connected to also
// writes statuses.
func secondValues(c *testcluster.Cluster) string {
	values := func(name string) string {
		repository, tag, _ := strings.Cut(c.Replaced(name), "@")
		if tag != "" {
			return fmt.Sprintf("{repository: %q, digest: %q}", repository, tag)
		}
		i := strings.LastIndex(repository, ":")
		return fmt.Sprintf("{repository: %q, tag: %q}", repository[:i], repository[i+1:])
	}
	return `
image: ` + values(image.ContourName) + `
ingressClass: {name: contour-internal}
contour: {replicas: 1}
envoy: {kind: Deployment, image: ` + values(image.EnvoyName) + `}
`
}

// installation is a controller with Envoys of its own.
type installation struct {
	// namespace of controller and Envoys.
	namespace string
	// class of the objects that it serves.
	class string
	// traffic sends requests to the load balancer.
	traffic  traffic.Client
	balanced netip.Addr
}

// first is what manifests/contour.yaml installs.
func (w *environment) first() *installation {
	return &installation{namespace: namespace, class: "contour", traffic: w.traffic, balanced: w.balanced}
}

// second is what the chart installs beside it, for another class, when the first feature needs it. The tests of tools/charts
// compare the objects of the chart with those of manifests/overlays/another-class.
type second struct {
	installation
	controllers *watch

	once sync.Once
	err  error
}

// need returns the installation when it is complete.
func (s *second) need(ctx context.Context, t *testing.T) *installation {
	t.Helper()
	s.once.Do(func() { s.err = s.install(ctx, shared) })
	must(t, s.err)
	return &s.installation
}

func (s *second) install(ctx context.Context, w *environment) (err error) {
	s.namespace, s.class = secondNamespace, "contour-internal"
	chart, err := testcluster.Chart("contour")
	if err != nil {
		return err
	}
	if _, err := w.testcluster.Helm(ctx, secondValues(w.testcluster), "install", secondRelease, chart, "--namespace="+s.namespace, "--create-namespace"); err != nil {
		return err
	}
	for _, deployment := range []string{"contour", "envoy"} {
		if err := w.deployed(ctx, s.namespace, deployment); err != nil {
			return err
		}
	}
	// Watch from here on: a replica that was deleted immediately may have no log.
	if s.controllers, err = watchPods(ctx, w.api, s.namespace, filepath.Join(w.artifacts, s.namespace)); err != nil {
		return err
	}
	if s.balanced, err = w.cluster.Address(ctx, s.namespace, "envoy", podTimeout); err != nil {
		return err
	}
	s.traffic = traffic.Client{HTTP: s.balanced.String() + ":80", HTTPS: s.balanced.String() + ":443"}
	return nil
}
