package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// calls are the metrics of the gRPC server, under the names that gRPC servers in Go commonly have. The methods that exist bound
// their number.
type calls struct{ started, handled, received, sent *prometheus.CounterVec }

func (c *calls) register(m *Metrics) {
	labels := []string{"grpc_type", "grpc_service", "grpc_method"}
	c.started = m.counters("grpc_server_started_total", "Calls of the gRPC server that began.", labels...)
	c.handled = m.counters("grpc_server_handled_total", "Calls of the gRPC server that ended, by code.", append(labels, "grpc_code")...)
	c.received = m.counters("grpc_server_msg_received_total", "Messages that the gRPC server received.", labels...)
	c.sent = m.counters("grpc_server_msg_sent_total", "Messages that the gRPC server sent.", labels...)
}

// CountCalls returns an interceptor that counts the streams of a gRPC server and their messages.
func (m *Metrics) CountCalls() grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		service, method, _ := strings.Cut(strings.TrimPrefix(info.FullMethod, "/"), "/")
		labels := []string{streamType(info), service, method}
		m.calls.started.WithLabelValues(labels...).Inc()
		err := handle(srv, &countedStream{
			ServerStream: stream, received: m.calls.received.WithLabelValues(labels...), sent: m.calls.sent.WithLabelValues(labels...),
		})
		m.calls.handled.WithLabelValues(append(labels, status.Code(err).String())...).Inc()
		return err
	}
}

func streamType(info *grpc.StreamServerInfo) string {
	switch {
	case info.IsClientStream && info.IsServerStream:
		return "bidi_stream"
	case info.IsClientStream:
		return "client_stream"
	default:
		return "server_stream"
	}
}

type countedStream struct {
	grpc.ServerStream
	received, sent prometheus.Counter
}

// RecvMsg receives a message.
func (s *countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.received.Inc()
	}
	return err
}

// SendMsg sends a message.
func (s *countedStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.sent.Inc()
	}
	return err
}
