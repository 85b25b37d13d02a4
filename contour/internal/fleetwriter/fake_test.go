package fleetwriter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"

	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/provision"
)

const controller = "projectcontour.io/gateway-controller"

// fake is an API server with the objects of fleets. It records the requests that write.
type fake struct {
	objects  map[Ref]Child
	bodies   map[Ref]map[string]any
	classes  map[kobj.Name]string // of the Gateways that exist
	err      error                // of each request about a Gateway
	writes   []string
	ready    bool
	versions int
}

func (f *fake) Watch(context.Context, func(kobj.Name, Ref, Child, bool), func()) {}

func (f *fake) Get(_ context.Context, r Ref) (Child, bool, error) {
	c, ok := f.objects[r]
	return c, ok, nil
}

func (f *fake) Apply(_ context.Context, r Ref, body []byte, uid string) (Child, error) {
	present, exists := f.objects[r]
	if exists != (uid != "") || exists && present.UID != uid {
		return Child{}, errors.New("applied to another object")
	}
	var o metav1.PartialObjectMetadata
	var fields map[string]any
	if err := errors.Join(json.Unmarshal(body, &o), json.Unmarshal(body, &fields)); err != nil {
		return Child{}, err
	}
	f.versions++
	c := childOf(&o)
	c.UID, c.Managed = present.UID, "fields"
	if !exists {
		c.UID = fmt.Sprint("uid-", f.versions)
	}
	f.objects[r], f.bodies[r] = c, fields
	f.writes = append(f.writes, "apply "+r.String())
	return c, nil
}

func (f *fake) Adopt(_ context.Context, r Ref, uid string) error {
	if f.objects[r].UID != uid {
		return errors.New("another object")
	}
	f.writes = append(f.writes, "adopt "+r.String())
	return nil
}

func (f *fake) Delete(_ context.Context, r Ref, uid string) error {
	if f.objects[r].UID != uid {
		return errors.New("another object")
	}
	delete(f.objects, r)
	f.writes = append(f.writes, "delete "+r.String())
	return nil
}

func (f *fake) Ready(context.Context, Ref) (bool, error) { return f.ready, nil }

func (f *fake) ClassOf(_ context.Context, n kobj.Name) (string, bool, error) {
	class, ok := f.classes[n]
	return class, ok, f.err
}

func (f *fake) Serves(_ context.Context, class, _ string) (bool, error) {
	return class == "contour", f.err
}

// issuer issues certificates that are valid for 90 hours.
type issuer struct {
	authority string
	issued    int
}

func (i *issuer) Authorities() (string, error) { return i.authority, nil }

func (i *issuer) Issue(fleet string, now time.Time) (map[string][]byte, time.Time, error) {
	i.issued++
	return map[string][]byte{"tls.crt": []byte(fmt.Sprint(fleet, i.issued))}, now.Add(60 * time.Hour), nil
}

// system is a Writer in a term whose goroutines the test plays.
type system struct {
	*testing.T
	fake   *fake
	issuer *issuer
	now    time.Time
	writer *Writer
	term   *term
}

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{
		T: t, fake: &fake{objects: map[Ref]Child{}, bodies: map[Ref]map[string]any{}, classes: map[kobj.Name]string{}, ready: true},
		issuer: &issuer{authority: "a"}, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	s.writer = New(Options{
		Client: s.fake, Certificate: s.issuer, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
		Objects: provision.Options{Controller: controller, EnvoyImage: "envoy:1", ContourImage: "contour:1", XDSAddress: "contour.projectcontour", XDSPort: 8001},
		Failed:  func(context.Context, map[kobj.Name]string) {},
	})
	s.restart()
	return s
}

// restart begins another term, in which the watch has what exists.
func (s *system) restart() {
	s.term = &term{
		writer: s.writer, children: map[kobj.Name]map[Ref]Child{}, applied: map[Ref]applied{}, synced: true, limit: flowcontrol.NewFakeAlwaysRateLimiter(),
		queue: newQueue(),
	}
	s.writer.term = s.term
	s.watch()
}

// watch makes the objects with labels of fleets those of the watch. The objects of the tests are of the Gateway that their label names.
func (s *system) watch() {
	clear(s.term.children)
	for r, c := range s.fake.objects {
		if c.Gateway != "" {
			s.term.changed(kobj.Name{Namespace: r.Namespace, Name: c.Gateway}, r, c, false)
		}
	}
}

// set sets what is to exist, processes the Gateway, and returns what was written and the message.
func (s *system) set(p gatewayapi.Provisioned, n kobj.Name) (writes []string, message string) {
	s.Helper()
	s.writer.Set(map[kobj.Name]gatewayapi.Provisioned{n: p})
	return s.process(n)
}

func (s *system) process(n kobj.Name) (writes []string, message string) {
	s.Helper()
	s.fake.writes = nil
	_, message, err := s.term.reconcile(s.Context(), n)
	if err != nil && message == "" {
		s.Log(err)
	}
	return s.fake.writes, message
}

// web is a Gateway, and fleet what it asks for.
func web() kobj.Name { return kobj.Name{Namespace: "team", Name: "web"} }

func fleet(n kobj.Name, ports ...int32) gatewayapi.Provisioned {
	f := &provision.Fleet{Gateway: n, UID: "gateway", Class: "contour", Assign: true}
	for _, p := range ports {
		f.Ports = append(f.Ports, provision.Port{Number: p})
	}
	return gatewayapi.Provisioned{Fleet: f}
}
