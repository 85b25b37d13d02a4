//go:build envoy

package pipeline_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"contour.example/contour/internal/semantic"
)

// keeper sends requests literally, over connections that it keeps.
type keeper struct {
	kept  map[string]*literalConn
	ended int // kept connections that failed, as others did after the same request
}

// literalConn is a connection of HTTP/1.1, or of HTTP/2, with one request at a time.
type literalConn struct {
	net.Conn
	in          *bufio.Reader
	frames      *http2.Framer // nil: HTTP/1.1
	head        *hpack.Encoder
	block       bytes.Buffer
	stream      uint32
	certificate string
	last        semantic.Request
}

// close ends the connections.
func (k *keeper) close() {
	for _, c := range k.kept {
		_ = c.Close()
	}
	k.kept = map[string]*literalConn{}
}

// send sends a request over a kept connection if there is one and the request may use it, else over a new one.
func (k *keeper) send(to string, r semantic.Request, keep bool) seen {
	key := fmt.Sprint(to, r.TLS, r.SNI, r.Version, r.ClientCertificate, r.HTTP2)
	if r.TLS && r.SNI == "" {
		key += strings.ToLower(r.Host)
	}
	if keep = keep && r.Upgrade == ""; keep && k.kept[key] != nil {
		last := k.kept[key].last
		s, more := k.kept[key].exchange(r)
		if s.failure != nil && !answersBoth(to, last, r) {
			k.ended++
		}
		if !more || s.failure != nil {
			k.drop(key)
		}
		return s
	}
	c, err := open(to, r)
	if err != nil {
		return seen{failure: err}
	}
	s, more := c.exchange(r)
	if keep && more && s.failure == nil {
		k.kept[key] = c
	} else {
		_ = c.Close()
	}
	return s
}

// answersBoth reports whether a new connection has responses to both requests, or says that it has no more than the first.
func answersBoth(to string, first, second semantic.Request) bool {
	c, err := open(to, first)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	s, more := c.exchange(first)
	if s.failure == nil && more {
		s, _ = c.exchange(second)
	}
	return s.failure == nil
}

func (k *keeper) drop(key string) {
	_ = k.kept[key].Close()
	delete(k.kept, key)
}

func open(to string, r semantic.Request) (*literalConn, error) {
	conn, err := dial(to, r)
	if err != nil {
		return nil, err
	}
	c := &literalConn{Conn: conn, in: bufio.NewReader(conn), stream: 1}
	_ = c.SetDeadline(time.Now().Add(timeout))
	two := r.HTTP2
	if secure, ok := conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		two, c.certificate = state.NegotiatedProtocol == "h2", state.PeerCertificates[0].DNSNames[0]
	}
	if !two {
		return c, nil
	}
	out := bufio.NewWriter(conn)
	c.frames, c.head = http2.NewFramer(out, c.in), hpack.NewEncoder(&c.block)
	c.frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, _ = out.WriteString(http2.ClientPreface)
	_ = c.frames.WriteSettings()
	err = out.Flush()
	c.frames = http2.NewFramer(conn, c.in)
	c.frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return c, err
}

// exchange sends a request and returns the response, and whether the connection can have another one.
func (c *literalConn) exchange(r semantic.Request) (s seen, more bool) {
	c.last = r
	_ = c.SetDeadline(time.Now().Add(timeout))
	if c.frames != nil {
		s, more = c.exchangeFrames(r)
	} else {
		s, more = c.exchangeText(r)
	}
	s.certificate = c.certificate
	if s.header.Get("Content-Encoding") == "gzip" {
		s.body = unzipped(s.body)
	}
	if text := s.header.Get(receivedHeader); text != "" && s.failure == nil {
		s.backend = &received{}
		s.failure = json.Unmarshal([]byte(text), s.backend)
	}
	return s, more
}

// unzipped returns a body that Envoy compressed; "" if it is none.
func unzipped(body string) string {
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		return ""
	}
	out, _ := io.ReadAll(r)
	return string(out)
}

func (c *literalConn) exchangeText(r semantic.Request) (s seen, more bool) {
	if _, err := c.Write(bytes.Replace(text(r, nil), []byte("Connection: close\r\n"), nil, 1)); err != nil {
		return seen{failure: err}, false
	}
	response, err := http.ReadResponse(c.in, &http.Request{Method: r.Method})
	if err != nil {
		return seen{failure: err}, false
	}
	s = seen{status: response.StatusCode, header: response.Header}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return s, false
	}
	body, err := io.ReadAll(response.Body)
	s.body, s.failure = string(body), err
	return s, !response.Close
}

func (c *literalConn) exchangeFrames(r semantic.Request) (s seen, more bool) {
	stream := c.stream
	c.stream += 2
	if err := c.sendHeaders(stream, r); err != nil {
		return seen{failure: err}, false
	}
	// A listener for HTTP/1.1 answers in it, and closes the connection a second later.
	if text, _ := c.in.Peek(len(inText)); string(text) == inText {
		return seen{failure: errors.New("the response is in HTTP/1.1")}, false
	}
	return c.readResponse(stream)
}

