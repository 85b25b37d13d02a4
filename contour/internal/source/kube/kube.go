// Package kube watches a Kubernetes API server and sends what it says as batches of
// object changes.
//
// The first batch is everything there is, sent once every kind has been listed; a kind
// that the API server does not know (its CustomResourceDefinition is not installed)
// counts as empty and is watched once it appears. A watch that fails is tried again every
// few seconds, for as long as it takes. Every later batch is what arrived while the
// receiver was busy, one change for each object, so that a burst costs neither a timer
// nor memory beyond the objects concerned. Objects are trimmed of what nobody reads
// before they are kept, and never modified afterwards. The package does not know what an
// object means.
package kube

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/store"
)

// Options says what a Source watches.
type Options struct {
	// Config is how the API server is reached. Its rate limits are used as they are: a watch is one request.
	Config *rest.Config
	// Kinds are the kinds watched; nil means those of kind.All that are always watched.
	Kinds kind.List
	// Namespaces are the namespaces watched; empty means all.
	Namespaces []string
	Log        *slog.Logger
	// Observe, if not nil, is told the key of every object of a kind with a status that changed in whatever way, its
	// status included, once Get tells the new state. It may not block.
	Observe func(kobj.Key)
}

// Source is the objects of an API server. It keeps the only copy of them in memory, which batches and Get share.
type Source struct {
	log     *slog.Logger
	observe func(kobj.Key)
	queue   *queue
	watches []*watched
}

// New is a Source that does nothing yet. The error is about the configuration of the client.
func New(o Options) (*Source, error) {
	if o.Kinds == nil {
		o.Kinds = kind.All().Watched()
	}
	s := &Source{log: o.Log, observe: o.Observe, queue: newQueue(o.Kinds)}
	if s.observe == nil {
		s.observe = func(kobj.Key) {}
	}
	clients, err := kubeclient.New(o.Config, kubeclient.Options{Kinds: o.Kinds, Protobuf: true})
	if err != nil {
		return nil, err
	}
	namespaces := o.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	namespaces = slices.Compact(slices.Sorted(slices.Values(namespaces)))
	for _, k := range o.Kinds {
		of := namespaces
		if k.ClusterScoped {
			of = []string{metav1.NamespaceAll}
		}
		for _, ns := range of {
			s.watches = append(s.watches, s.watch(k, ns, clients[k.GroupVersion]))
		}
	}
	return s, nil
}

// Run watches until the context ends, and sends batches to out; the first one may be empty. It may be called once.
func (s *Source) Run(ctx context.Context, out chan<- []store.Change) {
	ctx = klog.NewContext(ctx, logr.FromSlogHandler(s.log.Handler()))
	var running sync.WaitGroup
	defer running.Wait()
	for _, w := range s.watches {
		running.Go(func() { w.run(ctx) })
		running.Go(func() { w.announce(ctx) })
	}
	for _, w := range s.watches {
		if !w.waitListed(ctx) {
			return
		}
	}
	s.log.Info("all kinds listed", "objects", s.queue.len())
	s.queue.drain(ctx, out)
}

// Get is the present state of an object, trimmed; the second result is false if there is none, or its kind is not watched.
// It may be called from any goroutine.
func (s *Source) Get(k kobj.Key) (metav1.Object, bool) {
	for _, w := range s.watches {
		if w.kind.Kind != k.Kind || w.namespace != metav1.NamespaceAll && w.namespace != k.Namespace {
			continue
		}
		if o, ok := w.objects.get(k.Name); ok {
			return o, true
		}
	}
	return nil, false
}
