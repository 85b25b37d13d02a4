package server

import (
	"context"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/identity"
	"contour.example/contour/internal/xds/table"
)

// fleetField is the field of an Envoy's node metadata that may contain its fleet. The fleet of its
// certificate applies; a different one is rejected, so that an Envoy with the certificate of another fleet serves nothing.
const fleetField = "fleet"

// maxNodeID bounds the id of a node in bytes: each line of the log about the node contains it.
const maxNodeID = 1024

// admit returns the fleet of a client and its table. Errors have a gRPC status: Unavailable, after which Envoy retries,
// if the fleet does not exist; PermissionDenied and ResourceExhausted for an invalid client.
func (s *Server) admit(ctx context.Context, node *corev3.Node) (ir.Fleet, *table.Table, error) {
	if size := proto.Size(node); size > s.options.NodeBytes {
		return "", nil, status.Errorf(codes.ResourceExhausted, "the node description has %d bytes, more than %d", size, s.options.NodeBytes)
	}
	if size := len(node.GetId()); size > maxNodeID {
		return "", nil, status.Errorf(codes.ResourceExhausted, "the node id has %d bytes, more than %d", size, maxNodeID)
	}
	f, err := fleetOf(ctx)
	if err != nil {
		return "", nil, status.Error(codes.PermissionDenied, err.Error())
	}
	if claimed := node.GetMetadata().GetFields()[fleetField].GetStringValue(); claimed != "" && ir.Fleet(claimed) != f {
		return f, nil, status.Errorf(codes.PermissionDenied, "the node metadata has fleet %q, but the certificate is of fleet %q", claimed, f)
	}
	t := s.options.Fleet(f)
	if t == nil {
		return f, nil, errNoFleet(f)
	}
	return f, t, nil
}

// fleetOf returns the fleet of the client's certificate. A connection without TLS is on loopback or in a private
// directory: its client belongs to the default fleet.
func fleetOf(ctx context.Context) (ir.Fleet, error) {
	p, _ := peer.FromContext(ctx)
	if p == nil {
		return ir.DefaultFleet, nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return ir.DefaultFleet, nil
	}
	return identity.Fleet(info.State.PeerCertificates[0])
}

func errNoFleet(f ir.Fleet) error {
	return status.Errorf(codes.Unavailable, "there is no configuration for fleet %q", f)
}
