//go:build envoy

package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"contour.example/contour/internal/app"
	"contour.example/contour/internal/envoytest"
)

// patience is how long a loaded machine may take for what usually takes a second.
const patience = 60 * time.Second

// asContour makes the test binary be contour.
const asContour = "CONTOUR_TEST_AS_CONTOUR"

func TestMain(m *testing.M) {
	if os.Getenv(asContour) != "" {
		os.Exit(app.Main(os.Args[1:], app.Streams{Out: os.Stdout, Err: os.Stderr, Env: os.Getenv}))
	}
	os.Exit(m.Run())
}

// standalone is a contour of its own process, serving a directory.
type standalone struct {
	t           *testing.T
	dir, temp   string
	http, https int
	backend     *httptest.Server
	slow        chan struct{} // a value: a slow request has arrived
	cmd         *exec.Cmd
	done        chan struct{} // closed when it has ended and all output is read

	mu       sync.Mutex
	out, err []string
}

// setUp is a directory that serves a.example and b.example, whose backend says its name and path.
func setUp(t *testing.T) *standalone {
	t.Helper()
	s := &standalone{t: t, dir: t.TempDir(), temp: shortDir(t), http: int(envoytest.FreePort(t)), https: int(envoytest.FreePort(t)), done: make(chan struct{}), slow: make(chan struct{}, 1)}
	s.backend = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.backend.Close)
	s.write("web.yaml", service("web", s.backend))
	s.write("a.yaml", route("a", "/"))
	s.write("b.yaml", route("b", "/"))
	return s
}

// answer takes a second if the query says so.
func (s *standalone) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("slow") {
		s.slow <- struct{}{}
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
		}
	}
	fmt.Fprint(w, r.Host+r.URL.Path)
}

// shortDir is for unix sockets, whose paths are short.
func shortDir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("", "sa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	return d
}

func service(name string, backend *httptest.Server) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-1, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{port: %[2]d}]
endpoints: [{addresses: [127.0.0.1]}]
`, name, backend.Listener.Addr().(*net.TCPAddr).Port)
}

func route(name, prefix string) string {
	return fmt.Sprintf(`apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: %[1]s}
spec:
  virtualhost: {fqdn: %[1]s.example}
  routes:
    - conditions: [{prefix: %[2]s}]
      services:
        - {name: web, port: 80}
