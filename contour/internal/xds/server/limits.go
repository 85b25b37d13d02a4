package server

import (
	"time"

	"google.golang.org/grpc"
)

// Bounds of one connection. An Envoy has one, with one stream.
const (
	maxStreams       = 8
	receiveWindow    = 256 << 10 // bytes that a client may send ahead of being read, by stream and in all
	readBuffer       = 8 << 10
	maxHeaderBytes   = 16 << 10
	handshakeTimeout = 20 * time.Second
)

// GRPCOptions are what a gRPC server needs to serve many Envoys: responses from shared bytes, and
// connections that keep little while idle. A server without them serves too, for more memory
// and time.
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
