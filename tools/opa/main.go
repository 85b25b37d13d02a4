// Command opa answers Envoy's authorization requests by gRPC with decisions of the Open Policy Agent, whose module it is built from.
//
//	opa -address ADDRESS -config FILE -decision PATH
//
// The configuration is the agent's own, with the bundles that it polls. The input of a decision is Envoy's request as JSON, in the
// form of the agent's plugin for Envoy, and its result has the form that the plugin documents: a boolean, or an object of allowed,
// http_status, headers, response_headers_to_add and body.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/open-policy-agent/opa/v1/sdk"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

func main() {
	address := flag.String("address", "127.0.0.1:9191", "the `address` that serves gRPC")
	config := flag.String("config", "", "the `file` with the configuration of the agent")
	decision := flag.String("decision", "", "the `path` of the decision")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *address, *config, *decision)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "opa:", err)
		os.Exit(1)
	}
}

// run serves once the agent has loaded its bundles, until the context ends.
func run(ctx context.Context, address, config, decision string) error {
	file, err := os.Open(config)
	if err != nil {
		return err
	}
	defer file.Close()
	agent, err := sdk.New(ctx, sdk.Options{Config: file})
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	defer agent.Stop(context.WithoutCancel(ctx))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, &authorizer{agent: agent, decision: decision})
	context.AfterFunc(ctx, server.Stop)
	return server.Serve(listener)
}

// authorizer answers requests with decisions of the agent.
type authorizer struct {
	authv3.UnimplementedAuthorizationServer
	agent    *sdk.OPA
	decision string
}

// Check returns an error, which the host is closed or open for, where the policy decides nothing.
func (a *authorizer) Check(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	text, err := protojson.Marshal(r)
	if err != nil {
		return nil, grpcstatus.Errorf(codes.Internal, "encode the request: %v", err)
	}
	var input any
	if err := json.Unmarshal(text, &input); err != nil {
		return nil, grpcstatus.Errorf(codes.Internal, "decode the request: %v", err)
	}
	result, err := a.agent.Decision(ctx, sdk.DecisionOptions{Path: a.decision, Input: input})
	if err != nil {
		return nil, grpcstatus.Errorf(codes.Internal, "decide %s: %v", a.decision, err)
	}
	v, err := parse(result.Result)
	if err != nil {
		return nil, grpcstatus.Errorf(codes.Internal, "decision %s: %v", a.decision, err)
	}
	return v.response(), nil
}

// verdict is the result of a decision.
type verdict struct {
	Allowed         bool              `json:"allowed"`
	Status          int32             `json:"http_status"`
	Headers         map[string]string `json:"headers"` // of the request if it is allowed, else of the response
	ResponseHeaders map[string]string `json:"response_headers_to_add"`
	Body            string            `json:"body"`
}

func parse(result any) (verdict, error) {
	if allowed, ok := result.(bool); ok {
		return verdict{Allowed: allowed}, nil
	}
	text, err := json.Marshal(result)
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	err = json.Unmarshal(text, &v)
	return v, err
}

func (v verdict) response() *authv3.CheckResponse {
	if v.Allowed {
		return &authv3.CheckResponse{
			Status: &status.Status{Code: int32(codes.OK)},
			HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
				Headers: options(v.Headers), ResponseHeadersToAdd: options(v.ResponseHeaders),
			}},
		}
	}
	code := v.Status
	if code == 0 {
		code = http.StatusForbidden
	}
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(code)}, Headers: options(v.Headers), Body: v.Body,
		}},
	}
}

func options(headers map[string]string) []*corev3.HeaderValueOption {
	var out []*corev3.HeaderValueOption
	for name, value := range headers {
		out = append(out, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}})
	}
	return out
}
