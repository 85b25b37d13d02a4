package translate

import (
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// message is a generated message with validation.
type message interface {
	proto.Message
	ValidateAll() error
}

// encoder encodes messages deterministically, and collects the reasons why they are invalid.
// One encoder serves one resource or part, together with the messages that it embeds.
type encoder struct {
	reasons  []string
	clusters map[ir.Cluster]string // names of clusters: many routes of a host use the same few
}

// cluster returns the name of a cluster.
func (e *encoder) cluster(c ir.Cluster) string {
	name, ok := e.clusters[c]
	if !ok {
		name = clusterName(c)
		if e.clusters == nil {
			e.clusters = map[ir.Cluster]string{}
		}
		e.clusters[c] = name
	}
	return name
}

// bytes returns the encoding of m.
func (e *encoder) bytes(m message) []byte {
	e.fail(m.ValidateAll())
	return e.fragment(m)
}

// fragment returns the encoding of a part of a message, which need not be valid by itself.
func (e *encoder) fragment(m proto.Message) []byte {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	e.fail(err)
	return body
}

// pack returns m as an Any, as in the configuration of extensions. Validation does not include packed messages, so pack
// validates m.
func (e *encoder) pack(m message) *anypb.Any {
	e.fail(m.ValidateAll())
	return e.packAny(m)
}

// packAny returns m as an Any, without validation.
func (e *encoder) packAny(m proto.Message) *anypb.Any {
	return &anypb.Any{TypeUrl: "type.googleapis.com/" + string(m.ProtoReflect().Descriptor().FullName()), Value: e.fragment(m)}
}

func (e *encoder) fail(err error) {
	if err != nil {
		e.addInvalid(err.Error())
	}
}

// addInvalid adds a reason why the resource is invalid; an invalid resource is not sent.
func (e *encoder) addInvalid(reason string) { e.reasons = append(e.reasons, reason) }

// invalid returns all reasons why the resource is invalid, "" if it is valid.
func (e *encoder) invalid() string { return strings.Join(slices.Compact(e.reasons), "; ") }

// ads returns the configuration source of all discovered resources.
func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		ResourceApiVersion:    corev3.ApiVersion_V3,
	}
}

// timeout converts t to a Duration field of Envoy: nil for the default of Envoy, zero for no timeout.
func timeout(t ir.Timeout) *durationpb.Duration {
	switch {
	case t.Disabled:
		return durationpb.New(0)
	case t.Duration > 0:
		return durationpb.New(t.Duration)
	}
	return nil
}

// positive returns d, or nil, which is Envoy's default, if d is not positive.
func positive(d time.Duration) *durationpb.Duration {
	if d <= 0 {
		return nil
	}
	return durationpb.New(d)
}

// number returns n as an optional field: nil if it is zero.
func number(n uint32) *wrapperspb.UInt32Value {
	if n == 0 {
		return nil
	}
	return wrapperspb.UInt32(n)
}
