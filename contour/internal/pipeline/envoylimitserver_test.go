//go:build envoy

package pipeline_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	"google.golang.org/grpc"

	"contour.example/contour/internal/semantic"
)

// limitServer is the rate limit service of the model.
type limitServer struct {
	ratelimitv3.UnimplementedRateLimitServiceServer
	port  int
	delay atomic.Int64 // nanoseconds before it answers
	asked atomic.Int64
}

func (s *limitServer) ShouldRateLimit(_ context.Context, r *ratelimitv3.RateLimitRequest) (*ratelimitv3.RateLimitResponse, error) {
	s.asked.Add(1)
	time.Sleep(time.Duration(s.delay.Load()))
	out := &ratelimitv3.RateLimitResponse{OverallCode: ratelimitv3.RateLimitResponse_OK}
	var all []string
	for _, d := range r.GetDescriptors() {
		status := &ratelimitv3.RateLimitResponse_DescriptorStatus{Code: ratelimitv3.RateLimitResponse_OK}
		var entries []string
		for _, e := range d.GetEntries() {
			entries = append(entries, e.GetKey()+"="+e.GetValue())
			if e.GetValue() == semantic.OverLimit {
				out.OverallCode, status.Code = ratelimitv3.RateLimitResponse_OVER_LIMIT, ratelimitv3.RateLimitResponse_OVER_LIMIT
			}
		}
		all, out.Statuses = append(all, strings.Join(entries, ",")), append(out.GetStatuses(), status)
	}
	out.RequestHeadersToAdd = []*corev3.HeaderValue{{Key: semantic.LimitsHeader, Value: semantic.Limits(r.GetDomain(), all)}}
	return out, nil
}

func startLimitServer(t *testing.T) *limitServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, g := &limitServer{port: l.Addr().(*net.TCPAddr).Port}, grpc.NewServer()
	t.Cleanup(g.Stop)
	ratelimitv3.RegisterRateLimitServiceServer(g, s)
	go func() { _ = g.Serve(l) }()
	return s
}
