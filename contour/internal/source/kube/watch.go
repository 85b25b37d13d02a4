package kube

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/store"
)

// Backoff of attempts to list and watch. The delay doubles up to the maximum, with a random factor up to 2: replicas and
// kinds that lost the API server at the same time must not retry at the same time. Attempts are cheap, mostly a refused
// connection, and users wait for the first that succeeds; an overloaded API server returns the time after which to retry,
// which the client honors.
const (
	minBackoff   = 200 * time.Millisecond
	maxBackoff   = 2 * time.Second
	resetBackoff = 2 * time.Minute // after which the minimum applies again
)

// watched is one kind in one namespace, or in all.
type watched struct {
	source     *Source
	kind       kind.Descriptor
	namespace  string
	clients    []rest.Interface    // by version, in order of preference
	version    int                 // the one that is listed and watched
	share      func(metav1.Object) // nil: nothing is shared
	objects    *objects
	failures   int           // in a row
	absent     chan struct{} // closed after the API server has reported that it does not serve the kind
	markAbsent func()
}

func (s *Source) watch(k kind.Descriptor, namespace string, clients map[schema.GroupVersion]rest.Interface) *watched {
	w := &watched{source: s, kind: k, namespace: namespace, absent: make(chan struct{})}
	for _, gv := range k.Versions() {
		w.clients = append(w.clients, clients[gv])
	}
	if k.NewShare != nil {
		w.share = k.NewShare()
	}
	w.objects = newObjects(k.Kind, w.transform, w.put)
	w.objects.count = func(operation string) { s.count(string(k.Kind), operation) }
	w.objects.replaced = func() { s.setServed(k.Kind, k.Versions()[w.version].Version) }
	w.markAbsent = sync.OnceFunc(func() {
		s.log.Warn("kind is not served by the API server; considered empty until it is", "kind", k.Kind, "groupVersion", k.GroupVersion)
		close(w.absent)
	})
	return w
}

// run lists and watches until the context ends, and restarts whenever that ends. An informer of client-go does the
// same, but once the API server was unavailable for a minute it retries only every 30 to 60 seconds.
func (w *watched) run(ctx context.Context) {
	log := klog.FromContext(ctx)
	backoff := wait.Backoff{Duration: minBackoff, Cap: maxBackoff, Factor: 2, Steps: 10, Jitter: 1}
	var reflectors []*cache.Reflector
	for _, client := range w.clients {
		reflectors = append(reflectors, cache.NewReflectorWithOptions(
			cache.NewListWatchFromClient(client, w.kind.Resource, w.namespace, w.selector()), w.kind.New(), w.objects,
			cache.ReflectorOptions{Logger: &log, Name: string(w.kind.Kind), TypeDescription: string(w.kind.Kind), Backoff: &backoff}))
	}
	// The error means only that the context has ended.
	_ = backoff.DelayWithReset(clock.RealClock{}, resetBackoff).Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		for range reflectors {
			err := reflectors[w.version].ListAndWatchWithContext(ctx)
			if w.ended(err) {
				break
			}
		}
		return false, nil
	})
}

func (w *watched) selector() fields.Selector {
	if w.kind.Selector == nil {
		return fields.Everything()
	}
	return w.kind.Selector
}

// transform trims an object before any other component reads it; it may be called twice for one object.
func (w *watched) transform(o any) (any, error) {
	object, ok := o.(metav1.Object)
	if !ok {
		return o, nil
	}
	w.kind.Trim(object)
	if w.share != nil {
		w.share(object)
	}
	return o, nil
}

// put passes on changes.
func (w *watched) put(changes ...store.Change) {
	w.source.queue.put(changes...)
	if w.kind.Status == nil {
		return
	}
	for _, c := range changes {
		w.source.observe(c.Key)
	}
}

// ended is called with the error that ended listing and watching; nil if it had begun. It is retried in any case, for hours
// if necessary, and the log contains the failures number 1, 2, 4, 8 and so on. It returns false if another version is to be
// tried at once, because the API server does not serve this one.
func (w *watched) ended(err error) bool {
	if err == nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		w.failures = 0
		return true
	}
	if apierrors.IsNotFound(err) {
		if w.version = (w.version + 1) % len(w.clients); w.version == 0 {
			w.source.setServed(w.kind.Kind, "")
			w.markAbsent()
		}
		return false
	}
	if w.failures++; w.failures&(w.failures-1) == 0 {
		w.source.log.Warn("watch failed, retrying", "kind", w.kind.Kind, "namespace", w.namespace, "failures", w.failures, "error", err)
	}
	return true
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

// logAppearance logs that a kind that was not served is served now.
func (w *watched) logAppearance(ctx context.Context) {
	select {
	case <-w.absent:
	case <-w.objects.listed:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-w.objects.listed:
		w.source.log.Info("kind is now served by the API server", "kind", w.kind.Kind, "groupVersion", w.kind.GroupVersion)
	case <-ctx.Done():
	}
}
