package debug_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/debug"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/server"
)

// controller is a pipeline with n proxies, and its pages.
type controller struct {
	t        *testing.T
	pipeline *pipeline.Pipeline
	fleets   *fleet.Tables
	mux      *http.ServeMux
}

func start(t *testing.T, n int, inspect func(p *pipeline.Pipeline) func(context.Context, func(debug.View)) bool) *controller {
	t.Helper()
	c := &controller{t: t, fleets: fleet.New(nil), mux: http.NewServeMux()}
	c.pipeline = pipeline.New(pipeline.Options{Config: config.Default(), Fleets: c.fleets, Log: slog.New(slog.DiscardHandler), Now: stagetest.Now})
	batch := []store.Change{{Key: key(kobj.Service, "s"), Object: &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "s"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}}}
	for i := range n {
		batch = append(batch, proxy(i, "/"))
	}
	c.pipeline.Step(batch)
	s := server.New(server.Options{Fleet: c.fleets.Get})
	debug.Register(c.mux, debug.Sources{Inspect: inspect(c.pipeline), Fleets: c.fleets, Sessions: s.Sessions, Acked: s.Acked})
	return c
}

func key(k kobj.Kind, name string) kobj.Key {
	return kobj.Key{Kind: k, Name: kobj.Name{Namespace: "team", Name: name}}
}

func proxy(i int, prefix string) store.Change {
	name := fmt.Sprintf("p%05d", i)
	return store.Change{Key: key(kobj.HTTPProxy, name), Object: &contourv1.HTTPProxy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, Generation: 1},
		Spec: contourv1.HTTPProxySpec{
			VirtualHost: &contourv1.VirtualHost{Fqdn: name + ".example.com"},
			Routes: []contourv1.Route{{
				Conditions: []contourv1.MatchCondition{{Prefix: prefix}},
				Services:   []contourv1.Service{{Name: "s", Port: 80}},
			}},
		},
	}}
}

func view(p *pipeline.Pipeline) debug.View {
	return debug.View{Store: p.Store, Compile: p.Compile, Status: p.Status, Stats: p.Stats}
}

// get returns the text of a page, and the path of its next part.
func (c *controller) get(path string) (text, next string) {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, httptest.NewRequestWithContext(c.t.Context(), http.MethodGet, path, http.NoBody))
	if w.Code != http.StatusOK {
		c.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	if link := w.Header().Get("Link"); link != "" {
		next = strings.TrimSuffix(strings.TrimPrefix(link, "<"), ">; rel=\"next\"")
	}
	return w.Body.String(), next
}

// lists are the pages of which each part is small.
func lists() []string {
	return []string{"/debug/ir", "/debug/dag", "/debug/report", "/debug/listeners", "/debug/chains", "/debug/xds"}
}

// What a page does between two batches does not grow with the number of objects, and is far from rendering them.
func TestPagesReadTheStagesInSmallSteps(t *testing.T) {
	const n, mostAllocations = 5_000, 16
	steps := 0
	c := start(t, n, func(p *pipeline.Pipeline) func(context.Context, func(debug.View)) bool {
		return func(_ context.Context, f func(debug.View)) bool {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f(view(p))
			runtime.ReadMemStats(&after)
			steps++
			if got := after.Mallocs - before.Mallocs; got > mostAllocations {
				t.Errorf("%d allocations while the pipeline waits, want at most %d", got, mostAllocations)
			}
			return true
		}
	})
	for _, page := range lists() {
		steps = 0
		c.get(page)
		if strings.HasSuffix(page, "ir") || strings.HasSuffix(page, "report") {
			if steps < n/1024 {
				t.Errorf("%s: %d steps for %d objects", page, steps, n)
			}
		}
	}
}

// The parts of a list are the list: in order, complete, and each entry once.
func TestPartsAreTheList(t *testing.T) {
	const n = 100
	c := start(t, n, inline)
	for _, page := range lists() {
		whole, more := c.get(page)
		if more != "" {
			t.Fatalf("%s: there is more than one part", page)
		}
		var all strings.Builder
		parts := 0
		for next := page + "?limit=7"; next != ""; parts++ {
			var text string
			text, next = c.get(next)
			all.WriteString(strings.Split(text, "# more: ")[0])
		}
		if page == "/debug/dag" { // each part is a graph
			continue
		}
		if d := cmp.Diff(whole, all.String()); d != "" {
			t.Errorf("%s (-whole +parts): %s", page, d)
		}
		if page != "/debug/listeners" && page != "/debug/chains" && parts < n/7 {
			t.Errorf("%s: %d parts", page, parts)
		}
	}
	text, _ := c.get("/debug/ir?match=p00042")
	var hosts map[string]any
	if err := yaml.Unmarshal([]byte(text), &hosts); err != nil || len(hosts) != 1 || hosts["ingress_http p00042.example.com"] == nil {
		t.Errorf("%v, %v", hosts, err)
	}
	versions, _ := c.get("/debug/xds?type=cds")
	if strings.Contains(versions, "LDS") || !strings.Contains(versions, "type: CDS") {
		t.Errorf("?type=cds: %s", versions)
	}
}

