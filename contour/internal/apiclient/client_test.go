package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"contour.example/contour/internal/api/apiv1"
)

// controller is the API of a controller: a list of 7 items in pages of 3.
func controller(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/changes":
			from := 0
			_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &from)
			list := apiv1.List[apiv1.Change]{Type: apiv1.TypeOf("ChangeList"), Page: &apiv1.Page{Changed: from == 3}}
			for i := from; i < min(from+3, 7); i++ {
				list.Items = append(list.Items, apiv1.Change{ID: uint64(i)})
			}
			if from+3 < 7 {
				list.Page.Continue = fmt.Sprint(from + 3)
			}
			_ = json.NewEncoder(w).Encode(list)
		case "/api/v1/info":
			w.WriteHeader(http.StatusServiceUnavailable) // without Retry-After
			_ = json.NewEncoder(w).Encode(apiv1.Error{Type: apiv1.TypeOf("Error"), Message: "not now"})
		case "/api/v1/envoys": // of another program, which answers anything
			_, _ = w.Write([]byte(`{"path":"/api/v1/envoys","kind":"EnvoyList"}`))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestPages(t *testing.T) {
	t.Parallel()
	c := At(strings.TrimPrefix(controller(t).URL, "http://"))
	t.Cleanup(c.Close)
	check(t, c)
	if _, err := Get[apiv1.Info](t.Context(), c, "info", nil); err == nil || err.Error() != "not now" {
		t.Errorf("%v", err)
	}
	if _, _, err := All[apiv1.Envoy](t.Context(), c, "envoys", nil, 0); err == nil || !strings.Contains(err.Error(), ErrOld.Error()) {
		t.Errorf("another program: %v", err)
	}
	if _, err := Get[apiv1.Info](t.Context(), c, "other", nil); err == nil || !strings.Contains(err.Error(), ErrOld.Error()) {
		t.Errorf("%v", err)
	}
	gone := At("127.0.0.1:1")
	_, err := Get[apiv1.Info](t.Context(), gone, "explain", url.Values{"url": {"http://a/?token=SECRET"}})
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
}

// A controller that is busy is asked again after the time that it names, a bounded number of times and for a bounded time.
func TestBusy(t *testing.T) {
	t.Parallel()
	busy, asked := 2, 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked <= busy {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = json.NewEncoder(w).Encode(apiv1.Error{Type: apiv1.TypeOf("Error"), Message: "busy"})
			return
		}
		_ = json.NewEncoder(w).Encode(apiv1.Info{Type: apiv1.TypeOf("Info"), Version: "v1"})
	}))
	t.Cleanup(s.Close)
	c := At(strings.TrimPrefix(s.URL, "http://"))
	var waited []time.Duration
	c.wait = func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }
	if info, err := Get[apiv1.Info](t.Context(), c, "info", nil); err != nil || info.Version != "v1" || len(waited) != 2 || waited[0] != maxWait {
		t.Errorf("%+v, %v, waited %v", info, err, waited)
	}
	busy, asked = maxRetries*2, 0
	if _, err := Get[apiv1.Info](t.Context(), c, "info", nil); err == nil || err.Error() != "busy" || asked != maxRetries+1 {
		t.Errorf("%v after %d requests", err, asked)
	}
	c.wait, asked = func(context.Context, time.Duration) error { return context.DeadlineExceeded }, 0
	if _, err := Get[apiv1.Info](t.Context(), c, "info", nil); err == nil || err.Error() != "busy" || asked != 1 {
		t.Errorf("when the time is over: %v after %d requests", err, asked)
	}
}

// check reads a list through a client.
func check(t *testing.T, c *Client) {
	t.Helper()
	items, changed, err := All[apiv1.Change](t.Context(), c, "changes", nil, 0)
	if err != nil || len(items) != 7 || items[6].ID != 6 || !changed {
		t.Errorf("%+v, %v, %v", items, changed, err)
	}
	if items, _, err := All[apiv1.Change](t.Context(), c, "changes", nil, 2); err != nil || len(items) != 3 {
		t.Errorf("%+v, %v", items, err)
	}
}

// cluster is an API server that lists pods, and forwards ports of them to a controller.
type cluster struct {
	t      *testing.T
	to     string // address of the controller
	pods   []corev1.Pod
	forbid bool

	mu        sync.Mutex
	forwarded []string // pods, and their ports
	requests  []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.requests = append(c.requests, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	switch {
	case c.forbid:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden})
	case strings.HasSuffix(r.URL.Path, "/pods"):
		if got := r.URL.Query().Get("labelSelector"); got != "app=contour" {
			c.t.Errorf("labels %s", got)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: c.pods})
	case strings.HasSuffix(r.URL.Path, "/portforward"):
		c.forward(w, r)
	default:
		http.NotFound(w, r)
	}
}

// forward speaks the protocol of the kubelet.
func (c *cluster) forward(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		c.t.Error(err)
		return
	}
	connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeData {
			c.mu.Lock()
			c.forwarded = append(c.forwarded, strings.Split(r.URL.Path, "/")[6]+":"+s.Headers().Get(corev1.PortHeader))
			c.mu.Unlock()
			go c.connect(s)
		} else {
			go func() { _ = s.Close() }()
		}
		return nil
	})
	if connection != nil {
		<-connection.CloseChan()
	}
}

