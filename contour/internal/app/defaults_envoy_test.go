//go:build envoy

package app_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// defaultJSONFields are those of a line of the access log, as Contour documents them.
const defaultJSONFields = `@timestamp authority bytes_received bytes_sent downstream_local_address downstream_remote_address duration method path
	protocol request_id requested_server_name response_code response_flags uber_trace_id upstream_cluster upstream_host
	upstream_local_address upstream_service_time user_agent x_forwarded_for grpc_status grpc_status_number`

// A line of the access log in JSON has the fields of Contour, with what they are about.
func TestStandaloneLogsTheDefaultFields(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	conf, log := filepath.Join(t.TempDir(), "contour.yaml"), filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(conf, []byte("accesslog-format: json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start("--config-path", conf, "--access-log", log)
	s.serves("a.example", "/x", "200 a.example/x")
	var line map[string]any
	until(t, "a line in JSON", func() (bool, string) {
		s.get("a.example", "/logged")
		text, _ := os.ReadFile(log)
		for one := range strings.Lines(string(text)) {
			line = nil
			if strings.Contains(one, "/logged") && json.Unmarshal([]byte(one), &line) == nil {
				return true, ""
			}
		}
		return false, string(text)
	})
	want := strings.Fields(defaultJSONFields)
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(line)); !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	for field, want := range map[string]any{
		"authority": "a.example", "path": "/logged", "method": "GET", "protocol": "HTTP/1.1", "response_code": 200.0, "response_flags": "-",
		"upstream_host": s.backend.Listener.Addr().String(), "bytes_sent": float64(len("a.example/logged")), "requested_server_name": nil,
	} {
		if line[field] != want {
			t.Errorf("%s is %v, want %v", field, line[field], want)
		}
	}
}

// Clients may use the HTTP versions of the configuration, with TLS and without, and both if it has none.
func TestStandaloneServesTheHTTPVersions(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	conf := filepath.Join(t.TempDir(), "contour.yaml")
	configure := func(text string) {
		t.Helper()
		if err := os.WriteFile(conf+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(conf+".new", conf); err != nil {
			t.Fatal(err)
		}
	}
	configure("# nothing yet\n")
	s.write("tls.yaml", tlsHost(t, "secure"))
	s.start("--config-path", conf)
	s.says("serving https://secure.example")
	for _, c := range []struct{ text, agreed, plain string }{
		{"# nothing yet\n", "h2", "HTTP/1.1 HTTP/2.0"},
		{"default-http-versions: [HTTP/1.1]\n", "http/1.1", "HTTP/1.1"},
		{"default-http-versions: [HTTP/2]\n", "h2", "HTTP/2.0"},
		{"default-http-versions: [http/2, http/1.1]\n", "h2", "HTTP/1.1 HTTP/2.0"},
	} {
		configure(c.text)
		until(t, c.text, func() (bool, string) {
			agreed, plain := s.agreed(), s.versions()
			return agreed == c.agreed && plain == c.plain, agreed + " with TLS; without: " + plain
		})
	}
}

// agreed returns the protocol that Envoy prefers, of those that the client offers.
func (s *standalone) agreed() string {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{
		ServerName: "secure.example", InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}, //nolint:gosec // the certificate is no subject here
	}}
	c, err := dialer.DialContext(s.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", s.https))
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().NegotiatedProtocol
}

// versions returns the protocols in which a request without TLS is answered by the backend.
func (s *standalone) versions() string {
	var out []string
	for _, set := range []func(*http.Protocols, bool){(*http.Protocols).SetHTTP1, (*http.Protocols).SetUnencryptedHTTP2} {
		transport := &http.Transport{Protocols: new(http.Protocols), DisableKeepAlives: true}
		set(transport.Protocols, true)
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", s.http), http.NoBody)
		if err != nil {
			s.t.Fatal(err)
		}
		r.Host = "a.example"
		response, err := transport.RoundTrip(r)
		if err != nil {
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			out = append(out, response.Proto)
		}
		transport.CloseIdleConnections()
	}
	return strings.Join(out, " ")
}
