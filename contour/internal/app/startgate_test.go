package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/kind"
)

// An Envoy that gets a configuration made of a part of the objects loses the hosts of the others. Whatever kind the API server lists last,
// the xDS port is closed until then, and the first response that an Envoy gets contains what that list contributes.
func TestXDSPortIsClosedUntilEveryKindIsListed(t *testing.T) {
	t.Parallel()
	for _, last := range kind.All().Watched() {
		t.Run(string(last.Kind), func(t *testing.T) { t.Parallel(); heldBack(t, last.Resource) })
	}
}

// heldBack lists one kind after the other, that resource last.
func heldBack(t *testing.T, last string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRecorder()
	r.lists["httpproxies"] = `{"metadata": {"name": "web", "namespace": "a", "uid": "1", "resourceVersion": "1"}, "spec": {
  "virtualhost": {"fqdn": "a.example"}, "routes": [{"services": [{"name": "web", "port": 80}]}]}}`
	r.lists["services"] = `{"metadata": {"name": "web", "namespace": "a", "uid": "2", "resourceVersion": "1"}, "spec": {"ports": [{"port": 80}]}}`
	var order []kind.Descriptor
	for _, k := range kind.All().Watched() {
		r.hold(k.Resource)
		if k.Resource == last {
			order = append(order, k)
		} else {
			order = slices.Insert(order, 0, k)
		}
	}
	address := net.JoinHostPort("127.0.0.1", strconv.FormatUint(uint64(envoytest.FreePort(t)), 10))
	stop := serveAt(t, address, r)
	defer stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, k := range order {
		r.until(ctx, []access{text("", "list", k.GroupVersion.Group, k.Resource, "")})
		for range attempts(k.Resource == last) {
			if c, err := net.Dial("tcp", address); err == nil {
				_ = c.Close()
				t.Fatalf("the xDS port is open before %s have been listed", k.Resource)
			}
			<-tick.C
		}
		r.release(k.Resource)
		r.until(ctx, []access{text("", "watch", k.GroupVersion.Group, k.Resource, "")})
	}
	if clusters := firstClusters(ctx, t, address); !slices.ContainsFunc(clusters, func(name string) bool { return strings.HasPrefix(name, "a/web/80/") }) {
		t.Errorf("the first response has the clusters %q, want that of the Service among them", clusters)
	}
}

// attempts is how often the port is tried: while only the last list is missing, for long enough that a controller that does not wait for
// it has published.
func attempts(last bool) int {
	if last {
		return 50
	}
	return 1
}

// serveAt runs serve with an xDS server at that address, and returns what stops it.
func serveAt(t *testing.T, address string, r *recorder) (stop func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	f := &serveFlags{logging: &logFlags{}}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.add(flags, noEnv)
	if err := flags.Parse([]string{
		"--kubeconfig=" + r.serve(t), "--insecure", "--xds-address=127.0.0.1", "--xds-port=" + port,
		"--health-port=0", "--http-port=0", "--debug-http-port=0", "--disable-leader-election",
	}); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.run(ctx, slog.New(slog.DiscardHandler)) }()
	return func() {
		end()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

// firstClusters connects as Envoy does, once that is possible, and returns the names of the clusters of the first response.
func firstClusters(ctx context.Context, t *testing.T, address string) (names []string) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	const clusters = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "envoy"}, TypeUrl: clusters}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(fmt.Errorf("the first response: %w", err))
	}
	for _, c := range response.GetResources() {
		names = append(names, c.GetName())
	}
	return names
}
