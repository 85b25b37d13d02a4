package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"contour.example/contour/internal/certs"
)

// mount is a directory as the kubelet makes it of a Secret: the files are links
// through ..data, a link to a directory, which is replaced as a whole.
type mount struct {
	dir        string
	generation int
}

func newMount(t *testing.T, b *certs.Bundle) *mount {
	t.Helper()
	m := &mount{dir: t.TempDir()}
	for _, name := range []string{"ca.crt", "tls.crt", "tls.key"} {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)))
	}
	m.swap(t, b)
	return m
}

func (m *mount) swap(t *testing.T, b *certs.Bundle) {
	t.Helper()
	m.generation++
	target := "..generation-" + strconv.Itoa(m.generation)
	must(t, os.Mkdir(filepath.Join(m.dir, target), 0o755))
	for name, content := range map[string][]byte{"ca.crt": b.CA, "tls.crt": b.Contour.Cert, "tls.key": b.Contour.Key} {
		must(t, os.WriteFile(filepath.Join(m.dir, target, name), content, 0o600))
	}
	must(t, os.Symlink(target, filepath.Join(m.dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")))
}

// overwrite writes into the existing file, as an editor might.
func (m *mount) overwrite(t *testing.T, name string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(m.dir, name), content, 0o600))
}

func (m *mount) files() Files {
	return Files{
		CA:   filepath.Join(m.dir, "ca.crt"),
		Cert: filepath.Join(m.dir, "tls.crt"),
		Key:  filepath.Join(m.dir, "tls.key"),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bundle(t *testing.T) *certs.Bundle {
	t.Helper()
	b, err := certs.Generate(certs.Options{Namespace: "test", LifetimeDays: 1, Now: time.Now()})
	must(t, err)
	return b
}

// problems collects what a server reports.
type problems struct {
	mu  sync.Mutex
	all []string
}

func (p *problems) report(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, err.Error())
}

func (p *problems) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.all...)
}

// listen serves connections that send their bytes back, and returns the address.
func listen(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	must(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn) // the client's side of the connection is what is checked
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return l.Addr().String()
}

// client is an Envoy with its part of the Bundle.
func client(t *testing.T, b *certs.Bundle) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair(b.Envoy.Cert, b.Envoy.Key)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.CA)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "contour", NextProtos: []string{"h2"},
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
}

// talk connects and sends a byte forth and back; with TLS 1.3 a rejection by the server is visible only then.
func talk(t *testing.T, address string, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return conn, echo(conn)
}

