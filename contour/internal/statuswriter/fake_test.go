package statuswriter

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/httpproxy"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/status"
)

// server is an API server in memory, with the watches' view of it, which lags behind until sync is called.
type server struct {
	mu      sync.Mutex
	version int
	objects map[kobj.Key]metav1.Object
	known   map[kobj.Key]metav1.Object
	writes  map[kobj.Key]int
	tries   map[kobj.Key][]time.Time
	events  []Event
	names   map[string]bool
	asked   int                  // to create an Event
	refuse  func(kobj.Key) error // asked before every write; may be nil
}

func newServer() *server {
	return &server{
		objects: map[kobj.Key]metav1.Object{}, known: map[kobj.Key]metav1.Object{},
		writes: map[kobj.Key]int{}, tries: map[kobj.Key][]time.Time{}, names: map[string]bool{},
	}
}

// put creates or replaces an object behind the backs of the watches.
func (s *server) put(k kobj.Key, change func(metav1.Object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := emptyObject(k)
	if was, ok := s.objects[k]; ok {
		copyObject(was, object)
	} else {
		object.SetNamespace(k.Namespace)
		object.SetName(k.Name.Name)
		object.SetUID(types.UID(fmt.Sprint("uid-", len(s.objects))))
		object.SetGeneration(1)
	}
	if change != nil {
		change(object)
	}
	s.store(k, object)
}

func (s *server) store(k kobj.Key, o metav1.Object) {
	s.version++
	o.SetResourceVersion(strconv.Itoa(s.version))
	s.objects[k] = o
}

// sync lets the watches catch up.
func (s *server) sync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, o := range s.objects {
		s.known[k] = o
	}
}

func (s *server) lookup(k kobj.Key) (metav1.Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.known[k]
	return o, ok
}

func (s *server) proxy(k kobj.Key) *contourv1.HTTPProxy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[k].(*contourv1.HTTPProxy)
}

func (s *server) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, w := range s.writes {
		n += w
	}
	return n
}

// PatchStatus implements Client.
func (s *server) PatchStatus(_ context.Context, k kobj.Key, patch []byte) (Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[k] = append(s.tries[k], time.Now())
	if s.refuse != nil {
		if err := s.refuse(k); err != nil {
			return Version{}, err
		}
	}
	was, ok := s.objects[k]
	if !ok {
		return Version{}, apierrors.NewNotFound(schema.GroupResource{}, k.String())
	}
	next, err := merge(k, was, patch)
	if err != nil {
		return Version{}, err
	}
	if next.GetResourceVersion() != was.GetResourceVersion() {
		return Version{}, apierrors.NewConflict(schema.GroupResource{}, k.String(), nil)
	}
	s.store(k, next)
	s.writes[k]++
	return Version{ResourceVersion: next.GetResourceVersion(), Generation: next.GetGeneration()}, nil
}

// merge applies a JSON merge patch as the API server does.
func merge(k kobj.Key, was metav1.Object, patch []byte) (metav1.Object, error) {
	data, err := json.Marshal(was)
	if err != nil {
		return nil, err
	}
	if data, err = jsonpatch.MergePatch(data, patch); err != nil {
		return nil, err
	}
	next := emptyObject(k)
	return next, json.Unmarshal(data, next)
}

// CreateEvent implements Client.
func (s *server) CreateEvent(_ context.Context, e Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.names[e.Name] {
		return apierrors.NewAlreadyExists(schema.GroupResource{}, e.Name)
	}
	s.names[e.Name] = true
	s.events = append(s.events, e)
	return nil
}

func (s *server) createdEvents() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.events...)
}

func emptyObject(k kobj.Key) metav1.Object {
	if k.Kind == kobj.Ingress {
		return &networkingv1.Ingress{}
	}
	if k.Kind == kobj.Gateway {
		return &gatewayv1.Gateway{}
	}
	return &contourv1.HTTPProxy{}
}

func copyObject(from, to metav1.Object) {
	switch o := from.(type) {
	case *contourv1.HTTPProxy:
		o.DeepCopyInto(to.(*contourv1.HTTPProxy))
	case *networkingv1.Ingress:
		o.DeepCopyInto(to.(*networkingv1.Ingress))
	case *gatewayv1.Gateway:
		o.DeepCopyInto(to.(*gatewayv1.Gateway))
	}
}

// newWriter is a Writer of the server, and its outcomes counted.
func newWriter(s *server) (*Writer, *outcomes) {
	seen := &outcomes{count: map[string]int{}}
	return New(Options{Client: s, Lookup: s.lookup, Log: slog.New(slog.DiscardHandler), Observe: seen.observe}), seen
}

type outcomes struct {
	mu    sync.Mutex
	count map[string]int
}

func (o *outcomes) observe(_, outcome string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count[outcome]++
}

func (o *outcomes) of(outcome string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count[outcome]
}

// lead makes w lead until the returned function is called.
func lead(t *testing.T, w *Writer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var leading sync.WaitGroup
	leading.Go(func() { w.Lead(ctx) })
	return func() { cancel(); leading.Wait() }
}

func proxyKey(name string) kobj.Key { return kobj.Of(kobj.HTTPProxy, "default", name) }

// valid is a desired status with a description.
func valid(k kobj.Key, generation int64, description string) *status.Desired {
	c := contourv1.DetailedCondition{}
	c.Type, c.Status, c.Reason, c.Message, c.ObservedGeneration = "Valid", contourv1.ConditionTrue, "Valid", description, generation
	return &status.Desired{Key: k, Generation: generation, Status: &contourv1.HTTPProxyStatus{
		CurrentStatus: httpproxy.StatusValid, Description: description, Conditions: []contourv1.DetailedCondition{c},
	}}
}
