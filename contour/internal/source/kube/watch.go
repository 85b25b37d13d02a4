package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// kind is how the objects of one kind are found and kept.
type kind struct {
	kind         kobj.Kind
	groupVersion schema.GroupVersion
	resource     string
	example      runtime.Object
	selector     fields.Selector
	trim         func(runtime.Object)
	hasStatus    bool // the controller writes its status
}

func kinds() []kind {
	all := fields.Everything()
	return []kind{
		{kobj.HTTPProxy, contourv1.GroupVersion, "httpproxies", &contourv1.HTTPProxy{}, all, trimProxy, true},
		{kobj.TLSCertificateDelegation, contourv1.GroupVersion, "tlscertificatedelegations", &contourv1.TLSCertificateDelegation{}, all, trimDelegation, false},
		{kobj.Ingress, networkingv1.SchemeGroupVersion, "ingresses", &networkingv1.Ingress{}, all, trimIngress, true},
		{kobj.Service, corev1.SchemeGroupVersion, "services", &corev1.Service{}, all, trimService, false},
		{kobj.Secret, corev1.SchemeGroupVersion, "secrets", &corev1.Secret{}, secretsOfUse(), trimSecret, false},
		{kobj.EndpointSlice, discoveryv1.SchemeGroupVersion, "endpointslices", &discoveryv1.EndpointSlice{}, all, trimEndpointSlice, false},
	}
}

// secretsOfUse leaves out the Secrets that a cluster has in masses and that cannot be meant. Those of other types
// are known, without their data, so that who refers to one by mistake can be told.
func secretsOfUse() fields.Selector {
	return fields.AndSelectors(
		fields.OneTermNotEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)),
		fields.OneTermNotEqualSelector("type", "helm.sh/release.v1"),
	)
}

// watched is one kind in one namespace, or in all.
type watched struct {
	source     *Source
	kind       kind
	namespace  string
	shared     shared
	informer   cache.SharedIndexInformer
	listed     <-chan struct{} // closed once all of the first list has been delivered
	absent     chan struct{}   // closed once the API server has said that it does not know the kind
	markAbsent func()
}

func (s *Source) watch(k kind, namespace string, client rest.Interface) (*watched, error) {
	w := &watched{source: s, kind: k, namespace: namespace, absent: make(chan struct{})}
	w.markAbsent = sync.OnceFunc(func() {
		s.log.Warn("kind is not served by the API server, taken as empty until it is", "kind", k.kind, "groupVersion", k.groupVersion)
		close(w.absent)
	})
	w.informer = cache.NewSharedIndexInformerWithOptions(
		cache.NewListWatchFromClient(client, k.resource, namespace, k.selector), k.example,
		cache.SharedIndexInformerOptions{ObjectDescription: string(k.kind)})
	if err := w.configure(); err != nil {
		return nil, fmt.Errorf("informer of %s: %w", k.kind, err)
	}
	return w, nil
}

func (w *watched) configure() error {
	if err := w.informer.SetTransform(w.transform); err != nil {
		return err
	}
	if err := w.informer.SetWatchErrorHandlerWithContext(w.onError); err != nil {
		return err
	}
	registration, err := w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { w.put(o, false) },
		UpdateFunc: func(_, o any) { w.put(o, false) },
		DeleteFunc: func(o any) { w.put(o, true) },
	})
	if err != nil {
		return err
	}
	w.listed = registration.HasSyncedChecker().Done()
	return nil
}

// transform trims an object, before anybody else sees it; it may see one twice.
func (w *watched) transform(o any) (any, error) {
	if object, ok := o.(runtime.Object); ok {
		w.kind.trim(object)
		w.shared.replace(object)
	}
	return o, nil
}

// put notes a change that the informer tells of.
func (w *watched) put(o any, deleted bool) {
	if tombstone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = tombstone.Obj
	}
	object, ok := o.(metav1.Object)
	if !ok {
		return
	}
	c := store.Change{Key: kobj.Of(w.kind.kind, object.GetNamespace(), object.GetName())}
	if !deleted {
		c.Object = object
	}
	w.source.queue.put(c)
	if w.kind.hasStatus {
		w.source.observe(c.Key)
	}
}

// onError is told why a list or watch ended; the informer tries again by itself, with back-off.
func (w *watched) onError(_ context.Context, _ *cache.Reflector, err error) {
	log := w.source.log.With("kind", w.kind.kind, "namespace", w.namespace)
	switch {
	case apierrors.IsNotFound(err):
		w.markAbsent()
	case errors.Is(err, io.EOF), apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		log.Debug("watch ended", "error", err)
	default:
		log.Warn("watch failed, trying again", "error", err)
	}
}

// waitListed waits until the kind has been listed or is known not to exist. It reports false if the context ended before.
func (w *watched) waitListed(ctx context.Context) bool {
	select {
	case <-w.listed:
	case <-w.absent:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// announce says so when a kind that was absent has appeared.
func (w *watched) announce(ctx context.Context) {
	select {
	case <-w.absent:
	case <-w.listed:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-w.listed:
		w.source.log.Info("kind has appeared", "kind", w.kind.kind, "groupVersion", w.kind.groupVersion)
	case <-ctx.Done():
	}
}
