//go:build envoy

package pipeline_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/stagetest"
)

// mounted is a directory like that of a mounted Secret: its files are links through a link to a directory that is replaced.
type mounted struct {
	dir        string
	generation int
}

// newMounted has the files until the test ends.
func newMounted(t *testing.T, files map[string][]byte) *mounted {
	t.Helper()
	m := &mounted{dir: t.TempDir()}
	m.replace(t, files)
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *mounted) replace(t *testing.T, files map[string][]byte) {
	t.Helper()
	m.generation++
	target := fmt.Sprint("..", m.generation)
	if err := os.Mkdir(filepath.Join(m.dir, target), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(m.dir, target, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	next := filepath.Join(m.dir, "..next")
	if err := os.Symlink(target, next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(m.dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }

// stats returns the status of /stats/prometheus over TLS and the serial number of the certificate; 0 if there is no answer.
func (f *fleet) stats(t *testing.T, edit func(*tls.Config)) (status int, serial string) {
	t.Helper()
	c := &tls.Config{InsecureSkipVerify: true}
	edit(c)
	at := f.config.Listeners.Stats
	conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", net.JoinHostPort(at.Host, fmt.Sprint(at.Port)))
	if err != nil {
		return 0, err.Error()
	}
	defer conn.Close()
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://envoy/stats/prometheus", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if !strings.Contains(string(body), "envoy_server_uptime") {
		return 0, string(body)
	}
	return resp.StatusCode, conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// newServing returns the files of a certificate whose serial number is that of the years until it ends.
func newServing(t *testing.T, years int) (files map[string][]byte, pair tls.Certificate) {
	t.Helper()
	issued, err := stagetest.NewPair("envoy", stagetest.Now().AddDate(years, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	pair, err = tls.X509KeyPair(issued.Certificate, issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"tls.crt": issued.Certificate, "tls.key": issued.Key, "ca.crt": issued.Certificate}, pair
}

// The statistics have TLS with the files on the disk of Envoy, which are read again when they change, and require certificates of the CA;
// readiness has a listener of its own. Without the files, the statistics are in plain text again.
func TestStatsTLSOnEnvoy(t *testing.T) {
	files, known := newServing(t, 10)
	m := newMounted(t, files)
	f := startFleet(t, func(c *config.Config) {
		c.Listeners.Health = config.Address{Host: "127.0.0.1", Port: envoytest.FreePort(t)}
		c.Listeners.StatsTLS = ir.TLSFiles{Certificate: m.path("tls.crt"), Key: m.path("tls.key")}
	})
	anonymous := func(*tls.Config) {}
	show := func(c tls.Certificate) func(*tls.Config) {
		return func(t *tls.Config) { t.Certificates = []tls.Certificate{c} }
	}
	serves := func(what string, c tls.Certificate, edit func(*tls.Config)) {
		t.Helper()
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		f.until(t, what, func() (bool, string) {
			status, serial := f.stats(t, edit)
			return status == http.StatusOK && serial == leaf.SerialNumber.String(), serial
		})
	}
	serves("statistics over TLS", known, anonymous)
	if status, _ := f.stats(t, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); status != 0 {
		t.Errorf("TLS 1.2: %d", status)
	}
	if got := f.readyAt(t, f.config.Listeners.Stats); got == http.StatusOK {
		t.Errorf("the listener for statistics answers in plain text: %d", got)
	}
	if got := f.readyAt(t, f.config.Listeners.Health); got != http.StatusOK {
		t.Errorf("/ready: %d", got)
	}

	f.config.Listeners.StatsTLS.CA = m.path("ca.crt")
	f.sys.Configure(f.config)
	f.waitIdle(t)
	serves("statistics for a client of the CA", known, show(known))
	f.until(t, "refusal of a client without a certificate", func() (bool, string) {
		status, text := f.stats(t, anonymous)
		return status == 0, text
	})
	renewed, other := newServing(t, 11)
	if status, _ := f.stats(t, show(other)); status != 0 {
		t.Errorf("a client of another CA: %d", status)
	}
	m.replace(t, renewed)
	serves("renewed files", other, show(other))
	f.until(t, "refusal of a client of the former CA", func() (bool, string) {
		status, text := f.stats(t, show(known))
		return status == 0, text
	})

	f.config.Listeners.StatsTLS = ir.TLSFiles{}
	f.sys.Configure(f.config)
	f.waitIdle(t)
	f.until(t, "statistics in plain text", func() (bool, string) {
		got := f.readyAt(t, f.config.Listeners.Stats)
		return got == http.StatusOK, fmt.Sprint(got)
	})
}

// Files that an Envoy does not have affect its statistics only: it is ready, and serves hosts.
func TestStatsTLSWithoutFilesOnEnvoy(t *testing.T) {
	f := startFleet(t)
	f.config.Listeners.Health = config.Address{Host: "127.0.0.1", Port: envoytest.FreePort(t)}
	f.config.Listeners.StatsTLS = ir.TLSFiles{Certificate: "/nonexistent/tls.crt", Key: "/nonexistent/tls.key"}
	f.sys.Step(f.edgeObjects(t, 0))
	f.sys.Configure(f.config)
	f.until(t, "the host is served", func() (bool, string) {
		got := f.exchange(t, "GET / HTTP/1.1\r\nHost: "+edgeHost+"\r\nConnection: close\r\n\r\n")
		return got.StatusCode == http.StatusOK, got.Status
	})
	f.until(t, "Envoy is ready", func() (bool, string) {
		got := f.readyAt(t, f.config.Listeners.Health)
		return got == http.StatusOK, fmt.Sprint(got)
	})
	if got := f.readyAt(t, f.config.Listeners.Stats); got == http.StatusOK {
		t.Log("the former listener for statistics is still there") // it is replaced when the secret arrives
	}
}

// The administration has a listener only if it is configured. It serves the pages that read, to requests for a local host.
func TestAdministrationOnEnvoy(t *testing.T) {
	f := startFleet(t)
	at := config.Address{Host: "127.0.0.1", Port: envoytest.FreePort(t)}
	get := func(method, path, host string) int {
		t.Helper()
		c, err := net.Dial("tcp", net.JoinHostPort(at.Host, fmt.Sprint(at.Port)))
		if err != nil {
			return 0
		}
		c.Close()
		req, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("http://%s:%d%s", at.Host, at.Port, path), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := (&http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	if got := get(http.MethodGet, "/ready", "localhost"); got != 0 {
		t.Fatalf("without a setting: %d", got)
	}
	f.config.Listeners.Inspect = at
	f.sys.Configure(f.config)
	f.waitIdle(t)
	f.until(t, "the listener exists", func() (bool, string) {
		got := get(http.MethodGet, "/ready", "localhost")
		return got == http.StatusOK, fmt.Sprint(got)
	})
	for _, path := range strings.Fields("/certs /clusters /config_dump /listeners /memory /ready /runtime /server_info /stats /stats/prometheus /stats/recentlookups") {
		if got := get(http.MethodGet, path, fmt.Sprintf("127.0.0.1:%d", at.Port)); got == http.StatusNotFound || got == 0 {
			t.Errorf("GET %s: %d", path, got)
		}
		if got := get(http.MethodPost, path, "localhost"); got != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, got)
		}
		if got := get(http.MethodGet, path, "rebound.example"); got != http.StatusNotFound {
			t.Errorf("GET %s for another host: %d", path, got)
		}
	}
	for _, path := range strings.Fields("/ /quitquitquit /healthcheck/fail /drain_listeners /logging /cpuprofiler /heap_dump /contention /reset_counters /runtime_modify /stats/recentlookups/enable /hot_restart_version /init_dump /help") {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if got := get(method, path, "localhost"); got != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, got)
			}
		}
	}
	f.config.Listeners.Inspect = config.Address{}
	f.sys.Configure(f.config)
	f.waitIdle(t)
	f.until(t, "the listener is gone", func() (bool, string) {
		got := get(http.MethodGet, "/ready", "localhost")
		return got == 0, fmt.Sprint(got)
	})
}
