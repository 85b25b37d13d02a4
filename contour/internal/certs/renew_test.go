package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/certs/tlsfile"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/identity"
)

// made returns Secrets of certgen, with one for a fleet.
func made(t *testing.T, now time.Time, days int) []*corev1.Secret {
	t.Helper()
	b, err := Generate(Options{Namespace: "ns", LifetimeDays: days, Fleets: []string{"blue"}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return b.Secrets(SecretOptions{Namespace: "ns", Format: Compact, Version: "v1"})
}

// renewing is Secrets in an API server, and a clock.
type renewing struct {
	t       *testing.T
	now     time.Time
	secrets []*corev1.Secret
}

// step takes the step that is due, writes that many of its Secrets, all if negative, and returns it.
func (r *renewing) step(writes int) Step {
	r.t.Helper()
	s, err := Renew(r.now, r.secrets)
	if err != nil {
		r.t.Fatal(err)
	}
	r.secrets = slices.Clone(r.secrets)
	for n, changed := range s.Secrets {
		if writes >= 0 && n >= writes {
			break
		}
		i := slices.IndexFunc(r.secrets, func(o *corev1.Secret) bool { return o.Name == changed.Name })
		r.secrets[i] = changed
	}
	return s
}

// until moves the clock to the next step and takes it.
func (r *renewing) until(want Action) []*corev1.Secret {
	r.t.Helper()
	if s := r.step(-1); s.Action != Nothing {
		r.t.Fatalf("%q is due already", s.Action)
	} else {
		r.now = s.Next
	}
	if s := r.step(-1); s.Action != want {
		r.t.Fatalf("%q is due, want %q", s.Action, want)
	}
	return r.secrets
}

// A renewal begins when a third of the lifetime is left; its steps are Overlap apart, and its end is a set like the one before.
func TestStepsOfARenewal(t *testing.T) {
	t.Parallel()
	r := &renewing{t: t, now: issued(), secrets: made(t, issued(), 300)}
	before := r.secrets
	r.until(Trust)
	if left := issued().AddDate(0, 0, 300).Sub(r.now); left < 99*24*time.Hour || left > 101*24*time.Hour {
		t.Errorf("the renewal begins when %s are left", left)
	}
	began := r.now
	r.until(Switch)
	r.until(Retire)
	if took := r.now.Sub(began); took != 2*Overlap {
		t.Errorf("the renewal took %s, want %s", took, 2*Overlap)
	}
	for i, s := range r.secrets {
		if diff := cmp.Diff(keys(before[i]), keys(s)); diff != "" {
			t.Errorf("%s: keys: %s", s.Name, diff)
		}
		was, now := parse(t, before[i].Data["tls.crt"]), parse(t, s.Data["tls.crt"])
		if bytes.Equal(before[i].Data["ca.crt"], s.Data["ca.crt"]) || was.Equal(now) || bytes.Equal(before[i].Data["tls.key"], s.Data["tls.key"]) {
			t.Errorf("%s is not renewed", s.Name)
		}
		if diff := cmp.Diff(was.DNSNames, now.DNSNames); diff != "" || !slices.Equal(was.ExtKeyUsage, now.ExtKeyUsage) || now.NotAfter.Sub(now.NotBefore) != was.NotAfter.Sub(was.NotBefore) {
			t.Errorf("%s: another certificate: %+v", s.Name, now)
		}
		if fleet, err := identity.Fleet(now); err != nil || fleet != map[bool]ir.Fleet{true: "blue", false: ir.DefaultFleet}[s.Name == "envoycert-blue"] {
			t.Errorf("%s: fleet %q: %v", s.Name, fleet, err)
		}
		if s.ResourceVersion != before[i].ResourceVersion || s.Annotations[VersionAnnotation] != "v1" {
			t.Errorf("%s: metadata %+v", s.Name, s.ObjectMeta)
		}
	}
	r.until(Trust) // a year later
}

func keys(s *corev1.Secret) (keys []string) {
	for k := range s.Data {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Whatever step a controller and an Envoy have seen last, as long as that is the same one or two that follow each other, an Envoy that
// connects is accepted; and who has only seen the state before the renewal is not, after its end.
func TestConnectionsInEachStepOfARenewal(t *testing.T) {
	t.Parallel()
	r := &renewing{t: t, now: issued(), secrets: made(t, issued(), 300)}
	states := [][]*corev1.Secret{r.secrets}
	for _, a := range []Action{Trust, Switch, Retire} {
		states = append(states, r.until(a))
	}
	last := len(states) - 1
	for server := range states {
		for client := range states {
			for _, secret := range []string{"envoycert", "envoycert-blue"} {
				err := connect(t, r.now, mounted(t, states[server], "contourcert"), mounted(t, states[client], secret))
				switch apart := max(server-client, client-server); {
				case apart <= 1 && err != nil:
					t.Errorf("controller after step %d, %s after step %d: %v", server, secret, client, err)
				case apart == last && err == nil:
					t.Errorf("controller after step %d accepts %s after step %d", server, secret, client)
				}
			}
		}
	}
}

// A running controller reads the files again: the same one accepts each Envoy during the renewal of both.
func TestServerFollowsARenewal(t *testing.T) {
	t.Parallel()
	r := &renewing{t: t, now: issued(), secrets: made(t, issued(), 300)}
	server := mounted(t, r.secrets, "contourcert")
	config := serverConfig(t, func() time.Time { return r.now }, server)
	old := mounted(t, r.secrets, "envoycert")
	for _, a := range []Action{Trust, Switch, Retire} {
		before := mounted(t, r.secrets, "envoycert")
		r.until(a)
		writeFiles(t, server, r.secrets, "contourcert")
		for name, envoy := range map[string]string{"an Envoy that has not seen the step": before, "an Envoy that has": mounted(t, r.secrets, "envoycert")} {
			if err := handshake(config, clientConfig(t, r.now, envoy)); err != nil {
				t.Errorf("%q, %s: %v", a, name, err)
			}
		}
	}
	if err := handshake(config, clientConfig(t, r.now, old)); err == nil {
		t.Error("the former certificate is accepted after the renewal")
	}
}

// mounted writes a Secret of a set into a directory, as a volume has it.
func mounted(t *testing.T, secrets []*corev1.Secret, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	writeFiles(t, dir, secrets, name)
	return dir
}

func writeFiles(t *testing.T, dir string, secrets []*corev1.Secret, name string) {
	t.Helper()
	i := slices.IndexFunc(secrets, func(s *corev1.Secret) bool { return s.Name == name })
	for key, content := range secrets[i].Data {
		if err := os.WriteFile(filepath.Join(dir, key), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func serverConfig(t *testing.T, now func() time.Time, dir string) *tls.Config {
	t.Helper()
	config, err := tlsfile.Server(tlsfile.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	of := config.GetConfigForClient
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := of(h)
		if c != nil {
			c = c.Clone()
			c.Time = now
		}
		return c, err
	}
	return config
}

// clientConfig is that of an Envoy, which verifies the name of the controller.
func clientConfig(t *testing.T, now time.Time, dir string) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: trusted, ServerName: "contour", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
		Time: func() time.Time { return now },
	}
}

func connect(t *testing.T, now time.Time, server, client string) error {
	t.Helper()
	return handshake(serverConfig(t, func() time.Time { return now }, server), clientConfig(t, now, client))
}

// handshake connects, and returns after the server has accepted the client's certificate, which is after the client is done.
func handshake(server, client *tls.Config) error {
	a, b := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		s := tls.Server(a, server)
		_, err := s.Write([]byte("x"))
		ended <- errors.Join(err, a.Close())
	}()
	c := tls.Client(b, client)
	_, err := io.ReadFull(c, make([]byte, 1))
	return errors.Join(err, b.Close(), <-ended)
}

// A step of which only some Secrets were written, because the leader ended or another one wrote, is continued; in between, and with each
// state that a process may have seen, connections are accepted.
func TestInterruptedSteps(t *testing.T) {
	t.Parallel()
	for _, interrupted := range []Action{Trust, Switch, Retire} {
		for writes := range 3 {
			t.Run(fmt.Sprintf("%s/%d", interrupted, writes), func(t *testing.T) {
				t.Parallel()
				r := &renewing{t: t, now: issued(), secrets: made(t, issued(), 300)}
				for _, a := range []Action{Trust, Switch, Retire} {
					if a != interrupted {
						continue
					}
					for _, before := range []Action{Trust, Switch, Retire}[:slices.Index([]Action{Trust, Switch, Retire}, a)] {
						r.until(before)
					}
					s := r.step(-1)
					r.now = s.Next
				}
				before := r.secrets
				if s := r.step(writes); s.Action != interrupted {
					t.Fatalf("%q is due, want %q", s.Action, interrupted)
				}
				r.connected(before)
				taken := []Action{}
				for range 10 {
					before := r.secrets
					s := r.step(-1)
					if s.Action == Nothing && s.Next.Sub(r.now) > Overlap {
						break
					}
					if s.Action == Nothing {
						r.now = s.Next
						continue
					}
					taken = append(taken, s.Action)
					r.connected(before)
				}
				if len(taken) == 0 || len(taken) > 3 || slices.Contains(taken, Substitute) || len(keys(r.secrets[0])) != 3 {
					t.Errorf("continued by %q, with the keys %q", taken, keys(r.secrets[0]))
				}
			})
		}
	}
}

// connected checks that a controller and an Envoy connect, each with the state before a step or the one after it.
func (r *renewing) connected(before []*corev1.Secret) {
	r.t.Helper()
	for _, server := range [][]*corev1.Secret{before, r.secrets} {
		for _, client := range [][]*corev1.Secret{before, r.secrets} {
			if err := connect(r.t, r.now, mounted(r.t, server, "contourcert"), mounted(r.t, client, "envoycert")); err != nil {
				r.t.Error(err)
			}
		}
	}
}

// Certificates that nobody accepts any more are replaced in one step, and a CA that an operator has added stays.
func TestExpiredCertificatesAreReplaced(t *testing.T) {
	t.Parallel()
	r := &renewing{t: t, now: issued().AddDate(1, 0, 0), secrets: made(t, issued(), 300)}
	added := parse(t, generate(t).CA)
	for _, s := range r.secrets {
		s.Data["ca.crt"] = append(s.Data["ca.crt"], certPEM(added.Raw)...)
	}
	if s := r.step(-1); s.Action != Substitute {
		t.Fatalf("%q", s.Action)
	}
	if err := connect(t, r.now, mounted(t, r.secrets, "contourcert"), mounted(t, r.secrets, "envoycert")); err != nil {
		t.Error(err)
	}
	r.until(Retire)
	cas, err := parseCerts(r.secrets[0].Data["ca.crt"])
	if err != nil || len(cas) != 2 || !slices.ContainsFunc(cas, added.Equal) {
		t.Errorf("%d trusted certificates afterwards, want the new one and the one that was added: %v", len(cas), err)
	}
}

// A clock that was wrong does not stop the renewal for ever.
func TestTimeOfAStepInTheFuture(t *testing.T) {
	t.Parallel()
	r := &renewing{t: t, now: issued(), secrets: made(t, issued(), 300)}
	r.until(Trust)
	for _, s := range r.secrets {
		s.Data[sinceKey] = []byte(r.now.AddDate(10, 0, 0).Format(time.RFC3339))
	}
	if s := r.step(-1); s.Action != Switch {
		t.Errorf("%q, want %q", s.Action, Switch)
	}
}

// Nor does it put certificates into use that are not valid yet.
func TestNextCertificatesFromTheFuture(t *testing.T) {
	t.Parallel()
	r := &renewing{t: t, now: issued(), secrets: made(t, issued(), 300)}
	r.now = issued().AddDate(0, 0, 250)
	r.step(-1)
	r.now = issued().AddDate(0, 0, 1)
	if s := r.step(-1); s.Action != Trust {
		t.Fatalf("%q, want %q", s.Action, Trust)
	}
	trusted := r.secrets
	r.until(Switch)
	r.connected(trusted)
	r.until(Retire)
	if got := parse(t, r.secrets[0].Data["tls.crt"]).NotBefore; got.After(r.now) {
		t.Errorf("the certificate in use is valid from %s, and it is %s", got, r.now)
	}
	if cas, err := parseCerts(r.secrets[0].Data["ca.crt"]); err != nil || len(cas) != 1 {
		t.Errorf("%d trusted certificates afterwards: %v", len(cas), err)
	}
}

func TestSecretsThatCannotBeRenewed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*corev1.Secret)
		want string
	}{
		"of cert-manager": {func(s *corev1.Secret) { s.Annotations = map[string]string{"cert-manager.io/certificate-name": "a"} }, ErrForeign.Error()},
		"legacy":          {func(s *corev1.Secret) { delete(s.Data, "ca.crt") }, "ca.crt: no certificates"},
		"another key":     {func(s *corev1.Secret) { s.Data["tls.key"] = made(t, issued(), 1)[0].Data["tls.key"] }, "tls.crt and tls.key"},
		"of later": {func(s *corev1.Secret) {
			later := made(t, issued().AddDate(1, 0, 0), 300)[1]
			s.Data["tls.crt"], s.Data["tls.key"] = later.Data["tls.crt"], later.Data["tls.key"]
		}, ErrClock.Error()},
		"no time": {func(s *corev1.Secret) { s.Data[sinceKey] = []byte("soon") }, "since"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := made(t, issued(), 300)
			c.edit(secrets[1])
			if _, err := Renew(issued(), secrets); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ns/envoycert") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Certificates of other lifetimes: one that ends before its Overlap is renewed at once.
func TestShortLifetimes(t *testing.T) {
	t.Parallel()
	r := &renewing{t: t, now: issued(), secrets: made(t, issued(), 1)}
	r.until(Trust)
	end, err := NotAfter(r.secrets)
	if err != nil || end.Sub(r.now) < 2*Overlap {
		t.Errorf("%s are left for the steps: %v", end.Sub(r.now), err)
	}
}
