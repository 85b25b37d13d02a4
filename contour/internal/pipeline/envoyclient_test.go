//go:build envoy

package pipeline_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
)

// seen is a response, and the backend of the request.
type seen struct {
	failure     error
	certificate string
	status      int
	header      http.Header
	body        string
	backend     *received // nil: none answered
}

// send sends the request literally, over a connection of its own, and requests response headers from the backend.
func send(to string, r semantic.Request, responseHeaders []string) seen {
	conn, err := dial(to, r)
	if err != nil {
		return seen{failure: err}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timeout))
	if _, err := conn.Write(text(r, responseHeaders)); err != nil {
		return seen{failure: err}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "GET"})
	if err != nil {
		return seen{failure: err}
	}
	s := seen{status: response.StatusCode, header: response.Header}
	if secure, ok := conn.(*tls.Conn); ok {
		s.certificate = secure.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		s.body = string(body)
	}
	if text := response.Header.Get(receivedHeader); text != "" {
		s.backend = &received{}
		if err := json.Unmarshal([]byte(text), s.backend); err != nil {
			return seen{failure: err}
		}
	}
	return s
}

func dial(to string, r semantic.Request) (net.Conn, error) {
	if !r.TLS {
		return net.DialTimeout("tcp", to, timeout)
	}
	c := &tls.Config{ServerName: r.SNI, InsecureSkipVerify: true} // the certificate is compared, not trusted
	switch c.ServerName {
	case "":
		if c.ServerName, _, _ = strings.Cut(r.Host, ":"); strings.HasPrefix(r.Host, "[") { // an address, which is not sent as a server name
			c.ServerName = ""
		}
	case "-":
		c.ServerName = ""
	}
	if len(r.ClientChain) > 0 {
		own, err := tls.X509KeyPair(r.ClientChain, r.ClientChain)
		if err != nil {
			return nil, err
		}
		// Shown whatever authorities the server names, as an attacker would.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	if r.HTTP2 {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	if v, ok := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[r.Version]; ok {
		c.MinVersion, c.MaxVersion = v, v
	}
	return tls.DialWithDialer(&net.Dialer{Timeout: timeout}, "tcp", to, c)
}

func text(r semantic.Request, responseHeaders []string) []byte {
	var b strings.Builder
	method, path, connection := "GET", "/", "close"
	if r.Method != "" {
		method = r.Method
	}
	if r.Path != "" {
		path = r.Path
	}
	if r.Upgrade != "" {
		connection = "Upgrade"
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n", method, path, r.Host, connection)
	if r.Upgrade != "" {
		fmt.Fprintf(&b, "Upgrade: %s\r\n", r.Upgrade)
	}
	for name, value := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	for _, name := range responseHeaders {
		fmt.Fprintf(&b, "%s: %s\r\n", wantHeader, name)
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// compareSeen returns the differences between the expected and the received response.
func compareSeen(c stagetest.Check, s seen) []string {
	want := c.Answer
	if s.failure != nil || want.Refused {
		if s.failure == nil || !want.Refused {
			return []string{fmt.Sprintf("refused: want %t, got %v (status %d)", want.Refused, s.failure, s.status)}
		}
		return nil
	}
	var wrong []string
	check := func(what, want, got string) {
		if want != "" && want != got {
			wrong = append(wrong, fmt.Sprintf("%s: want %q, got %q", what, want, got))
		}
	}
	status := fmt.Sprint(want.Status)
	if want.GRPCStatus != "" {
		status = fmt.Sprint(http.StatusOK)
	}
	check("status", status, fmt.Sprint(s.status))
	check("grpc-status", want.GRPCStatus, s.header.Get("Grpc-Status"))
	check("certificate", want.Certificate, s.certificate)
	check("location", want.Location, s.header.Get("Location"))
	check("body", want.Body, s.body)
	wrong = append(wrong, compareHeaders("response", want.Headers, want.Without, s.header)...)
	return append(wrong, compareBackend(want.From, s.backend)...)
}

func compareBackend(from []stagetest.Backend, got *received) []string {
	if got == nil || len(from) == 0 {
		if got != nil || len(from) > 0 {
			return []string{fmt.Sprintf("backend: want one of %v, got %+v", from, got)}
		}
		return nil
	}
	i := slices.IndexFunc(from, func(s stagetest.Backend) bool { return s.Service == got.Service })
	if i < 0 {
		return []string{fmt.Sprintf("backend: want one of %v, got %+v", from, got)}
	}
	var wrong []string
	check := func(what, want, got string) {
		if want != "" && want != got {
			wrong = append(wrong, fmt.Sprintf("%s of the backend: want %q, got %q", what, want, got))
		}
	}
	s := from[i]
	check("path", s.Path, got.Path)
	check("host", s.Host, got.Host)
	check("server name", s.SNI, got.SNI)
	check("a certificate of Envoy", fmt.Sprint(s.Shows != ""), fmt.Sprint(got.Shows))
	if s.Protocol != "tcp" {
		check("protocol", s.Protocol, got.Protocol)
	}
	return append(wrong, compareHeaders("request", s.Headers, s.Without, got.Header)...)
}

func compareHeaders(what string, want map[string]string, without []string, got http.Header) []string {
	var wrong []string
	for name, value := range want {
		if is := got.Values(name); len(is) != 1 || value != "*" && value != is[0] {
			wrong = append(wrong, fmt.Sprintf("%s header %s: want %q, got %q", what, name, value, is))
		}
	}
	for _, name := range without {
		if is := got.Values(name); len(is) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s header %s is not removed: %q", what, name, is))
		}
	}
	return wrong
}
