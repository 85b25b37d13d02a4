package server

import (
	"time"

	"google.golang.org/grpc"
)

// Bounds of one connection. An Envoy has one, with one stream.
const (
	maxStreams       = 8
	receiveWindow    = 256 << 10 // bytes that a client may send before the server reads them, by stream and by connection
	readBuffer       = 8 << 10
	maxHeaderBytes   = 16 << 10
	handshakeTimeout = 20 * time.Second
)

// GRPCOptions returns the options of a gRPC server that serves many Envoys: responses from shared bytes, and
// connections with small buffers. A server without them works, with more memory
// and time, and ends the stream of an Envoy of which a client asks for a name that is not UTF-8.
func GRPCOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.StaticStreamWindowSize(receiveWindow),
		grpc.StaticConnWindowSize(receiveWindow),
		grpc.ReadBufferSize(readBuffer),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
	}
}
