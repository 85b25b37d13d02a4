package kube

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
)

// object is an object as JSON.
type object map[string]any

func (o object) meta() map[string]any { return o["metadata"].(map[string]any) }

// apiServer is an API server in memory that supports only list and watch.
type apiServer struct {
	mu       sync.Mutex
	changed  *sync.Cond
	version  int
	kinds    map[string]string // by path of the resource, without namespace
	objects  map[string]object // by path of the resource, then namespace/name
	log      []event
	absent   map[string]bool          // groups not served
	gate     map[string]chan struct{} // by resource: responses wait until it is closed
	requests []string
	oldest   int // first version from which a watch may start
	closed   bool
}

type event struct {
	version  int
	resource string
	body     object // type and object
}

// newAPIServer serves the kinds that a Source watches.
func newAPIServer(t *testing.T) (*apiServer, *rest.Config) {
	t.Helper()
	s := unreachableAPIServer()
	server := httptest.NewServer(s)
	t.Cleanup(func() { s.close(); server.Close() })
	return s, &rest.Config{Host: server.URL, QPS: -1}
}

func unreachableAPIServer() *apiServer {
	s := &apiServer{objects: map[string]object{}, absent: map[string]bool{}, gate: map[string]chan struct{}{}, version: 1}
	s.changed = sync.NewCond(&s.mu)
	s.kinds = map[string]string{}
	for _, k := range kind.All() {
		s.kinds[resourcePath(k)] = string(k.Kind)
	}
	return s
}

// close ends all watches.
func (s *apiServer) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.changed.Broadcast()
}

func resourcePath(k kind.Descriptor) string {
	if k.GroupVersion.Group == "" {
		return "/api/v1/" + k.Resource
	}
	return "/apis/" + k.GroupVersion.String() + "/" + k.Resource
}

// put creates or replaces an object; nil fields delete it.
func (s *apiServer) put(kindName, namespace, name string, fields object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	path := s.pathOf(kindName)
	key := path + " " + namespace + "/" + name
	was, existed := s.objects[key]
	if fields == nil {
		delete(s.objects, key)
		s.append(path, "DELETED", was)
		return
	}
	o := object{"apiVersion": apiVersionOf(path), "kind": kindName}
	for k, v := range fields {
		o[k] = v
	}
	o["metadata"] = map[string]any{"namespace": namespace, "name": name, "resourceVersion": strconv.Itoa(s.version), "uid": key}
	s.objects[key] = o
	if existed {
		s.append(path, "MODIFIED", o)
	} else {
		s.append(path, "ADDED", o)
	}
}

func resourceOf(path string) string { return path[strings.LastIndex(path, "/")+1:] }

func apiVersionOf(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(path, "/"+resourceOf(path)), "/apis/"), "/api/")
}

func (s *apiServer) pathOf(kindName string) string {
	for p, k := range s.kinds {
		if k == kindName {
			return p
		}
	}
	panic(kindName)
}

func (s *apiServer) append(path, eventType string, o object) {
	s.log = append(s.log, event{s.version, path, object{"type": eventType, "object": o}})
	s.changed.Broadcast()
}

// hide sets whether a group is absent.
func (s *apiServer) hide(group string, absent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.absent[group] = absent
}

// compact expires all versions before the present one.
func (s *apiServer) compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldest = s.version
}

// block delays the responses for a resource until the returned function is called.
func (s *apiServer) block(resource string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate[resource] = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (s *apiServer) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, namespace := r.URL.Path, ""
	if before, rest, ok := strings.Cut(path, "/namespaces/"); ok {
		ns, resource, _ := strings.Cut(rest, "/")
		path, namespace = before+"/"+resource, ns
	}
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.Path+"?"+r.URL.Query().Get("fieldSelector"))
	gate, kindName := s.gate[resourceOf(path)], s.kinds[path]
	hidden := slices.ContainsFunc(strings.Split(path, "/"), func(p string) bool { return s.absent[p] })
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case hidden || kindName == "":
		failure(w, http.StatusNotFound, "NotFound")
	case r.URL.Query().Get("watch") == "true":
		s.watch(w, r, path, namespace)
	default:
		s.list(w, path, namespace)
	}
}

func failure(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})
}

func (s *apiServer) list(w http.ResponseWriter, path, namespace string) {
	s.mu.Lock()
	items := s.in(path, namespace)
	version := s.version
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(object{
		"kind": s.kinds[path] + "List", "apiVersion": apiVersionOf(path), "items": items,
		"metadata": map[string]any{"resourceVersion": strconv.Itoa(version)},
	})
}

func (s *apiServer) in(path, namespace string) []object {
	items := []object{}
	for key, o := range s.objects {
		if strings.HasPrefix(key, path+" ") && (namespace == "" || o.meta()["namespace"] == namespace) {
			items = append(items, o)
		}
	}
	return items
}

// watch does not support streaming of the initial list: clients fall back to a list.
func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, path, namespace string) {
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		failure(w, http.StatusBadRequest, "BadRequest")
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	s.mu.Lock()
	expired := from < s.oldest
	s.mu.Unlock()
	if expired {
		failure(w, http.StatusGone, "Expired")
		return
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.Context().Done():
			s.changed.Broadcast()
		case <-stop:
		}
	}()
	w.(http.Flusher).Flush()
	for {
		events, ok := s.next(r, path, namespace, &from)
		if !ok {
			return
		}
		for _, e := range events {
			_ = json.NewEncoder(w).Encode(e)
		}
		w.(http.Flusher).Flush()
	}
}

// next waits for events after the version from.
func (s *apiServer) next(r *http.Request, path, namespace string, from *int) ([]object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.closed || r.Context().Err() != nil {
			return nil, false
		}
		var events []object
		for _, e := range s.log {
			if e.version > *from && e.resource == path && (namespace == "" || e.body["object"].(object).meta()["namespace"] == namespace) {
				events = append(events, e.body)
			}
		}
		*from = s.version
		if len(events) > 0 {
			return events, true
		}
		s.changed.Wait()
	}
}
