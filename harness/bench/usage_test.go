package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = `# HELP contour_derivations_total Derivations run, by table.
contour_derivations_total{table="a"} 3
contour_derivations_total{table="b"} 4
contour_xds_sent_bytes_total{type="cds"} 2500
contour_status_update_total{kind="HTTPProxy",outcome="success"} 5
contour_status_update_total{kind="HTTPProxy",outcome="noop"} 9
go_goroutines 17
`

func TestUsage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }))
	t.Cleanup(server.Close)
	target := Target{Controller: Controller{MetricsURL: server.URL}}
	want := usage{derivations: 7, xdsBytes: 2.5, statusWrites: 5, xdsResources: 0}
	if diff := cmp.Diff(want, target.used(t.Context())); diff != "" {
		t.Error(diff)
	}
}

// A controller of somebody else has a metrics page without ours.
func TestUsageOfOthers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "go_goroutines 17\n")
	}))
	t.Cleanup(server.Close)
	for _, url := range []string{server.URL, server.URL + "/%zz", ""} {
		target := Target{EnvoyPID: -1, Controller: Controller{PID: os.Getpid(), MetricsURL: url}}
		got := target.used(t.Context())
		if _, ok := got[controllerCPU]; !ok || len(got) != 1 {
			t.Errorf("with %q: got %v, want CPU of the controller only", url, got)
		}
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	got := usage{controllerCPU: 5, xdsBytes: 7, envoyCPU: 1}.since(usage{controllerCPU: 2, xdsBytes: 7, derivations: 3})
	if diff := cmp.Diff(usage{controllerCPU: 3, xdsBytes: 0}, got); diff != "" {
		t.Error(diff)
	}
}
