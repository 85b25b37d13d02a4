//go:build envoy

package pipeline_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// The client with a certificate, and the case whose hosts it connects to.
const (
	validationCase = "tls/client-validation"
	goodClient     = "good"
)

// startClientCase runs an Envoy with the objects of the case about client certificates.
func startClientCase(t *testing.T) *fleet {
	t.Helper()
	f := startFleet(t)
	for _, c := range loadCases(t) {
		if c.Name == validationCase {
			f.replace(t, c)
			return f
		}
	}
	t.Fatal("there is no case " + validationCase)
	return nil
}

// client returns the settings of a client with that certificate, which it shows to every server; none if the name is empty.
func client(t *testing.T, name, host string) *tls.Config {
	t.Helper()
	c := &tls.Config{ServerName: host, InsecureSkipVerify: true}
	if name == "" {
		return c
	}
	own := must(tls.X509KeyPair(twice(must(stagetest.Client(name))(t))))(t)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	return c
}

func twice(pem []byte) (chain, key []byte) { return pem, pem }

// handshake sends a request with HTTP/1.1 over a connection of its own, and returns the response, or the error of the connection,
// and whether its TLS session was resumed.
func (f *fleet) handshake(c *tls.Config) (response *http.Response, resumed bool, err error) {
	conn, err := tls.Dial("tcp", fmt.Sprintf("%s:%d", f.config.Listeners.HTTPS.Host, f.config.Listeners.HTTPS.Port), c)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	resumed = conn.ConnectionState().DidResume
	response, err = exchange(conn, c.ServerName)
	return response, resumed, err
}

// exchange sends a request over the connection and reads the response.
func exchange(conn *tls.Conn, host string) (*http.Response, error) {
	_ = conn.SetDeadline(time.Now().Add(timeout))
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response, err
}

// listener returns the listener for TLS.
func (f *fleet) listener(t *testing.T) []byte {
	t.Helper()
	v := f.sys.table.Get(table.Ref{Type: table.Listener, Name: "ingress_https"})
	if v == nil {
		t.Fatal("there is no listener for TLS")
	}
	return v.Body()
}

// Backends learn what the host forwards, in the form of Envoy's documentation, and nothing that the client claims.
func TestForwardedClientCertificateOnEnvoy(t *testing.T) {
	f := startClientCase(t)
	chain := must(stagetest.Client(goodClient))(t)
	block, _ := pem.Decode(chain)
	sum := sha256.Sum256(block.Bytes)
	encoded := url.PathEscape(string(pem.EncodeToMemory(block)))
	encoded = strings.NewReplacer("+", "%2B", "=", "%3D", "/", "%2F").Replace(encoded)
	want := map[string]string{
		"Hash": hex.EncodeToString(sum[:]), "Subject": `"CN=good"`, "URI": "spiffe://example.com/good", "DNS": "good.example.com",
		"Cert": `"` + encoded + `"`, "Chain": `"` + encoded + `"`,
	}
	for host, keys := range map[string][]string{
		"revoking.example.com": {"Hash", "Subject", "URI", "DNS", "Cert", "Chain"}, "any.example.com": {"Hash", "Subject"},
		"optional.example.com": {"Hash"},
	} {
		got := f.forwardedTo(t, host)
		if len(got) != len(keys) {
			t.Errorf("%s: %v, want the keys %v", host, got, keys)
		}
		for _, k := range keys {
			if k == "Cert" || k == "Chain" {
				got[k], want[k] = unescape(got[k]), unescape(want[k])
			}
			if got[k] != want[k] {
				t.Errorf("%s: %s is %q, want %q", host, k, got[k], want[k])
			}
		}
	}
}

func unescape(s string) string {
	out, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return out
}

// forwardedTo returns the parts of the header that the backend of the host receives.
func (f *fleet) forwardedTo(t *testing.T, host string) map[string]string {
	t.Helper()
	check := stagetest.Check{}
	check.TLS, check.Host, check.ClientChain = true, host, must(stagetest.Client(goodClient))(t)
	check.Headers = map[string]string{"x-forwarded-client-cert": "Hash=forged"}
	s := f.send(check)
	if s.backend == nil {
		t.Fatalf("%s: %+v", host, s)
	}
	values := s.backend.Header.Values("X-Forwarded-Client-Cert")
	if len(values) != 1 {
		t.Fatalf("%s: %q", host, values)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(values[0], ";") {
		k, v, _ := strings.Cut(part, "=")
		parts[k] = v
	}
	return parts
}

// A client that resumes a session is validated like any other: hosts that validate clients resume none, and a session of
// the time before the host did so, or of another host, does not replace a certificate. Other hosts resume sessions.
func TestResumptionDoesNotSkipValidation(t *testing.T) {
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			f := startClientCase(t)
			cache := tls.NewLRUClientSessionCache(8)
			connect := func(certificate, host string) (resumed bool, err error) {
				c := client(t, certificate, host)
				c.MinVersion, c.MaxVersion, c.ClientSessionCache = version, version, cache
				_, resumed, err = f.handshake(c)
				return resumed, err
			}
			if _, err := connect("", "open.example.com"); err != nil {
				t.Fatal(err)
			}
			if resumed, err := connect("", "open.example.com"); err != nil || !resumed {
				t.Errorf("a host without validation: resumed %t, %v; the client is not able to resume", resumed, err)
			}
			for range 2 {
				if resumed, err := connect(goodClient, "required.example.com"); err != nil || resumed {
					t.Errorf("a host that validates clients: resumed %t, %v", resumed, err)
				}
			}
			if _, err := connect("", "required.example.com"); err == nil {
				t.Error("a client without a certificate is served after one with a certificate")
			}
			stolen := moved{cache, "open.example.com"}
			c := client(t, "", "required.example.com")
			c.MinVersion, c.MaxVersion, c.ClientSessionCache = version, version, stolen
			if _, _, err := f.handshake(c); err == nil {
				t.Error("a session of another host replaces the certificate")
			}
			f.validate(t, "open", "ca")
			if !eventually(func() bool { _, err := connect("", "open.example.com"); return err != nil }) {
				t.Error("a session of the time before the validation replaces the certificate")
			}
		})
	}
}

