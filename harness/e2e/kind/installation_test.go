//go:build kind

package kind

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"

	"contour.example/harness/manifest"
	"contour.example/harness/traffic"
)

// secondNamespace is where the second installation is.
const secondNamespace = "projectcontour-internal"

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

// second is what manifests/overlays/another-class installs beside it, when the first feature needs it.
type second struct {
	installation
	controllers *watch

	once sync.Once
	err  error
}

// need returns the installation when it is complete. Its controller has one replica, so that the one that an Envoy
// is connected to also writes statuses.
func (s *second) need(ctx context.Context, t *testing.T) *installation {
	t.Helper()
	s.once.Do(func() { s.err = s.install(ctx, shared) })
	must(t, s.err)
	return &s.installation
}

func (s *second) install(ctx context.Context, w *environment) (err error) {
	s.namespace, s.class = secondNamespace, "contour-internal"
	text, err := manifest.Text(ctx, manifest.AnotherClass)
	if err != nil {
		return err
	}
	if _, err := w.testcluster.Kubectl(ctx, w.testcluster.Replaced(text), "apply", "--filename=-"); err != nil {
		return err
	}
	if err := w.patchDeployment(ctx, s.namespace, "contour", `{"spec":{"replicas":1}}`); err != nil {
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
