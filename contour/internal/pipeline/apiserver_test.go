package pipeline_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// apiServer streams HTTPProxies, Services and EndpointSlices like an API server: every object as its own JSON, with the
// fields that API servers add. It stores no objects, so that all objects in memory are the controller's.
type apiServer struct {
	proxies int
	served  string // the status of the HTTPProxies
}

// Objects as an API server sends them, in one line each. The controller does not need most of their contents.
const (
	metaText = `"metadata":{"name":%q,"namespace":"bench","uid":"5a0c1d6e-%04d-4f0e-9d0c-%012d","resourceVersion":"%d","generation":1,` +
		`"creationTimestamp":"2026-11-23T10:00:00Z","managedFields":[{"manager":"bench","operation":"Update",` +
		`"apiVersion":"projectcontour.io/v1","time":"2026-11-23T10:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{".":{},` +
		`"f:routes":{},"f:virtualhost":{".":{},"f:fqdn":{}}}}}]%s}`

	proxyText = `{"type":"ADDED","object":{"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy",%s,"spec":{` +
		`"virtualhost":{"fqdn":"p-%d.bench.example"},"routes":[` +
		`{"conditions":[{"prefix":"/"}],"services":[{"name":"s-%d","port":80,"weight":0}]},` +
		`{"conditions":[{"prefix":"/b"}],"services":[{"name":"s-%d","port":80}]}]},"status":%s}}`

	servedText = `{"currentStatus":"valid","description":"Valid HTTPProxy","loadBalancer":{"ingress":[{"ip":"127.0.0.1"}]},` +
		`"conditions":[{"type":"Valid","status":"True","observedGeneration":1,"lastTransitionTime":"2026-11-23T10:00:01Z",` +
		`"reason":"Valid","message":"Valid HTTPProxy"}]}`

	serviceText = `{"type":"ADDED","object":{"apiVersion":"v1","kind":"Service",%s,"spec":{"ports":[{"protocol":"TCP","port":80,` +
		`"targetPort":8080}],"clusterIP":"10.96.0.%d","clusterIPs":["10.96.0.%d"],"type":"ClusterIP","sessionAffinity":"None",` +
		`"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","internalTrafficPolicy":"Cluster"},"status":{"loadBalancer":{}}}}`

	sliceText = `{"type":"ADDED","object":{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",%s,"addressType":"IPv4",` +
		`"endpoints":[{"addresses":["10.0.0.%d"],"conditions":{"ready":true,"serving":true,"terminating":false},"nodeName":"node-1"}],` +
		`"ports":[{"name":"","port":8080,"protocol":"TCP"}]}}`

	listedText = `{"type":"BOOKMARK","object":{"apiVersion":%q,"kind":%q,"metadata":{"resourceVersion":"1000000",` +
		`"annotations":{"k8s.io/initial-events-end":"true"}}}}`
)

// newAPIServer serves n HTTPProxies with two routes each and n/10 Services with a slice each.
func newAPIServer(tb testing.TB, n int) *rest.Config {
	tb.Helper()
	server := httptest.NewServer(&apiServer{proxies: n, served: servedText})
	tb.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return &rest.Config{Host: server.URL, QPS: -1}
}

func (s *apiServer) services() int { return max(1, s.proxies/10) }

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("sendInitialEvents") != "true" {
		http.Error(w, "lists are streamed here", http.StatusMethodNotAllowed)
		return
	}
	out := bufio.NewWriter(w)
	s.stream(out, r.URL.Path)
	out.Flush()
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// stream writes the objects of one kind and the bookmark after the last one.
func (s *apiServer) stream(w io.Writer, resource string) {
	version := strings.TrimPrefix(strings.TrimPrefix(path.Dir(resource), "/apis/"), "/api/")
	switch path.Base(resource) {
	case "httpproxies":
		for i := range s.proxies {
			first := i % s.services()
			fmt.Fprintf(w, proxyText+"\n", metaOf(fmt.Sprintf("p-%d", i), i, ""), i, first, first^1, s.served)
		}
	case "services":
		for i := range s.services() {
			fmt.Fprintf(w, serviceText+"\n", metaOf(fmt.Sprintf("s-%d", i), i, ""), i%250, i%250)
		}
	case "endpointslices":
		for i := range s.services() {
			labels := fmt.Sprintf(`,"labels":{"kubernetes.io/service-name":"s-%d","endpointslice.kubernetes.io/managed-by":"bench"}`, i)
			fmt.Fprintf(w, sliceText+"\n", metaOf(fmt.Sprintf("s-%d-abcde", i), i, labels), i%250)
		}
	}
	fmt.Fprintf(w, listedText+"\n", version, kindOfResource(path.Base(resource)))
}

// kindOfResource returns the kind of a resource, as in its path.
func kindOfResource(resource string) kobj.Kind {
	for _, k := range kind.All() {
		if k.Resource == resource {
			return k.Kind
		}
	}
	return ""
}

func metaOf(name string, i int, more string) string {
	return fmt.Sprintf(metaText, name, i%10000, i, i+1000, more)
}