func echo(conn *tls.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

// serve is a server over the mount with the problems that it reports.
func serve(t *testing.T, m *mount) (address string, p *problems) {
	t.Helper()
	p = &problems{}
	config, err := Server(m.files(), p.report)
	must(t, err)
	return listen(t, config), p
}

func TestServerAuthenticatesBothSides(t *testing.T) {
	t.Parallel()
	b := bundle(t)
	address, _ := serve(t, newMount(t, b))
	conn, err := talk(t, address, client(t, b))
	must(t, err)
	if s := conn.ConnectionState(); s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "h2" {
		t.Errorf("version %x, protocol %q", s.Version, s.NegotiatedProtocol)
	}
}

func TestServerRejects(t *testing.T) {
	t.Parallel()
	b := bundle(t)
	address, _ := serve(t, newMount(t, b))
	tests := map[string]func(*tls.Config){
		"no certificate": func(c *tls.Config) { c.Certificates = nil },
		"another CA's":   func(c *tls.Config) { c.Certificates = client(t, bundle(t)).Certificates },
		"TLS 1.2":        func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
	}
	for name, edit := range tests {
		config := client(t, b)
		edit(config)
		if _, err := talk(t, address, config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestServerRenews(t *testing.T) {
	t.Parallel()
	before, after := bundle(t), bundle(t)
	m := newMount(t, before)
	address, p := serve(t, m)
	existing, err := talk(t, address, client(t, before))
	must(t, err)

	m.swap(t, after)
	if _, err := talk(t, address, client(t, after)); err != nil {
		t.Errorf("new certificates: %v", err)
	}
	if _, err := talk(t, address, client(t, before)); err == nil {
		t.Error("the old CA is still trusted")
	}
	if err := echo(existing); err != nil {
		t.Errorf("existing connection: %v", err)
	}
	if got := p.list(); len(got) != 0 {
		t.Errorf("reported %v", got)
	}
}

func TestServerDoesNotResumeSessions(t *testing.T) {
	t.Parallel()
	b := bundle(t)
	address, _ := serve(t, newMount(t, b))
	config := client(t, b)
	for range 2 {
		conn, err := talk(t, address, config)
		must(t, err)
		if conn.ConnectionState().DidResume {
			t.Error("resumed: the client was not verified again")
		}
	}
}

func TestServerKeepsTheLastGoodFiles(t *testing.T) {
	t.Parallel()
	other := bundle(t)
	tests := map[string]struct {
		spoil func(*testing.T, *mount)
		want  string
	}{
		"certificate without its key": {func(t *testing.T, m *mount) { m.overwrite(t, "tls.crt", other.Contour.Cert) }, "private key"},
		"half a certificate":          {func(t *testing.T, m *mount) { m.overwrite(t, "tls.crt", other.Contour.Cert[:100]) }, "tls.crt"},
		"empty CA":                    {func(t *testing.T, m *mount) { m.overwrite(t, "ca.crt", nil) }, "contains no certificate"},
		"no key":                      {func(t *testing.T, m *mount) { must(t, os.Remove(filepath.Join(m.dir, "tls.key"))) }, "no such file"},
		"no files":                    {func(t *testing.T, m *mount) { must(t, os.RemoveAll(m.dir)) }, "no such file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bundle(t)
			m := newMount(t, b)
			address, p := serve(t, m)
			tt.spoil(t, m)
			for range 3 {
				if _, err := talk(t, address, client(t, b)); err != nil {
					t.Errorf("last good: %v", err)
				}
			}
			if got := p.list(); len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("reported %q, want once %q", got, tt.want)
			}
		})
	}
}

func TestServerRecoversAndReportsTheNextProblem(t *testing.T) {
	t.Parallel()
	before, after := bundle(t), bundle(t)
	m := newMount(t, before)
	address, p := serve(t, m)
	for i := range 2 {
		m.overwrite(t, "tls.key", []byte("spoilt"))
		if _, err := talk(t, address, client(t, before)); err != nil {
			t.Errorf("spoilt: %v", err)
		}
		m.overwrite(t, "tls.key", before.Contour.Key)
		if _, err := talk(t, address, client(t, before)); err != nil {
			t.Errorf("repaired: %v", err)
		}
		if got := len(p.list()); got != i+1 {
			t.Errorf("reported %d times, want %d", got, i+1)
		}
	}
	m.swap(t, after)
	if _, err := talk(t, address, client(t, after)); err != nil {
		t.Errorf("renewed: %v", err)
	}
}

func TestServerNeedsGoodFilesToStart(t *testing.T) {
	t.Parallel()
	b := bundle(t)
	m := newMount(t, b)
	m.overwrite(t, "ca.crt", []byte("-----BEGIN"))
	if _, err := Server(m.files(), nil); err == nil || !strings.Contains(err.Error(), "contains no certificate") {
		t.Errorf("got %v", err)
	}
	if _, err := Server(Files{}, nil); err == nil {
		t.Error("no error without files")
	}
}

func TestServerUnderConcurrentRenewal(t *testing.T) {
	t.Parallel()
	b := bundle(t)
	m := newMount(t, b)
	address, p := serve(t, m)
	var clients sync.WaitGroup
	for range 4 {
		config := client(t, b)
		clients.Go(func() {
			for range 10 {
				if _, err := talk(t, address, config); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		m.swap(t, b)
	}
	clients.Wait()
	if got := p.list(); len(got) != 0 {
		t.Errorf("reported %v", got)
	}
}

// A server of pages serves clients without a certificate if there is no CA, and refuses them if there is one; it reads renewed
// files, and keeps to TLS 1.3 and HTTP/1.1.
func TestPages(t *testing.T) {
	before, after := bundle(t), bundle(t)
	m := newMount(t, before)
	open := m.files()
	open.CA = ""
	for _, c := range []struct {
		files     Files
		anonymous bool
	}{{open, true}, {m.files(), false}} {
		m.swap(t, before)
		config, err := Pages(c.files, func(err error) { t.Error(err) })
		must(t, err)
		address := listen(t, config)
		anonymous := client(t, before)
		anonymous.Certificates, anonymous.NextProtos = nil, []string{"h2", "http/1.1"}
		conn, err := talk(t, address, anonymous)
		if (err == nil) != c.anonymous {
			t.Errorf("with CA %q, a client without a certificate: %v", c.files.CA, err)
		}
		if err == nil && conn.ConnectionState().NegotiatedProtocol != "http/1.1" {
			t.Errorf("the protocol is %q", conn.ConnectionState().NegotiatedProtocol)
		}
		old := anonymous.Clone()
		old.MaxVersion = tls.VersionTLS12
		if _, err := talk(t, address, old); err == nil {
			t.Error("TLS 1.2 is served")
		}
		known := client(t, before)
		known.NextProtos = []string{"http/1.1"}
		if _, err := talk(t, address, known); err != nil {
			t.Errorf("with CA %q, a client with a certificate: %v", c.files.CA, err)
		}
		m.swap(t, after)
		renewed := client(t, after)
		renewed.NextProtos = []string{"http/1.1"}
		if _, err := talk(t, address, renewed); err != nil {
			t.Errorf("with CA %q, after a renewal: %v", c.files.CA, err)
		}
	}
	if _, err := Pages(Files{Cert: m.files().Cert}, nil); err == nil {
		t.Error("a server without a key starts")
	}
}
