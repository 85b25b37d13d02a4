package statuswriter

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// request is what an API server is asked.
type request struct{ Method, Path, Query, ContentType, Body string }

// served is that of an API server with older CRDs.
func served() kind.Served {
	return kind.Served{kobj.Gateway: "v1", kobj.TLSRoute: "v1alpha2", kobj.ListenerSet: ""}
}

// listen answers every request with the given status and body, and notes it.
func listen(t *testing.T, code int, answer string) (*API, *[]request) {
	t.Helper()
	var seen []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, request{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type"), string(body)})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	api, err := NewAPI(&rest.Config{Host: server.URL, QPS: 1, Burst: 1}, served)
	if err != nil {
		t.Fatal(err)
	}
	return api, &seen
}

// written is the answer to a write.
const written = `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",
	"metadata":{"name":"a","namespace":"default","resourceVersion":"7","generation":3}}`

func TestPatchStatusPatchesTheSubresource(t *testing.T) {
	api, seen := listen(t, http.StatusOK, written)
	for _, kind := range []kobj.Kind{kobj.HTTPProxy, kobj.Ingress} {
		version, err := api.PatchStatus(t.Context(), kobj.Of(kind, "default", "a"), []byte(`{"status":{}}`))
		if want := (Version{ResourceVersion: "7", Generation: 3}); err != nil || version != want {
			t.Errorf("%s: version %+v, error %v", kind, version, err)
		}
	}
	if _, err := api.PatchStatus(t.Context(), kobj.Of(kobj.Service, "default", "a"), nil); err == nil {
		t.Error("the status of a Service was written")
	}
	want := []request{{
		"PATCH", "/apis/projectcontour.io/v1/namespaces/default/httpproxies/a/status", "fieldManager=contour",
		"application/merge-patch+json", `{"status":{}}`,
	}, {
		"PATCH", "/apis/networking.k8s.io/v1/namespaces/default/ingresses/a/status", "fieldManager=contour",
		"application/merge-patch+json", `{"status":{}}`,
	}}
	if diff := cmp.Diff(want, *seen); diff != "" {
		t.Error(diff)
	}
}

// A status is written in the version that is served.
func TestVersionOfAStatus(t *testing.T) {
	api, seen := listen(t, http.StatusOK, written)
	var paths []string
	for _, k := range []kobj.Kind{kobj.Gateway, kobj.TLSRoute, kobj.ListenerSet, kobj.HTTPRoute} {
		if _, err := api.PatchStatus(t.Context(), kobj.Of(k, "default", "a"), []byte(`{"status":{}}`)); err != nil {
			t.Error(err)
		}
		paths = append(paths, (*seen)[len(*seen)-1].Path)
	}
	const prefix = "/apis/gateway.networking.k8s.io/"
	want := []string{
		prefix + "v1/namespaces/default/gateways/a/status", prefix + "v1alpha2/namespaces/default/tlsroutes/a/status",
		prefix + "v1/namespaces/default/listenersets/a/status", prefix + "v1/namespaces/default/httproutes/a/status",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestErrorsAreThoseOfTheAPIServer(t *testing.T) {
	api, seen := listen(t, http.StatusConflict, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","code":409}`)
	_, err := api.PatchStatus(t.Context(), kobj.Of(kobj.Ingress, "default", "a"), []byte(`{}`))
	if !apierrors.IsConflict(err) {
		t.Errorf("error %v, want a conflict", err)
	}
	if got := (*seen)[0].Path; got != "/apis/networking.k8s.io/v1/namespaces/default/ingresses/a/status" {
		t.Errorf("path %q", got)
	}
}

func TestManyWritesAreNotThrottledByTheClient(t *testing.T) {
	api, seen := listen(t, http.StatusOK, written)
	start := time.Now()
	for range 50 { // half a minute and more at the rate of the configuration
		if _, err := api.PatchStatus(t.Context(), kobj.Of(kobj.Ingress, "default", "a"), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); len(*seen) != 50 || took > 20*time.Second {
		t.Errorf("%d requests in %v", len(*seen), took)
	}
}

func TestCreateEvent(t *testing.T) {
	api, seen := listen(t, http.StatusCreated, `{"apiVersion":"events.k8s.io/v1","kind":"Event"}`)
	err := api.CreateEvent(t.Context(), Event{
		Name: "a.0123", Regarding: kobj.Of(kobj.Ingress, "default", "a"), UID: "u", ResourceVersion: "3",
		Reason: "PathNotValid", Note: "spec: Bad.", Time: time.Unix(1_700_000_000, 0), Instance: "contour-0",
	})
	if err != nil {
		t.Fatal(err)
	}
	var e eventsv1.Event
	if err := json.Unmarshal([]byte((*seen)[0].Body), &e); err != nil {
		t.Fatal(err)
	}
	if got := (*seen)[0].Path; got != "/apis/events.k8s.io/v1/namespaces/default/events" {
		t.Errorf("path %q", got)
	}
	got := []string{e.Name, e.Namespace, e.Type, e.Reason, e.Note, e.Action, e.ReportingController, e.ReportingInstance, e.Regarding.Kind, string(e.Regarding.UID)}
	want := []string{"a.0123", "default", "Warning", "PathNotValid", "spec: Bad.", "Reconcile", "projectcontour.io/contour", "contour-0", "Ingress", "u"}
	if diff := cmp.Diff(want, got); diff != "" || e.EventTime.IsZero() {
		t.Error(diff, e.EventTime)
	}
}