func (c *cluster) connect(s httpstream.Stream) {
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.to)
	if err != nil {
		c.t.Error(err)
		return
	}
	go func() {
		_, _ = io.Copy(to, s)
		_ = to.Close()
	}()
	_, _ = io.Copy(s, to)
	_ = s.Close()
}

func (c *cluster) kubeconfig() string {
	c.t.Helper()
	s := httptest.NewServer(c)
	c.t.Cleanup(s.CloseClientConnections)
	path := filepath.Join(c.t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: other,
clusters: [{name: c, cluster: {server: %q}}, {name: none, cluster: {server: "http://127.0.0.1:1"}}],
contexts: [{name: this, context: {cluster: c}}, {name: other, context: {cluster: none}}]}`, s.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func pod(name string, phase corev1.PodPhase, ready corev1.ConditionStatus) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}, Status: corev1.PodStatus{
		Phase: phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}},
	}}
}

// The controllers of a cluster are those that run, the ready ones first; each is reached through a port of its own, with two kinds of requests.
func TestForward(t *testing.T) {
	t.Parallel()
	c := &cluster{t: t, to: strings.TrimPrefix(controller(t).URL, "http://"), pods: []corev1.Pod{
		pod("a-starts", corev1.PodRunning, corev1.ConditionFalse), pod("c", corev1.PodRunning, corev1.ConditionTrue),
		pod("b", corev1.PodRunning, corev1.ConditionTrue), pod("ended", corev1.PodSucceeded, corev1.ConditionFalse),
	}}
	at := Cluster{Kubeconfig: c.kubeconfig(), Context: "this", Namespace: "ns", Selector: "app=contour", Port: 6061}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	clients, err := Connect(ctx, at, true)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range clients {
		names = append(names, one.Name)
		check(t, one)
	}
	CloseAll(clients)
	if strings.Join(names, " ") != "b c a-starts" {
		t.Errorf("controllers %v", names)
	}
	first, err := Connect(ctx, at, false)
	if err != nil || len(first) != 1 || first[0].Name != "b" {
		t.Fatalf("%v, %v", first, err)
	}
	CloseAll(first)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.forwarded) == 0 || c.forwarded[0] != "b:6061" {
		t.Errorf("forwarded %v", c.forwarded)
	}
	for _, r := range c.requests {
		if r != "GET /api/v1/namespaces/ns/pods" && (!strings.HasPrefix(r, "POST /api/v1/namespaces/ns/pods/") || !strings.HasSuffix(r, "/portforward")) {
			t.Errorf("the Role contour-viewer does not permit %s", r)
		}
	}
}

// Of several controllers, those that cannot be reached return their errors, and the others answer; one is found if the first ones fail.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	forward := func(pod string) (*Client, error) {
		if strings.HasPrefix(pod, "bad") {
			return nil, fmt.Errorf("no %s", pod)
		}
		c := At("")
		c.Name = pod
		return c, nil
	}
	at := Cluster{Namespace: "ns"}
	clients, err := at.every([]string{"bad-1", "good", "bad-2"}, forward)
	if err != nil || len(clients) != 3 || clients[0].Name != "bad-1" || clients[1].Name != "good" || clients[1].fault != nil {
		t.Fatalf("%+v, %v", clients, err)
	}
	if _, err := Get[apiv1.Info](t.Context(), clients[0], "info", nil); err == nil || err.Error() != "controller bad-1: no bad-1" {
		t.Errorf("%v", err)
	}
	if _, err := at.every([]string{"bad-1", "bad-2"}, forward); err == nil || !strings.Contains(err.Error(), "pod ns/bad-2: no bad-2") {
		t.Errorf("%v", err)
	}
	if one, err := at.first([]string{"bad-1", "good", "other"}, forward); err != nil || len(one) != 1 || one[0].Name != "good" {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := at.first([]string{"bad-1", "bad-2"}, forward); err == nil {
		t.Error("no error")
	}
	many := make([]string, maxControllers+2)
	for i := range many {
		many[i] = fmt.Sprint("pod-", i)
	}
	if clients, err = at.every(many, forward); err != nil || len(clients) != len(many) || clients[maxControllers-1].fault != nil || clients[maxControllers].fault == nil {
		t.Errorf("%d clients, %v", len(clients), err)
	}
}

// Errors say what to do.
func TestNoController(t *testing.T) {
	t.Parallel()
	c := &cluster{t: t}
	at := Cluster{Kubeconfig: c.kubeconfig(), Context: "this", Namespace: "ns", Selector: "app=contour", Port: 6060}
	if _, err := Connect(t.Context(), at, true); err == nil || !strings.Contains(err.Error(), "--contour-namespace and --selector") {
		t.Errorf("%v", err)
	}
	c.forbid = true
	if _, err := Connect(t.Context(), at, true); err == nil || !strings.Contains(err.Error(), "contour-viewer") {
		t.Errorf("%v", err)
	}
	at.Context = "absent"
	if _, err := Connect(t.Context(), at, true); err == nil || !strings.Contains(err.Error(), "kubeconfig: ") {
		t.Errorf("%v", err)
	}
}
