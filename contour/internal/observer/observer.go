// Package observer shows what an xDS server serves: it is a client of the discovery service of one type, and writes each
// message that it sends and receives as JSON, in the form of Contour's client.
//
// It has no vote: the controller ignores what an observer answers, and shows it no secrets.
package observer

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/xds/table"
)

// maxResponse is the maximum size of a response, in bytes.
const maxResponse = 256 << 20

// Options say what to observe.
type Options struct {
	Type   table.Type
	Names  []string // of resources; empty: all
	Node   string   // the id of the observer
	Delta  bool     // use the variant that sends what has changed
	Reject bool     // answer each response with a rejection

	Out io.Writer
	Log *slog.Logger
}

// Run observes until the context or the stream ends. The error is never nil.
func Run(ctx context.Context, conn grpc.ClientConnInterface, o Options) error {
	service, word := o.Type.Service()
	method := "Stream" + word
	if o.Delta {
		method = "Delta" + word
	}
	description := &grpc.StreamDesc{StreamName: method, ServerStreams: true, ClientStreams: true}
	stream, err := conn.NewStream(ctx, description, "/"+service+"/"+method, grpc.MaxCallRecvMsgSize(maxResponse))
	if err != nil {
		return fmt.Errorf("%s: %w", o.Type, err)
	}
	v := variant(&world{o})
	if o.Delta {
		v = &delta{o}
	}
	return o.converse(stream, v)
}

// converse answers each response.
func (o Options) converse(stream grpc.ClientStream, v variant) error {
	request := v.first()
	for {
		if err := o.write(request); err != nil {
			return err
		}
		if err := stream.SendMsg(request); err != nil {
			return fmt.Errorf("send a request: %w", streamError(stream, err))
		}
		response := v.response()
		if err := stream.RecvMsg(response); err != nil {
			return fmt.Errorf("receive a response: %w", err)
		}
		o.Log.Info("received a response", "type", o.Type.String(), "version", versionOf(response), "nonce", response.GetNonce())
		if err := o.write(response); err != nil {
			return err
		}
		request = v.answer(response)
	}
}

// streamError returns why the stream ended, which an error to send does not say.
func streamError(stream grpc.ClientStream, err error) error {
	if ended := stream.RecvMsg(&discoveryv3.DiscoveryResponse{}); ended != nil {
		return ended
	}
	return err
}

func (o Options) write(m proto.Message) error {
	text, err := protojson.MarshalOptions{Multiline: true, Indent: "  ", UseProtoNames: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	if _, err := o.Out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// response is what the responses of both variants have.
type response interface {
	proto.Message
	GetNonce() string
}

func versionOf(r response) string {
	switch r := r.(type) {
	case *discoveryv3.DiscoveryResponse:
		return r.GetVersionInfo()
	case *discoveryv3.DeltaDiscoveryResponse:
		return r.GetSystemVersionInfo()
	}
	return ""
}

// variant makes the messages of a variant of xDS.
type variant interface {
	first() proto.Message
	response() response
	answer(r response) proto.Message
}

func (o Options) node() *corev3.Node { return &corev3.Node{Id: o.Node} }

// rejection is the error detail of the answers; nil acknowledges.
func (o Options) rejection() *rpcstatus.Status {
	if !o.Reject {
		return nil
	}
	return &rpcstatus.Status{Code: int32(codes.Internal), Message: "rejected by contour cli --nack"}
}

type world struct{ Options }

func (v *world) first() proto.Message {
	return &discoveryv3.DiscoveryRequest{TypeUrl: v.Type.URL(), ResourceNames: v.Names, VersionInfo: "0", Node: v.node()}
}

func (v *world) response() response { return &discoveryv3.DiscoveryResponse{} }

func (v *world) answer(r response) proto.Message {
	return &discoveryv3.DiscoveryRequest{
		TypeUrl: v.Type.URL(), ResourceNames: v.Names, VersionInfo: versionOf(r), ResponseNonce: r.GetNonce(),
		ErrorDetail: v.rejection(), Node: v.node(),
	}
}

type delta struct{ Options }

func (v *delta) first() proto.Message {
	return &discoveryv3.DeltaDiscoveryRequest{TypeUrl: v.Type.URL(), ResourceNamesSubscribe: v.Names, Node: v.node()}
}

func (v *delta) response() response { return &discoveryv3.DeltaDiscoveryResponse{} }

func (v *delta) answer(r response) proto.Message {
	return &discoveryv3.DeltaDiscoveryRequest{TypeUrl: v.Type.URL(), ResponseNonce: r.GetNonce(), ErrorDetail: v.rejection(), Node: v.node()}
}
