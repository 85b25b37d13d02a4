package kind

import (
	"reflect"
	"sync"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// shared contains values that are equal in many HTTPProxies, so that they are in memory once: the namespace, conditions
// with only a prefix, services with only a name and a port, and statuses, which one controller writes.
type shared struct {
	mu       sync.Mutex
	last     contourv1.HTTPProxyStatus // of the previous object
	prefixes map[string][]contourv1.MatchCondition
	services map[nameAndPort][]contourv1.Service
}

type nameAndPort struct {
	name string
	port int
}

// maxShared is the maximum size of each map; a map that exceeds it is replaced by an empty one.
const maxShared = 8192

// replace replaces parts of an object by shared copies. No other goroutine may use the object.
func (s *shared) replace(o metav1.Object) {
	p, ok := o.(*contourv1.HTTPProxy)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Namespace = intern(p.Namespace)
	for i := range p.Spec.Routes {
		s.replaceRoute(&p.Spec.Routes[i])
	}
	s.replaceStatus(&p.Status)
}

func (s *shared) replaceRoute(r *contourv1.Route) {
	if c := r.Conditions; len(c) == 1 && c[0] == (contourv1.MatchCondition{Prefix: c[0].Prefix}) {
		r.Conditions = first(&s.prefixes, c[0].Prefix, c)
	}
	if to := r.Services; len(to) == 1 && reflect.DeepEqual(to[0], contourv1.Service{Name: to[0].Name, Port: to[0].Port}) {
		r.Services = first(&s.services, nameAndPort{to[0].Name, to[0].Port}, to)
	}
}

func (s *shared) replaceStatus(st *contourv1.HTTPProxyStatus) {
	st.CurrentStatus, st.Description = intern(st.CurrentStatus), intern(st.Description)
	for i := range st.Conditions {
		c := &st.Conditions[i]
		c.Type, c.Status, c.Reason, c.Message = intern(c.Type), intern(c.Status), intern(c.Reason), intern(c.Message)
	}
	if reflect.DeepEqual(st.LoadBalancer, s.last.LoadBalancer) {
		st.LoadBalancer = s.last.LoadBalancer
	}
	if reflect.DeepEqual(st.Conditions, s.last.Conditions) {
		st.Conditions = s.last.Conditions
	}
	s.last = *st
}

// first returns the first value that was passed for k.
func first[K comparable, V any](values *map[K]V, k K, v V) V {
	if known, ok := (*values)[k]; ok {
		return known
	}
	if *values == nil || len(*values) >= maxShared {
		*values = map[K]V{}
	}
	(*values)[k] = v
	return v
}

// intern returns an equal string that is in memory once.
func intern[S ~string](text S) S { return unique.Make(text).Value() }
