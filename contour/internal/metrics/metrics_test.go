package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"contour.example/contour/internal/kobj"
)

// lines are the samples of the families with a prefix, without the quantiles of summaries; "TYPE name type" for each family.
func lines(t *testing.T, m *Metrics, prefix string) (lines []string) {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), prefix) {
			continue
		}
		lines = append(lines, "TYPE "+f.GetName()+" "+strings.ToLower(f.GetType().String()))
		for _, one := range f.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := one.GetGauge().GetValue() + one.GetCounter().GetValue() + float64(one.GetSummary().GetSampleCount())
			lines = append(lines, fmt.Sprintf("%s{%s} %v", f.GetName(), strings.Join(labels, ","), value))
		}
	}
	slices.Sort(lines)
	return lines
}

// Every metric of Contour exists with its name, its type and its labels, once something has happened.
func TestMetricsOfContour(t *testing.T) {
	t.Parallel()
	m := New(Options{Version: "v", Revision: "r", PerHost: true})
	m.Batch(Batch{Ended: time.Unix(5, 0), Took: time.Second, ObjectsByKind: map[kobj.Kind]int{kobj.Secret: 3}})
	m.Operation("Secret", "add")
	m.Proxy(nil, &Proxy{Namespace: "n", Root: true, Host: "a", Status: "valid"})
	m.Proxy(nil, &Proxy{Namespace: "n", Root: true, Host: "b", Status: "invalid"})
	m.Proxy(nil, &Proxy{Namespace: "n", Status: "orphaned"})
	for _, outcome := range []string{"success", "noop", "failed", "conflict"} {
		m.StatusWrite("HTTPProxy", outcome, time.Second)
	}
	got := lines(t, m, "contour_")
	for _, want := range []string{
		"TYPE contour_build_info gauge", "contour_build_info{branch=,revision=r,version=v} 1",
		"TYPE contour_cachehandler_onupdate_duration_seconds summary", "contour_cachehandler_onupdate_duration_seconds{} 1",
		"TYPE contour_dag_cache_object gauge", "contour_dag_cache_object{kind=Secret} 3",
		"TYPE contour_dagrebuild_seconds summary", "contour_dagrebuild_seconds{} 1",
		"TYPE contour_dagrebuild_timestamp gauge", "contour_dagrebuild_timestamp{} 5",
		"TYPE contour_dagrebuild_total counter", "contour_dagrebuild_total{} 1",
		"TYPE contour_eventhandler_operation_total counter", "contour_eventhandler_operation_total{kind=Secret,op=add} 1",
		"TYPE contour_httpproxy gauge", "contour_httpproxy{namespace=n} 3",
		"TYPE contour_httpproxy_invalid gauge", "contour_httpproxy_invalid{namespace=n,vhost=b} 1",
		"TYPE contour_httpproxy_orphaned gauge", "contour_httpproxy_orphaned{namespace=n} 1",
		"TYPE contour_httpproxy_root gauge", "contour_httpproxy_root{namespace=n} 2",
		"TYPE contour_httpproxy_valid gauge", "contour_httpproxy_valid{namespace=n,vhost=a} 1",
		"TYPE contour_status_update_total counter", "contour_status_update_total{kind=HTTPProxy} 3",
		"TYPE contour_status_update_success_total counter", "contour_status_update_success_total{kind=HTTPProxy} 2",
		"TYPE contour_status_update_noop_total counter", "contour_status_update_noop_total{kind=HTTPProxy} 1",
		"TYPE contour_status_update_failed_total counter", "contour_status_update_failed_total{kind=HTTPProxy} 1",
		"TYPE contour_status_update_conflict_total counter", "contour_status_update_conflict_total{kind=HTTPProxy} 1",
		"TYPE contour_status_update_duration_seconds summary",
		"contour_status_update_duration_seconds{error=false,kind=HTTPProxy} 2", "contour_status_update_duration_seconds{error=true,kind=HTTPProxy} 1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
}

// The number of series does not depend on the number of hosts, unless the operator wants it to, and what is gone leaves none.
func TestSeriesOfProxies(t *testing.T) {
	t.Parallel()
	for _, perHost := range []bool{false, true} {
		m := New(Options{PerHost: perHost})
		for i := range 1000 {
			m.Proxy(nil, &Proxy{Namespace: "n", Root: true, Host: fmt.Sprint(i), Status: "valid"})
		}
		want := 1
		if perHost {
			want = 1000
		}
		if n := len(lines(t, m, "contour_httpproxy_valid")) - 1; n != want {
			t.Errorf("per host %v: %d series", perHost, n)
		}
		for i := range 1000 {
			p := &Proxy{Namespace: "n", Root: true, Host: fmt.Sprint(i), Status: "valid"}
			invalid := *p
			invalid.Status = "invalid"
			m.Proxy(p, &invalid)
			m.Proxy(&invalid, nil)
		}
		if left := lines(t, m, "contour_httpproxy"); len(left) > 0 {
			t.Errorf("per host %v: left: %v", perHost, left)
		}
	}
}

// A host that is no hostname is not the reason that nothing can be read.
func TestHostsOfProxiesAreCut(t *testing.T) {
	t.Parallel()
	m := New(Options{PerHost: true})
	m.Proxy(nil, &Proxy{Namespace: "n", Host: "\xff" + strings.Repeat("a", 1<<20), Status: "invalid"})
	want := []string{"TYPE contour_httpproxy_invalid gauge", "contour_httpproxy_invalid{namespace=n,vhost=" + strings.Repeat("a", 252) + "} 1"}
	slices.Sort(want)
	if diff := cmp.Diff(want, lines(t, m, "contour_httpproxy_invalid")); diff != "" {
		t.Error(diff)
	}
}

// Control characters, in a host of an invalid HTTPProxy or in the id of a client, reach no reader of metrics; clients whose ids differ in
// these only have one series, with the sum.
func TestLabelsArePrintable(t *testing.T) {
	t.Parallel()
	m := New(Options{PerHost: true})
	m.Proxy(nil, &Proxy{Namespace: "n", Host: "a\x00b\x1b[2Kc\u202ed\xff", Status: "invalid"})
	m.Disagreements(map[string]int{"envoy\x00": 1, "envoy\x01": 2})
	for prefix, want := range map[string]string{
		"contour_httpproxy_invalid": "contour_httpproxy_invalid{namespace=n,vhost=a\ufffdb\ufffd[2Kc\ufffdd} 1",
		"contour_xds_disagreements": "contour_xds_disagreements{node=envoy\ufffd} 3",
	} {
		if got := lines(t, m, prefix); !slices.Contains(got, want) || len(got) != 2 {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The ends of certificates are those at the time when they are read, and there are none of files that cannot be read.
func TestEndsOfCertificates(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	ends := map[string]time.Time{"server": time.Unix(7, 0)}
	m.Certificates(func() map[string]time.Time { return ends })
	for _, want := range []string{"contour_xds_certificate_not_after_timestamp_seconds{certificate=server} 7", ""} {
		got := lines(t, m, "contour_xds_certificate")
		if slices.Contains(got, want) != (want != "") || want == "" && len(got) > 0 {
			t.Errorf("%q, want %q", got, want)
		}
		ends = nil
	}
}

type fakeStream struct {
	grpc.ServerStream
	fails bool
}

func (s *fakeStream) Context() context.Context { return context.TODO() }

func (s *fakeStream) RecvMsg(any) error {
	if s.fails {
		return errors.New("gone")
	}
	return nil
}

func (s *fakeStream) SendMsg(any) error { return s.RecvMsg(nil) }

func TestCalls(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	info := &grpc.StreamServerInfo{FullMethod: "/s/M", IsClientStream: true, IsServerStream: true}
	stream := &fakeStream{}
	_ = m.CountCalls()(nil, stream, info, func(_ any, s grpc.ServerStream) error {
		_, _, _ = s.RecvMsg(nil), s.SendMsg(nil), s.SendMsg(nil)
		stream.fails = true
		_, _ = s.RecvMsg(nil), s.SendMsg(nil)
		return status.Error(codes.Unavailable, "")
	})
	const labels = "grpc_method=M,grpc_service=s,grpc_type=bidi_stream"
	want := []string{
		"TYPE grpc_server_handled_total counter", "TYPE grpc_server_msg_received_total counter",
		"TYPE grpc_server_msg_sent_total counter", "TYPE grpc_server_started_total counter",
		"grpc_server_handled_total{grpc_code=Unavailable," + labels + "} 1",
		"grpc_server_msg_received_total{" + labels + "} 1",
		"grpc_server_msg_sent_total{" + labels + "} 2",
		"grpc_server_started_total{" + labels + "} 1",
	}
	if diff := cmp.Diff(want, lines(t, m, "grpc_server")); diff != "" {
		t.Error(diff)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	server := httptest.NewServer(http.NotFoundHandler())
	client := &http.Client{Transport: m.CountRequests(http.DefaultTransport)}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if response, err := client.Do(request); err == nil {
			_ = response.Body.Close()
		}
		server.Close()
	}
	want := []string{
		"TYPE rest_client_requests_total counter",
		"rest_client_requests_total{code=404,host=" + request.URL.Host + ",method=PATCH} 1",
		"rest_client_requests_total{code=<error>,host=" + request.URL.Host + ",method=PATCH} 1",
	}
	if diff := cmp.Diff(want, lines(t, m, "rest_client")); diff != "" {
		t.Error(diff)
	}
}
