//go:build envoy

package app_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/stagetest"
)

// A change of the configuration file of a running standalone is applied by its Envoy: the access log, the default
// timeouts, the least TLS version.
func TestStandaloneFollowsItsConfigurationFile(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	conf, log := filepath.Join(t.TempDir(), "contour.yaml"), filepath.Join(t.TempDir(), "access.log")
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
	s.start("--config-path", conf, "--access-log", log)
	s.says("serving https://secure.example")
	s.serves("a.example", "/x", "200 a.example/x")
	if version, err := s.handshake(tls.VersionTLS12); err != nil || version != tls.VersionTLS12 {
		t.Errorf("TLS 1.2 is not served: %v, %v", version, err)
	}

	configure("accesslog-format: json\njson-fields: [path, \"who=%REQ(X-WHO)%\"]\n")
	until(t, "line in JSON", func() (bool, string) {
		s.get("a.example", "/logged")
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), `{"path":"/logged","who":null}`), string(text)
	})

	configure("timeouts: {request-timeout: 100ms}\n")
	until(t, "408", func() (bool, string) { got := s.half(); return got == http.StatusRequestTimeout, fmt.Sprint(got) })

	configure("tls: {minimum-protocol-version: 1.1}\n")
	until(t, "error", func() (bool, string) {
		said := s.said(&s.err)
		return strings.Contains(said, conf+":1: tls.minimum-protocol-version"), said
	})
	configure("tls: {minimum-protocol-version: 1.3}\n")
	until(t, "refusal of TLS 1.2", func() (bool, string) {
		version, err := s.handshake(tls.VersionTLS12)
		return err != nil && strings.Contains(err.Error(), "protocol version"), fmt.Sprint(version, err)
	})
	if version, err := s.handshake(tls.VersionTLS13); err != nil || version != tls.VersionTLS13 {
		t.Errorf("TLS 1.3 is not served: %v, %v", version, err)
	}
	s.still("a.example", "/x", "200 a.example/x")
}

// tlsHost is a proxy with TLS, and its certificate.
func tlsHost(t *testing.T, name string) string {
	t.Helper()
	pair, err := stagetest.NewPair(name+".example", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	return strings.Replace(route(name, "/"), ".example}", ".example, tls: {secretName: "+name+"}}", 1) + fmt.Sprintf(`---
apiVersion: v1
kind: Secret
metadata: {name: %s}
type: kubernetes.io/tls
data: {tls.crt: %s, tls.key: %s}
`, name, encode(pair.Certificate), encode(pair.Key))
}

// handshake opens a TLS connection of at most the version, and returns the one that was agreed on.
func (s *standalone) handshake(most uint16) (uint16, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{
		ServerName: "secure.example", InsecureSkipVerify: true, MaxVersion: most, //nolint:gosec // the certificate is no subject here
	}}
	c, err := dialer.DialContext(s.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", s.https))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().Version, nil
}

// half sends half a request and returns the status of the answer; 0 if none comes in a second.
func (s *standalone) half() int {
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", s.http))
	if err != nil {
		return 0
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// The access log names the object of the route of each request, and the header policies of the configuration change
// responses, once a running Envoy's configuration says so.
func TestStandaloneLogsObjectsAndSetsDefaultHeaders(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	conf, log := filepath.Join(t.TempDir(), "contour.yaml"), filepath.Join(t.TempDir(), "access.log")
	text := `accesslog-format: json
json-fields: [path, contour_config_kind, contour_config_namespace, contour_config_name]
`
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start("--config-path", conf, "--access-log", log)
	s.serves("a.example", "/x", "200 a.example/x")
	until(t, "object in the log", func() (bool, string) {
		s.get("a.example", "/logged")
		lines, _ := os.ReadFile(log)
		return strings.Contains(string(lines), `"contour_config_kind":"HTTPProxy"`) &&
			strings.Contains(string(lines), `"contour_config_name":"a"`) &&
			strings.Contains(string(lines), `"contour_config_namespace":"default"`), string(lines)
	})
	if header := s.header("a.example", "/x", "X-Frame-Options"); header != "" {
		t.Errorf("X-Frame-Options is %q before it is configured", header)
	}

	text = "policy: {response-headers: {set: {x-frame-options: \"%CONTOUR_NAMESPACE%/%CONTOUR_SERVICE_NAME%\"}}}\n"
	if err := os.WriteFile(conf+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(conf+".new", conf); err != nil {
		t.Fatal(err)
	}
	until(t, "default header", func() (bool, string) {
		got := s.header("a.example", "/x", "X-Frame-Options")
		return got == "default/web", got
	})
	s.still("a.example", "/x", "200 a.example/x")
}
