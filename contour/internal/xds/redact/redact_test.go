package redact_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/xds/redact"
)

func inline(text string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}}
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// shown returns the JSON of the redacted message.
func shown(t *testing.T, m proto.Message) string {
	t.Helper()
	a, err := redact.Any(pack(t, m))
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every secret that the controller sends is hidden at any depth, and what is beside it is shown.
func TestSecretsAreReplaced(t *testing.T) {
	const secret = "do not show"
	certificate := &tlsv3.Secret{Name: "team/cert", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		CertificateChain: inline("public chain"), PrivateKey: inline(secret), Password: inline(secret),
	}}}
	tickets := &tlsv3.Secret{Type: &tlsv3.Secret_SessionTicketKeys{SessionTicketKeys: &tlsv3.TlsSessionTicketKeys{Keys: []*corev3.DataSource{inline(secret)}}}}
	generic := &tlsv3.Secret{Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: inline(secret)}}}
	keys := &jwtauthnv3.JwtAuthentication{Providers: map[string]*jwtauthnv3.JwtProvider{
		"p": {Issuer: "public issuer", JwksSourceSpecifier: &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: inline(secret)}},
	}}
	table := &routev3.RouteConfiguration{VirtualHosts: []*routev3.VirtualHost{{
		Name: "public host", TypedPerFilterConfig: map[string]*anypb.Any{"jwt": pack(t, keys)},
	}}}
	for _, c := range []struct {
		message proto.Message
		shows   string
	}{{certificate, "public chain"}, {certificate, "team/cert"}, {tickets, redact.Text}, {generic, redact.Text}, {keys, "public issuer"}, {table, "public host"}} {
		text := shown(t, c.message)
		if strings.Contains(text, secret) || !strings.Contains(text, redact.Text) || !strings.Contains(text, c.shows) {
			t.Errorf("shown: %s", text)
		}
	}
}

func TestAMessageThatIsUnknownIsNotShown(t *testing.T) {
	if got, err := redact.Any(&anypb.Any{TypeUrl: "type.googleapis.com/unknown.Type", Value: []byte("secret")}); err == nil || got != nil {
		t.Errorf("shown: %v, %v", got, err)
	}
}