func inline(p *pipeline.Pipeline) func(context.Context, func(debug.View)) bool {
	return func(_ context.Context, f func(debug.View)) bool { f(view(p)); return true }
}

// A reader that takes nothing holds up neither the pipeline nor other readers, and only so many pages are made at a time.
func TestABlockedReaderDelaysNoEdit(t *testing.T) {
	c := start(t, 100, func(p *pipeline.Pipeline) func(context.Context, func(debug.View)) bool {
		return func(ctx context.Context, f func(debug.View)) bool {
			return p.Inspect(ctx, func(p *pipeline.Pipeline) { f(view(p)) })
		}
	})
	batches, done := make(chan []store.Change), make(chan pipeline.Result)
	go c.pipeline.Run(t.Context(), batches, nil, func(r pipeline.Result) { done <- r })
	release := make(chan struct{})
	var blocked []*blockedWriter
	for i := range 8 {
		w := &blockedWriter{writing: make(chan struct{}), release: release}
		blocked = append(blocked, w)
		page := lists()[i%len(lists())]
		go c.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody))
		wait(t, w.writing)
	}
	batches <- []store.Change{proxy(3, "/edited")}
	select {
	case r := <-done:
		if len(r.Hosts) != 1 {
			t.Errorf("%d hosts", len(r.Hosts))
		}
	case <-time.After(patience):
		t.Fatal("the edit waits for the readers")
	}
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/ir", http.NoBody))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("one more reader than there may be: %d", w.Code)
	}
	close(release)
	if slices.ContainsFunc(blocked, func(w *blockedWriter) bool { return w.code != 0 }) {
		t.Error("a page is an error")
	}
}

const patience = 20 * time.Second

func wait(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("no page is written")
	}
}

// blockedWriter is a client that does not read.
type blockedWriter struct {
	header  http.Header
	code    int
	writing chan struct{}
	release chan struct{}
}

func (w *blockedWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *blockedWriter) WriteHeader(code int) { w.code = code }

func (w *blockedWriter) Write(p []byte) (int, error) {
	close(w.writing)
	<-w.release
	return len(p), nil
}

// Key sets of JWT providers may be symmetric: whoever reads one can issue tokens.
func TestKeysOfProvidersAreNotShown(t *testing.T) {
	c := start(t, 1, inline)
	const secret = "c3ltbWV0cmljIGtleSBvZiAzMiBieXRlcyBvciBtb3Jl"
	bundle, err := certs.Generate(certs.Options{Namespace: "team", LifetimeDays: 10, Now: stagetest.Now()})
	if err != nil {
		t.Fatal(err)
	}
	pair := bundle.Secrets(certs.SecretOptions{Namespace: "team", Format: certs.Compact})[0]
	c.pipeline.Step([]store.Change{
		{Key: key(kobj.Secret, pair.Name), Object: pair},
		{Key: key(kobj.Secret, "keys"), Object: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "keys"},
			Data:       map[string][]byte{"jwks": fmt.Appendf(nil, `{"keys":[{"kty":"oct","alg":"HS256","k":%q}]}`, secret)},
		}},
		{Key: key(kobj.HTTPProxy, "p00000"), Object: withTokens(proxy(0, "/").Object.(*contourv1.HTTPProxy), pair.Name)},
	})
	for _, page := range []string{"/debug/ir", "/debug/xds?type=RDS&name=https/p00000.example.com", "/debug/report"} {
		text, _ := c.get(page)
		if strings.Contains(text, secret) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
			t.Errorf("%s shows the key: %s", page, text)
		}
		if strings.HasPrefix(page, "/debug/xds") && !strings.Contains(text, "[redacted]") {
			report, _ := c.get("/debug/report")
			t.Errorf("%s has no key: %s", page, report)
		}
	}
}

// withTokens adds TLS, and a JWT provider with keys in a Secret, to a proxy.
func withTokens(p *contourv1.HTTPProxy, certificate string) *contourv1.HTTPProxy {
	p.Spec.VirtualHost.TLS = &contourv1.TLS{SecretName: certificate}
	p.Spec.VirtualHost.JWTProviders = []contourv1.JWTProvider{{
		Name: "p", Default: true, Issuer: "issuer.example", LocalJWKS: &contourv1.LocalJWKS{SecretName: "keys", Key: "jwks"},
	}}
	p.Generation++
	return p
}