`, name, prefix)
}

func (s *standalone) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *standalone) start(flags ...string) {
	s.t.Helper()
	args := append([]string{"standalone", s.dir, "--envoy", envoytest.Path(s.t), "--http-port", strconv.Itoa(s.http), "--https-port", strconv.Itoa(s.https)}, flags...)
	s.cmd = exec.Command(os.Args[0], args...)
	s.cmd.Env = append(os.Environ(), asContour+"=1", "TMPDIR="+s.temp)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	errs, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { s.read(out, &s.out) })
	reading.Go(func() { s.read(errs, &s.err) })
	go func() { reading.Wait(); _ = s.cmd.Wait(); close(s.done) }()
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		s.ended()
		if s.t.Failed() {
			s.t.Logf("standard output:\n%s\nstandard error:\n%s", s.said(&s.out), s.said(&s.err))
		}
	})
}

func (s *standalone) read(from io.Reader, to *[]string) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		s.mu.Lock()
		*to = append(*to, strings.ReplaceAll(lines.Text(), s.dir+"/", ""))
		s.mu.Unlock()
	}
}

func (s *standalone) said(lines *[]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(*lines, "\n")
}

// until asks again and again, until the observation is the expected one.
func until(t *testing.T, what string, holds func() (bool, string)) {
	t.Helper()
	deadline := time.After(patience)
	for {
		ok, observed := holds()
		if ok {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("no %s; last seen: %s", what, observed)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// says waits for a text on standard output, after all that was awaited before.
func (s *standalone) says(text string) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%q on standard output", text), func() (bool, string) {
		said := s.said(&s.out)
		return strings.Contains(said, text), said
	})
}

// forget drops what was said, so that says waits for something new.
func (s *standalone) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = nil
}

// get is the answer of a host as "status body".
func (s *standalone) get(host, path string) string {
	return s.request(host, path, func(r *http.Response) (string, error) {
		body, err := io.ReadAll(r.Body)
		return fmt.Sprintf("%d %s", r.StatusCode, body), err
	})
}

// header is a header of the answer of a host.
func (s *standalone) header(host, path, name string) string {
	return s.request(host, path, func(r *http.Response) (string, error) { return r.Header.Get(name), nil })
}

// request is what read makes of the answer of a host, or an error.
func (s *standalone) request(host, path string, read func(*http.Response) (string, error)) string {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path), http.NoBody)
	if err != nil {
		return err.Error()
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := read(response)
	if err != nil {
		return err.Error()
	}
	return text
}

func (s *standalone) serves(host, path, want string) {
	s.t.Helper()
	until(s.t, want, func() (bool, string) {
		got := s.get(host, path)
		return got == want, got
	})
}

// still is what holds without waiting.
func (s *standalone) still(host, path, want string) {
	s.t.Helper()
	if got := s.get(host, path); got != want {
		s.t.Errorf("%s%s: got %q, want %q", host, path, got, want)
	}
}

// ended waits for the end and returns the exit code.
func (s *standalone) ended() int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.t.Fatal("contour has not ended")
	}
	return s.cmd.ProcessState.ExitCode()
}

// envoy is the process id of the Envoy child.
func (s *standalone) envoy() int {
	s.t.Helper()
	pid := 0
	until(s.t, "Envoy process", func() (bool, string) {
		all, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, path := range all {
			stat, _ := os.ReadFile(path)
			_, rest, _ := strings.Cut(string(stat), ") ")
			fields := strings.Fields(rest)
			if len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(s.cmd.Process.Pid) {
				pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
			}
		}
		return pid != 0, "no child"
	})
	return pid
}

// gone waits until the process is no more, zombies aside: those are for init to bury.
func gone(t *testing.T, pid int) {
	t.Helper()
	until(t, fmt.Sprintf("end of process %d", pid), func() (bool, string) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z "), string(stat)
	})
}

func TestStandaloneFollowsTheDirectory(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.start()
	s.says(fmt.Sprintf("serving http://a.example:%d from HTTPProxy default/a in a.yaml:1", s.http))
	s.still("a.example", "/x", "200 a.example/x")
	s.still("b.example", "/x", "200 b.example/x")
	s.still("c.example", "/", "404 ")

	s.write("a.yaml", route("a", "/only"))
	s.says("changed http://a.example")
	s.serves("a.example", "/x", "404 ")
	s.still("a.example", "/only", "200 a.example/only")

	s.write("b.yaml", strings.Replace(route("b", "/"), "name: web", "name: none", 1))
	s.says(`b.yaml:9: error: HTTPProxy default/b: spec.routes[0].services[0]: ServiceUnresolvedReference: Service "default/none" does not exist.`)
	until(t, "503", func() (bool, string) { got := s.get("b.example", "/"); return strings.HasPrefix(got, "503"), got })
	s.still("a.example", "/only", "200 a.example/only")
	s.write("b.yaml", route("b", "/"))
	s.says("b.yaml: resolved: HTTPProxy default/b: spec.routes[0].services[0]: ServiceUnresolvedReference")
	s.serves("b.example", "/", "200 b.example/")

	s.write("b.yaml", route("b", "/")+"  colour: blue\n")
	s.says("b.yaml:10: error: HTTPProxy default/b: spec.colour: ")
	s.still("b.example", "/", "200 b.example/")

	s.forget()
	s.write("b.yaml", route("b", "/")[:150]+"\n  - {")
	s.says("b.yaml:")
	s.still("b.example", "/", "200 b.example/")
	s.write("b.yaml", route("b", "/"))
	s.says("b.yaml: resolved: ")

	if err := os.Remove(filepath.Join(s.dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	s.says("no longer serving http://b.example")
	s.serves("b.example", "/", "404 ")
	s.still("a.example", "/only", "200 a.example/only")
}

func TestStandaloneEndsOnSIGTERMAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.start()
	s.says("serving http://a.example")
	envoy := s.envoy()
	answered := make(chan string, 1)
	go func() { answered <- s.get("a.example", "/x?slow") }()
	select {
	case <-s.slow:
	case <-time.After(patience):
		t.Fatal("the request does not arrive")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := <-answered; got != "200 a.example/x" {
		t.Errorf("a request under way got %q", got)
	}
	gone(t, envoy)
	if left, _ := os.ReadDir(s.temp); len(left) != 0 {
		t.Errorf("left in the temporary directory: %v", left)
	}
	if said := s.said(&s.err); said != "" {
		t.Errorf("on standard error: %s", said)
	}
}

func TestStandaloneEndsWithEnvoy(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.start()
	s.says("serving http://a.example")
	if err := syscall.Kill(s.envoy(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := s.ended(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if said := s.said(&s.err); !strings.Contains(said, "envoy has ended: signal: killed") {
		t.Errorf("standard error: %q", said)
	}
}

func TestEnvoyEndsWithStandalone(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.start()
	s.says("serving http://a.example")
	envoy := s.envoy()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gone(t, envoy)
}

// TestStandaloneNamesAPortThatIsTakenLater has no host with TLS at first, so that Envoy does not listen for any.
func TestStandaloneNamesAPortThatIsTakenLater(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.start()
	s.says("serving http://a.example")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", s.https))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.write("tls.yaml", strings.Replace(route("t", "/"), "{fqdn: t.example}", "{fqdn: t.example, tls: {passthrough: true}}", 1)+
		"  tcpproxy: {services: [{name: web, port: 80}]}\n")
	s.says(fmt.Sprintf("error: Envoy cannot listen: port %d on 127.0.0.1 is used by another program; choose another with --https-port", s.https))
	s.says("serving http://t.example")
	if said := s.said(&s.out); strings.Contains(said, "serving tls://") {
		t.Errorf("a host that is not served is told as served: %s", said)
	}
	s.still("a.example", "/", "200 a.example/")
}

func TestStandaloneAdminPort(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	port := int(envoytest.FreePort(t))
	s.start("--admin-port", strconv.Itoa(port))
	s.says("serving http://a.example")
	for path, want := range map[string]string{"/server_info": "LIVE", "/debug/xds": "ingress_http"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v, want %q in %s", path, err, want, body)
		}
	}
}