// inText begins a response in HTTP/1.1.
const inText = "HTTP/"

func (c *literalConn) sendHeaders(stream uint32, r semantic.Request) error {
	c.block.Reset()
	scheme := "http"
	if r.TLS {
		scheme = "https"
	}
	field := func(name, value string) { _ = c.head.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	field(":method", r.Method)
	field(":scheme", scheme)
	field(":authority", r.Host)
	field(":path", r.Path)
	for name, value := range r.Headers {
		field(strings.ToLower(name), value)
	}
	return c.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.block.Bytes(), EndStream: true, EndHeaders: true})
}

func (c *literalConn) readResponse(stream uint32) (s seen, more bool) {
	s.header, more = http.Header{}, true
	for {
		f, err := c.frames.ReadFrame()
		if err != nil {
			return seen{failure: err}, false
		}
		ended := false
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = c.frames.WriteSettingsAck()
			}
		case *http2.PingFrame:
			_ = c.frames.WritePing(true, f.Data)
		case *http2.GoAwayFrame:
			if more = false; f.LastStreamID < stream {
				return seen{failure: errors.New("the connection goes away")}, false
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == stream {
				return seen{failure: fmt.Errorf("reset: %s", f.ErrCode)}, false
			}
		case *http2.MetaHeadersFrame:
			for _, h := range f.Fields {
				if h.Name == ":status" {
					_, _ = fmt.Sscan(h.Value, &s.status)
				} else {
					s.header.Add(h.Name, h.Value)
				}
			}
			ended = f.StreamEnded()
		case *http2.DataFrame:
			s.body += string(f.Data())
			if n := uint32(len(f.Data())); n > 0 {
				_ = c.frames.WriteWindowUpdate(0, n)
			}
			ended = f.StreamEnded()
		}
		if ended {
			return s, more
		}
	}
}

// compareWithModel returns the differences between an answer of the model and the response.
func compareWithModel(r semantic.Request, a semantic.Answer, s seen, backendName string) []string {
	if s.failure != nil && len(a.From) > 0 && a.From[0].Path == "" { // Envoy closes the connection where it answers other requests with 503
		if a.Lost == 0 && !slices.ContainsFunc(a.From, func(u semantic.Upstream) bool { return rejected(u, backendName) }) {
			return []string{fmt.Sprint("no backend receives the bytes: ", s.failure)}
		}
		return nil
	}
	if s.failure != nil || a.Refused {
		if s.failure == nil || !a.Refused {
			return []string{fmt.Sprintf("refused: the model %t, Envoy %v (status %d)", a.Refused, s.failure, s.status)}
		}
		return nil
	}
	var wrong []string
	check := func(what, model, envoy string) {
		if model != envoy {
			wrong = append(wrong, fmt.Sprintf("%s: the model %q, Envoy %q", what, model, envoy))
		}
	}
	if a.Certificate != "" {
		check("certificate", a.Certificate, s.certificate)
	}
	if len(a.From) > 0 && s.backend == nil && (s.status == http.StatusServiceUnavailable || s.header.Get("Grpc-Status") == "14") {
		if a.Lost == 0 && !slices.ContainsFunc(a.From, func(u semantic.Upstream) bool { return rejected(u, backendName) }) {
			wrong = append(wrong, "no backend answers")
		}
		return wrong
	}
	if a.GRPCStatus != "" {
		check("status of gRPC", "200 "+a.GRPCStatus, fmt.Sprint(s.status, " ", s.header.Get("Grpc-Status")))
	} else {
		check("status", fmt.Sprint(a.Status), fmt.Sprint(s.status))
	}
	check("location", a.Location, s.header.Get("Location"))
	if encoding := s.header.Get("Content-Encoding"); a.Body != "" && r.Method != http.MethodHead && a.GRPCStatus == "" && (encoding == "" || encoding == "gzip") {
		check("body", a.Body, s.body)
	}
	if len(a.From) == 0 {
		if s.backend != nil {
			return append(wrong, "a backend answers: "+s.backend.Service)
		}
		if a.ChangesVary {
			return wrong
		}
		return append(wrong, compareAll("response", nil, a.Changes, s.header, responseHeader)...)
	}
	if s.backend == nil {
		return append(wrong, "no backend answers")
	}
	i := slices.IndexFunc(a.From, func(u semantic.Upstream) bool {
		return u.Service == s.backend.Service && (u.Weight > 0 || len(a.From) == 1)
	})
	if i < 0 || rejected(a.From[i], backendName) {
		return append(wrong, "another backend answers: "+s.backend.Service)
	}
	candidates := slices.DeleteFunc(slices.Clone(a.From), func(u semantic.Upstream) bool { return u.Service != s.backend.Service })
	best := compareUpstream(r, candidates[0], s)
	for _, u := range candidates[1:] { // several with one Service, such as with other headers
		if other := compareUpstream(r, u, s); len(other) < len(best) {
			best = other
		}
	}
	return append(wrong, best...)
}

