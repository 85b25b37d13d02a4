package target

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
contour_status_update_success_total{kind="HTTPProxy"} 14
contour_status_update_noop_total{kind="HTTPProxy"} 9
go_goroutines 17
`

func TestUsage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }))
	t.Cleanup(server.Close)
	target := Target{Controller: Controller{MetricsURL: server.URL}}
	want := Usage{Derivations: 7, XDSPayload: 2.5, StatusWrites: 5, XDSResources: 0}
	if diff := cmp.Diff(want, target.Used(t.Context())); diff != "" {
		t.Error(diff)
	}
}

// Another controller has a metrics page without our metrics, but for those of Contour.
func TestUsageOfOthers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "go_goroutines 17\ncontour_status_update_success_total{kind=\"HTTPProxy\"} 14\n")
	}))
	t.Cleanup(server.Close)
	for _, url := range []string{server.URL, server.URL + "/%zz", ""} {
		target := Target{EnvoyPID: -1, Controller: Controller{PID: os.Getpid(), MetricsURL: url}}
		got := target.Used(t.Context())
		if _, ok := got[ControllerCPU]; !ok || len(got) != 1 {
			t.Errorf("with %q: got %v, want CPU of the controller only", url, got)
		}
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	got := Usage{ControllerCPU: 5, XDSPayload: 7, EnvoyCPU: 1}.Since(Usage{ControllerCPU: 2, XDSPayload: 7, Derivations: 3})
	if diff := cmp.Diff(Usage{ControllerCPU: 3, XDSPayload: 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOfNew(t *testing.T) {
	t.Parallel()
	before := Usage{EnvoyCPU: 5, XDSBytes: 7}
	after := Usage{ControllerCPU: 3, EnvoyCPU: 6, XDSBytes: 9}
	if diff := cmp.Diff(Usage{ControllerCPU: 3, EnvoyCPU: 1, XDSBytes: 2}, after.Since(before.OfNewController())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Usage{EnvoyCPU: 6, XDSBytes: 2}, after.Since(before.OfNewEnvoy())); diff != "" {
		t.Error(diff)
	}
}
