package kind

import (
	"reflect"
	"sync"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// shared finds what is equal in many HTTPProxies, so that it is in memory once: the namespace, conditions that are
// nothing but a prefix, services that are nothing but a name and a port, and the status that one controller writes to
// object after object.
type shared struct {
	mu       sync.Mutex
	last     contourv1.HTTPProxyStatus // of the object seen before
	prefixes map[string][]contourv1.MatchCondition
	services map[nameAndPort][]contourv1.Service
}

type nameAndPort struct {
	name string
	port int
}

// maxShared bounds how many values of one sort are remembered; when there are more, remembering starts anew.
const maxShared = 8192

// replace puts shared copies into an object that nobody else has seen.
func (s *shared) replace(o metav1.Object) {
	p, ok := o.(*contourv1.HTTPProxy)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Namespace = once(p.Namespace)
	for i := range p.Spec.Routes {
		s.replaceRoute(&p.Spec.Routes[i])
	}
	s.replaceStatus(&p.Status)
}

func (s *shared) replaceRoute(r *contourv1.Route) {
	if c := r.Conditions; len(c) == 1 && c[0] == (contourv1.MatchCondition{Prefix: c[0].Prefix}) {
		r.Conditions = remembered(&s.prefixes, c[0].Prefix, c)
	}
	if to := r.Services; len(to) == 1 && reflect.DeepEqual(to[0], contourv1.Service{Name: to[0].Name, Port: to[0].Port}) {
		r.Services = remembered(&s.services, nameAndPort{to[0].Name, to[0].Port}, to)
	}
}

func (s *shared) replaceStatus(st *contourv1.HTTPProxyStatus) {
	st.CurrentStatus, st.Description = once(st.CurrentStatus), once(st.Description)
	for i := range st.Conditions {
		c := &st.Conditions[i]
		c.Type, c.Status, c.Reason, c.Message = once(c.Type), once(c.Status), once(c.Reason), once(c.Message)
	}
	if reflect.DeepEqual(st.LoadBalancer, s.last.LoadBalancer) {
		st.LoadBalancer = s.last.LoadBalancer
	}
	if reflect.DeepEqual(st.Conditions, s.last.Conditions) {
		st.Conditions = s.last.Conditions
	}
	s.last = *st
}

// remembered is the value that was first seen for k.
func remembered[K comparable, V any](known *map[K]V, k K, v V) V {
	if first, ok := (*known)[k]; ok {
		return first
	}
	if *known == nil || len(*known) >= maxShared {
		*known = map[K]V{}
	}
	(*known)[k] = v
	return v
}

// once is the same text, in memory once for all who have it.
func once[S ~string](text S) S { return unique.Make(text).Value() }
