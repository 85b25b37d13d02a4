package kube

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

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

// Times between attempts to list and watch. They double up to the longest, and each is up to twice as long by chance:
// replicas and kinds that lost the API server together are not to ask again together. Attempts are cheap, a refused
// connection mostly, and users wait for the first that succeeds; an API server that has too much to do says so with
// the time after which to ask again, which the client honors.
const (
	shortestPause = 200 * time.Millisecond
	longestPause  = 2 * time.Second
	forgetPauses  = 2 * time.Minute // after which the shortest comes first again
)

// watched is one kind in one namespace, or in all.
type watched struct {
	source     *Source
	kind       kind
	namespace  string
	client     rest.Interface
	shared     shared
	objects    *objects
	failures   int           // in a row
	absent     chan struct{} // closed once the API server has said that it does not know the kind
	markAbsent func()
}

func (s *Source) watch(k kind, namespace string, client rest.Interface) *watched {
	w := &watched{source: s, kind: k, namespace: namespace, client: client, absent: make(chan struct{})}
	w.objects = newObjects(k.kind, w.transform, w.put)
	w.markAbsent = sync.OnceFunc(func() {
		s.log.Warn("kind is not served by the API server, taken as empty until it is", "kind", k.kind, "groupVersion", k.groupVersion)
		close(w.absent)
	})
	return w
}

// run lists and watches until the context ends, and starts again whenever that does. An informer of client-go does the
// same, but once the API server was away for a minute it asks again only every 30 to 60 seconds.
func (w *watched) run(ctx context.Context) {
	log := klog.FromContext(ctx)
	pauses := wait.Backoff{Duration: shortestPause, Cap: longestPause, Factor: 2, Steps: 10, Jitter: 1}
	reflector := cache.NewReflectorWithOptions(
		cache.NewListWatchFromClient(w.client, w.kind.resource, w.namespace, w.kind.selector), w.kind.example, w.objects,
		cache.ReflectorOptions{Logger: &log, Name: string(w.kind.kind), TypeDescription: string(w.kind.kind), Backoff: &pauses})
	// The error says no more than that the context has ended.
	_ = pauses.DelayWithReset(clock.RealClock{}, forgetPauses).Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		w.ended(reflector.ListAndWatchWithContext(ctx))
		return false, nil
	})
}

// transform trims an object, before anybody else sees it; it may see one twice.
func (w *watched) transform(o any) (any, error) {
	if object, ok := o.(runtime.Object); ok {
		w.kind.trim(object)
		w.shared.replace(object)
	}
	return o, nil
}

// put hands on what has changed.
func (w *watched) put(changes ...store.Change) {
	w.source.queue.put(changes...)
	if !w.kind.hasStatus {
		return
	}
	for _, c := range changes {
		w.source.observe(c.Key)
	}
}

// ended is told why listing and watching has ended; nil if it had begun. It is tried again in any case, for hours
// perhaps, and the log gets the failures number 1, 2, 4, 8 and so on.
func (w *watched) ended(err error) {
	if err == nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		w.failures = 0
		return
	}
	if apierrors.IsNotFound(err) {
		w.markAbsent()
		return
	}
	if w.failures++; w.failures&(w.failures-1) == 0 {
		w.source.log.Warn("watch failed, trying again", "kind", w.kind.kind, "namespace", w.namespace, "failures", w.failures, "error", err)
	}
}

// waitListed waits until the kind has been listed or is known not to exist. It reports false if the context ended before.
func (w *watched) waitListed(ctx context.Context) bool {
	select {
	case <-w.objects.listed:
	case <-w.absent:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// announce says so when a kind that was absent has appeared.
func (w *watched) announce(ctx context.Context) {
	select {
	case <-w.absent:
	case <-w.objects.listed:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-w.objects.listed:
		w.source.log.Info("kind has appeared", "kind", w.kind.kind, "groupVersion", w.kind.groupVersion)
	case <-ctx.Done():
	}
}