// moved is a cache that returns the session of one server for all servers.
type moved struct {
	tls.ClientSessionCache
	from string
}

func (m moved) Get(string) (*tls.ClientSessionState, bool) { return m.ClientSessionCache.Get(m.from) }

// validate makes the host of an HTTPProxy of the case validate clients.
func (f *fleet) validate(t *testing.T, proxy, ca string) {
	t.Helper()
	f.edit(t, kobj.Of(kobj.HTTPProxy, "default", proxy), func(o runtime.Object) {
		o.(*contourv1.HTTPProxy).Spec.VirtualHost.TLS.ClientValidation = &contourv1.DownstreamValidation{CACertificate: ca}
	})
}

// edit changes a copy of an object of the case.
func (f *fleet) edit(t *testing.T, k kobj.Key, change func(runtime.Object)) {
	t.Helper()
	for i, o := range f.objects {
		if o.Key != k {
			continue
		}
		edited := o.Object.(runtime.Object).DeepCopyObject()
		change(edited)
		f.objects[i].Object = edited.(metav1.Object)
		f.sys.Step([]store.Change{f.objects[i]})
		f.waitIdle(t)
		return
	}
	t.Fatalf("there is no %s", k)
}

// New authorities and revocation lists apply to new connections, and change no listener: open connections go on.
func TestRotationOfAuthoritiesDrainsNothing(t *testing.T) {
	f := startClientCase(t)
	conn, err := tls.Dial("tcp", fmt.Sprintf("%s:%d", f.config.Listeners.HTTPS.Host, f.config.Listeners.HTTPS.Port), client(t, "revoked", "required.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := func(when string) {
		t.Helper()
		response, err := exchange(conn, "required.example.com")
		if err != nil || response.StatusCode != 200 || response.Close {
			t.Fatalf("the open connection %s: %v, %+v", when, err, response)
		}
	}
	request("at first")
	before := f.listener(t)
	f.rotate(t, "ca", "ca.crt", must(os.ReadFile("testdata/backend.pem"))(t))
	f.refuses(t, goodClient, "required.example.com")
	request("after its authority was removed")
	if !bytes.Equal(f.listener(t), before) {
		t.Error("a new authority changes the listener")
	}
}

// rotate replaces the value of a Secret by the certificates in PEM data.
func (f *fleet) rotate(t *testing.T, secret, key string, data []byte) {
	t.Helper()
	block, _ := pem.Decode(data)
	for rest := data; block != nil && block.Type != "CERTIFICATE"; block, rest = pem.Decode(rest) {
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	f.edit(t, kobj.Of(kobj.Secret, "default", secret), func(o runtime.Object) {
		o.(*corev1.Secret).Data[key] = pem.EncodeToMemory(block)
	})
}

// refuses fails unless the host closes new connections of the client within the timeout.
func (f *fleet) refuses(t *testing.T, name, host string) {
	t.Helper()
	if !eventually(func() bool { _, _, err := f.handshake(client(t, name, host)); return err != nil }) {
		t.Errorf("%s still serves the client %q", host, name)
	}
}

// A connection of HTTP/2 that was opened without a certificate does not reach a host that requires one.
func TestCoalescedConnectionDoesNotSkipValidation(t *testing.T) {
	f := startClientCase(t)
	for _, sni := range []string{"open.example.com", "other.example.com", "optional.example.com"} {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: client(t, "", sni)}
		address := fmt.Sprintf("https://%s:%d/", f.config.Listeners.HTTPS.Host, f.config.Listeners.HTTPS.Port)
		for _, host := range []string{sni, "required.example.com", "bytes.example.com"} {
			request := must(http.NewRequest(http.MethodGet, address, nil))(t)
			request.Host = host
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			want := http.StatusMisdirectedRequest
			if host == sni {
				want = http.StatusOK
			}
			if response.StatusCode != want || response.ProtoMajor != 2 {
				t.Errorf("%s over %s: %s %d, want %d", host, sni, response.Proto, response.StatusCode, want)
			}
		}
		transport.CloseIdleConnections()
	}
}