// rejected reports whether Envoy rejects the certificate of the backends of these tests.
func rejected(u semantic.Upstream, backendName string) bool {
	return len(u.Verified) > 0 && !slices.Contains(u.Verified, backendName)
}

func compareUpstream(r semantic.Request, u semantic.Upstream, s seen) (wrong []string) {
	check := func(what, model, envoy string) {
		if model != envoy {
			wrong = append(wrong, fmt.Sprintf("%s of the backend: the model %q, Envoy %q", what, model, envoy))
		}
	}
	if u.Path == "" { // bytes that Envoy does not read
		return nil
	}
	check("protocol", u.Protocol, s.backend.Protocol)
	check("path", u.Path, s.backend.Path)
	if !sameValue(u.Host, s.backend.Host) {
		check("host", u.Host, s.backend.Host)
	}
	if u.SNI != "" {
		check("server name", u.SNI, s.backend.SNI)
	}
	check("a certificate of Envoy", fmt.Sprint(u.Shows != ""), fmt.Sprint(s.backend.Shows))
	wrong = append(wrong, compareAll("request", r.Headers, u.Request, s.backend.Header, requestHeader)...)
	if strings.Contains(u.Hash, "cookie ") { // Envoy gives the client a cookie for it
		cookies := slices.DeleteFunc(slices.Clone(s.header.Values("Set-Cookie")), func(c string) bool { return strings.HasPrefix(c, "X-Contour-Session-Affinity=") })
		if s.header.Del("Set-Cookie"); len(cookies) > 0 {
			s.header["Set-Cookie"] = cookies
		}
	}
	return append(wrong, compareAll("response", nil, withToken(u), s.header, responseHeader)...)
}

// withToken returns the changes to a response, with a command operator in place of the token of a new session, which is unknown.
func withToken(u semantic.Upstream) semantic.Changes {
	c := semantic.Changes{Set: maps.Clone(u.Response.Set), Removed: u.Response.Removed}
	name := "set-cookie"
	if header, ok := strings.CutPrefix(u.Session, "header "); ok {
		name = strings.ToLower(header)
	}
	if value, ok := c.Set[name]; ok && u.Session != "" {
		c.Set[name] = strings.Replace(value, "*", "%TOKEN%", 1)
	}
	return c
}

// requestHeader reports whether Envoy or the backends add or remove the header of their own accord.
func requestHeader(name string) bool {
	return strings.HasPrefix(name, "x-envoy-") || slices.Contains([]string{
		"x-forwarded-for", "x-forwarded-proto", "x-request-id", "content-length", "te", "upgrade", "connection", "grpc-accept-encoding",
	}, name)
}

func responseHeader(name string) bool {
	return strings.HasPrefix(name, "x-envoy-") || strings.HasPrefix(name, "grpc-") || slices.Contains([]string{
		"server", "date", "content-length", "content-type", "location", "vary", "www-authenticate", "connection", "upgrade", "x-received", "transfer-encoding", "allow", "x-not-allowed", "x-user", // the last two of the authorization server
	}, name)
}

// compareAll compares all headers of a message with what was sent and what the model changes.
func compareAll(what string, sent map[string]string, c semantic.Changes, got http.Header, own func(string) bool) (wrong []string) {
	want := map[string]string{}
	for name, value := range sent {
		want[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	for _, name := range c.Removed {
		delete(want, name)
	}
	for name, value := range c.Set {
		want[name] = value
	}
	for name, value := range want {
		if own(name) && c.Set[name] == "" || name == "host" {
			continue
		}
		if is := strings.Join(got.Values(name), ","); name == "x-forwarded-client-cert" && strings.HasPrefix(is, value+";") {
			continue // the hash stands for all of it
		} else if !sameValue(strings.TrimSpace(value), strings.TrimSpace(is)) || len(got.Values(name)) == 0 {
			wrong = append(wrong, fmt.Sprintf("%s header %s: the model %q, Envoy %q", what, name, value, got.Values(name)))
		}
	}
	for name, values := range got {
		if name = strings.ToLower(name); !own(name) && want[name] == "" && strings.Join(values, "") != "" {
			wrong = append(wrong, fmt.Sprintf("%s header %s: the model has none, Envoy %q", what, name, values))
		}
	}
	for _, name := range c.Removed {
		if _, set := c.Set[name]; !set && len(got.Values(name)) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s header %s: the model removes it, Envoy %q", what, name, got.Values(name)))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// sameValue compares a value of the model, in which command operators stand for what only Envoy knows.
func sameValue(model, envoy string) bool {
	from, to := strings.IndexByte(model, '%'), strings.LastIndexByte(model, '%')
	return model == envoy || from < to && strings.HasPrefix(envoy, model[:from]) && strings.HasSuffix(envoy, model[to+1:])
}
