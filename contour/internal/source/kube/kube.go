// Package kube watches a Kubernetes API server and sends batches of object changes.
//
// The first batch contains all objects and is sent after every kind has been listed; a
// kind of which the API server serves no version (its CustomResourceDefinition is not installed)
// is considered empty and is watched once it is served. A failed watch is retried every
// few seconds without limit. Every later batch contains the changes that arrived while
// the receiver was busy, one for each object, so that a burst needs neither a timer nor
// memory except for the changed objects. Objects are trimmed to the fields that the
// controller reads before they are stored, and never modified afterwards. The package
// does not interpret objects.
package kube

import (
	"context"
	"log/slog"
	"maps"
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

// Options are the options of a Source.
type Options struct {
	// Config is the configuration of the client. Its rate limits apply; a watch is one request.
	Config *rest.Config
	// Kinds are the kinds to watch; nil means those of kind.All that are always watched.
	Kinds kind.List
	// Namespaces are the namespaces to watch; empty means all.
	Namespaces []string
	Log        *slog.Logger
	// Observe, if not nil, is called with the key of every changed object of a kind with a status, after Get returns the
	// new state. Changes of the status are included. It must not block.
	Observe func(kobj.Key)
	// Count, if not nil, is called for every change that arrives, with the kind and what happened: add, update or delete.
	Count func(kind, operation string)
	// ServedChanged, if not nil, is called when Served has changed since the first batch was sent. It must not block.
	ServedChanged func()
}

// Source contains the objects of an API server. Batches and Get share its copy of the objects.
type Source struct {
	log     *slog.Logger
	observe func(kobj.Key)
	count   func(kind, operation string)
	queue   *queue
	watches []*watched

	servedChanged func()

	mu      sync.Mutex
	served  kind.Served // replaced, never modified
	started bool        // the first batch is complete
}

// New returns a Source, which Run starts. It returns an error if the configuration of the client is invalid.
func New(o Options) (*Source, error) {
	if o.Kinds == nil {
		o.Kinds = kind.All().Watched()
	}
	s := &Source{log: o.Log, observe: o.Observe, count: o.Count, queue: newQueue(o.Kinds)}
	if s.servedChanged = o.ServedChanged; s.servedChanged == nil {
		s.servedChanged = func() {}
	}
	if s.observe == nil {
		s.observe = func(kobj.Key) {}
	}
	if s.count == nil {
		s.count = func(string, string) {}
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
			s.watches = append(s.watches, s.watch(k, ns, clients))
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
		running.Go(func() { w.logAppearance(ctx) })
	}
	for _, w := range s.watches {
		if !w.waitListed(ctx) {
			return
		}
	}
	s.mu.Lock()
	s.started = true
	s.mu.Unlock()
	s.log.Info("all kinds listed", "objects", s.queue.len())
	s.queue.drain(ctx, out)
}

// Served returns which kinds the API server serves. When the first batch is sent, it contains all watched kinds. It is not modified, and safe
// for concurrent use.
func (s *Source) Served() kind.Served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served
}

// setServed replaces the version of a kind.
func (s *Source) setServed(k kobj.Kind, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, known := s.served[k]; known && was == version {
		return
	}
	served := maps.Clone(s.served)
	if served == nil {
		served = kind.Served{}
	}
	served[k] = version
	s.served = served
	if s.started {
		s.servedChanged()
	}
}

// Get returns the present state of an object, trimmed; false if it does not exist or its kind is not watched. It is safe
// for concurrent use.
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
