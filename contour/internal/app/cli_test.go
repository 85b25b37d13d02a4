package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/certs/tlsfile"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/redact"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// served is an xDS server with mutual TLS and one resource of some types.
type served struct {
	t       *testing.T
	address string
	dir     string // of certificates
	server  *server.Server
	table   *table.Table
}

const privateKey = "do not show"

func serveForCLI(t *testing.T) *served {
	t.Helper()
	s := &served{t: t, dir: t.TempDir(), table: table.New()}
	if code := Main([]string{"certgen", s.dir}, Streams{Out: io.Discard, Err: io.Discard, Env: noEnv}); code != 0 {
		t.Fatalf("certgen: %d", code)
	}
	config, err := tlsfile.Server(tlsfile.Files{
		CA: s.file("cacert.pem"), Cert: s.file("contourcert.pem"), Key: s.file("contourkey.pem"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	connections, err := anypb.New(&hcmv3.HttpConnectionManager{StatPrefix: "shown"})
	if err != nil {
		t.Fatal(err)
	}
	inline := func(text string) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}}
	}
	s.publish(table.Cluster, "one", &clusterv3.Cluster{Name: "one"})
	s.publish(table.Cluster, "two", &clusterv3.Cluster{Name: "two"})
	s.publish(table.Listener, "web", &listenerv3.Listener{Name: "web", FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
		Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: connections},
	}}}}})
	s.publish(table.Secret, "cert", &tlsv3.Secret{Name: "cert", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		CertificateChain: inline("public"), PrivateKey: inline(privateKey),
	}}})
	s.server = server.New(server.Options{Fleet: func(ir.Fleet) *table.Table { return s.table }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- serveXDS(ctx, l, s.server, newGRPC(config, 0)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return s
}

func (s *served) file(name string) string { return filepath.Join(s.dir, name) }

func (s *served) publish(typ table.Type, name string, m proto.Message) {
	s.t.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.table.Publish([]*table.Resource{{Ref: table.Ref{Type: typ, Name: name}, Body: body}}, nil)
}

// cli runs contour cli until it has written that number of messages, and returns them and what it printed.
func (s *served) cli(messages int, args ...string) (out []map[string]any, text string) {
	s.t.Helper()
	ctx, interrupt := context.WithCancel(s.t.Context())
	defer interrupt()
	read, write := io.Pipe()
	var misused bool
	root := command(Streams{Out: write, Err: io.Discard, Env: noEnv}, &misused)
	root.SetArgs(append([]string{
		"cli", "--contour=" + s.address, "--cafile=" + s.file("cacert.pem"), "--cert-file=" + s.file("envoycert.pem"), "--key-file=" + s.file("envoykey.pem"),
	}, args...))
	ended := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		_ = write.CloseWithError(err)
		ended <- err
	}()
	var printed bytes.Buffer
	decoder := json.NewDecoder(io.TeeReader(read, &printed))
	for range messages {
		var m map[string]any
		if err := decoder.Decode(&m); err != nil {
			s.t.Fatalf("%v: %v", args, err)
		}
		out = append(out, m)
	}
	interrupt()
	_ = read.Close()
	if err := <-ended; err != nil {
		s.t.Errorf("%v: interrupted: %v", args, err)
	}
	return out, printed.String()
}

// resourceNames lists the names of the resources in a response of the variant.
func resourceNames(response map[string]any, delta bool) (names []string) {
	resources, _ := response["resources"].([]any)
	for _, one := range resources {
		r := one.(map[string]any)
		if delta {
			r = r["resource"].(map[string]any)
		}
		names = append(names, r["name"].(string))
	}
	slices.Sort(names)
	return names
}

// Each type is shown in both variants as the request, the response and the answer, like Contour's client does.
func TestCLIShowsEachType(t *testing.T) {
	s := serveForCLI(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"cds"}, "one two"},
		{[]string{"cds", "two"}, "two"},
		{[]string{"cds", "two", "--cert-file=" + s.file("contourcert.pem"), "--key-file=" + s.file("contourkey.pem")}, "two"}, // in a pod of the controller
		{[]string{"lds"}, "web"},
		{[]string{"sds"}, "cert"},
		{[]string{"eds"}, ""},
		{[]string{"rds"}, ""},
		{[]string{"srds"}, ""},
	} {
		for _, delta := range []bool{false, true} {
			args := c.args
			if delta {
				args = append([]string{"--delta"}, args...)
			}
			shown, text := s.cli(3, args...)
			node := shown[0]["node"].(map[string]any)["id"]
			if got := strings.Join(resourceNames(shown[1], delta), " "); got != c.want || node != "ContourCLI" {
				t.Errorf("%v: node %v, resources %q", args, node, got)
			}
			if nonce := shown[1]["nonce"]; nonce == nil || nonce != shown[2]["response_nonce"] || shown[2]["error_detail"] != nil {
				t.Errorf("%v: nonce %v, answer %v", args, nonce, shown[2])
			}
			if strings.Contains(text, privateKey) {
				t.Errorf("%v: shows a private key", args)
			}
			if c.args[0] == "sds" && !strings.Contains(text, redact.Text) {
				t.Errorf("%v: shows no text in the place of the key: %s", args, text)
			}
		}
	}
	if n := len(s.server.Sessions()); n > 0 {
		t.Errorf("%d Envoys are connected", n)
	}
}

func TestCLIRejectsWithoutEffect(t *testing.T) {
	s := serveForCLI(t)
	shown, _ := s.cli(3, "cds", "--nack", "--node-id=other")
	if shown[2]["error_detail"] == nil || shown[0]["node"].(map[string]any)["id"] != "other" {
		t.Errorf("shown: %v", shown)
	}
	if r := s.table.Rejections(); len(r) > 0 {
		t.Errorf("rejections: %v", r)
	}
}

func TestCLISaysWhyItCannotConnect(t *testing.T) {
	s := serveForCLI(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"cli", "cds", "--cafile=a"}, "give all three, or none"},
		{[]string{"cli", "cds", "--cafile=a", "--cert-file=b", "--key-file=c"}, "--cert-file, --key-file: open b"},
		{[]string{"cli", "cds", "--contour=" + s.address}, "code = Unavailable"}, // plain text to a server with TLS
		{[]string{"cli", "xds"}, "unknown command"},
	} {
		var text strings.Builder
		code := Main(c.args, Streams{Out: io.Discard, Err: &text, Env: noEnv})
		if code == 0 || !strings.Contains(text.String(), c.want) {
			t.Errorf("%v: code %d, %s", c.args, code, text.String())
		}
	}
}
