package fleetwriter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/kobj"
)

func (s *system) want(got []string, want ...string) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("writes (-want +got):\n%s", diff)
	}
}

// created is the writes that create a fleet.
func created() []string {
	return []string{"apply ServiceAccount team/envoy-web", "apply Secret team/envoycert-web", "apply Service team/envoy-web", "apply DaemonSet team/envoy-web"}
}

func TestAFleetIsCreatedOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	got, message := s.set(fleet(web(), 80), web())
	s.want(got, created()...)
	if message != "" {
		t.Errorf("failure: %s", message)
	}
	got, _ = s.process(web())
	s.want(got)
	s.watch()
	got, _ = s.process(web())
	s.want(got)
}

// The work of an edit is that of one Gateway, however many there are.
func TestTheEditOfOneOfManyGateways(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var all []kobj.Name
	for i := range 100 {
		n := kobj.Name{Namespace: fmt.Sprint("team-", i%7), Name: fmt.Sprint("gw-", i)}
		all = append(all, n)
		s.set(fleet(n, 80), n)
	}
	s.fake.writes = nil
	before := s.fake.versions
	got, _ := s.set(fleet(all[50], 80, 443), all[50])
	s.want(got, "apply Service team-1/envoy-gw-50")
	for _, n := range all {
		s.process(n)
	}
	if got := s.fake.versions - before; got != 1 {
		t.Errorf("%d writes after the edit of one of 100 Gateways, want 1", got)
	}
}

// A tenant that creates thousands of Gateways delays the Gateway of another by one of its own.
func TestATenantWithManyGatewaysDelaysOthersByOne(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	fleets := map[kobj.Name]gatewayapi.Provisioned{}
	for i := range 2000 {
		n := kobj.Name{Namespace: "many", Name: fmt.Sprint("gw-", i)}
		fleets[n] = fleet(n, 80)
	}
	s.writer.Set(fleets)
	next := func() kobj.Name {
		n, _ := s.term.queue.Get()
		s.term.process(t.Context(), n)
		s.term.queue.Done(n)
		return n
	}
	for range 3 {
		next()
	}
	for _, late := range []kobj.Name{web(), {Namespace: "other", Name: "web"}} {
		s.writer.Set(map[kobj.Name]gatewayapi.Provisioned{late: fleet(late, 80)})
		s.fake.writes = nil
		for next() != late {
		}
		if of := len(created()); len(s.fake.writes) > 2*of {
			t.Errorf("%s is provisioned after %d requests of others, want at most %d", late, len(s.fake.writes)-of, of)
		}
	}
	for range s.term.queue.Len() {
		next()
	}
	if got, want := len(s.fake.objects), 2002*len(created()); got != want {
		t.Errorf("%d objects, want %d", got, want)
	}
}

// An object that exists and has no label of the Gateway is not changed, and does not prevent the others.
func TestAnObjectOfSomebodyElse(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]Child{
		"without labels": {UID: "1"}, "of another Gateway": {UID: "1", Gateway: "other"},
		"of another Gateway and this controller": {UID: "1", Gateway: "other", Controller: controller},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			r := Ref{"Service", kobj.Name{Namespace: "team", Name: "envoy-web"}}
			s.fake.objects[r] = there
			s.watch()
			got, message := s.set(fleet(web(), 80), web())
			s.want(got, "apply ServiceAccount team/envoy-web", "apply Secret team/envoycert-web", "apply DaemonSet team/envoy-web")
			if !strings.Contains(message, `Service "envoy-web" exists and does not belong to the Gateway`) {
				t.Errorf("message: %q", message)
			}
			if s.fake.objects[r] != there {
				t.Errorf("the object is changed: %+v", s.fake.objects[r])
			}
			got, _ = s.set(gatewayapi.Provisioned{}, web()) // the Gateway is deleted
			if _, ok := s.fake.objects[r]; !ok {
				t.Errorf("the object is deleted: %v", got)
			}
		})
	}
}

// Objects that Contour's provisioner made are adopted as they are, with the address of the Service.
func TestObjectsOfContourAreAdopted(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	uids := map[Ref]string{}
	for i, kind := range []string{"Service", "DaemonSet"} {
		r := Ref{kind, kobj.Name{Namespace: "team", Name: "envoy-web"}}
		uids[r] = fmt.Sprint("contour-", i)
		s.fake.objects[r] = Child{UID: uids[r], Gateway: "web"}
	}
	control := Ref{"Deployment", kobj.Name{Namespace: "team", Name: "contour-web"}} // Contour's controller for the Gateway
	s.fake.objects[control] = Child{UID: "control", Gateway: "web"}
	s.watch()
	got, message := s.set(fleet(web(), 80), web())
	s.want(got, "apply ServiceAccount team/envoy-web", "apply Secret team/envoycert-web", "adopt Service team/envoy-web", "apply Service team/envoy-web",
		"adopt DaemonSet team/envoy-web", "apply DaemonSet team/envoy-web")
	got, _ = s.set(fleet(web(), 80, 443), web())
	s.want(got, "apply Service team/envoy-web") // it is adopted once
	for r, uid := range uids {
		if got := s.fake.objects[r]; got.UID != uid || got.Controller != controller {
			t.Errorf("%s is %+v", r, got)
		}
	}
	if _, ok := s.fake.objects[control]; !ok || message != "" {
		t.Errorf("the controller of Contour is deleted, or there is a failure: %q", message)
	}
}

func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.set(fleet(web(), 80), web())
	r := Ref{"DaemonSet", kobj.Name{Namespace: "team", Name: "envoy-web"}}
	c := s.fake.objects[r]
	c.Generation++ // its status, or a field of somebody else
	s.fake.objects[r] = c
	s.watch()
	got, _ := s.process(web())
	s.want(got)
	c.Managed = "fewer fields"
	s.fake.objects[r] = c
	s.watch()
	got, _ = s.process(web())
	s.want(got, "apply DaemonSet team/envoy-web")
	delete(s.fake.objects, r)
	s.watch()
	got, _ = s.process(web())
	s.want(got, "apply DaemonSet team/envoy-web")
}

// An object whose labels somebody has removed is still that of the Gateway.
func TestLabelsAreRepaired(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.set(fleet(web(), 80), web())
	r := Ref{"Service", kobj.Name{Namespace: "team", Name: "envoy-web"}}
	c := s.fake.objects[r]
	c.Gateway, c.Managed = "", "fewer fields"
	s.fake.objects[r] = c
	s.watch()
	got, message := s.process(web())
	s.want(got, "apply Service team/envoy-web")
	if message != "" {
		t.Errorf("failure: %s", message)
	}
}

// Nothing is deleted unless the API server says that the Gateway does not exist, or is of another controller; then in order.
func TestDeletion(t *testing.T) {
	t.Parallel()
	deleted := []string{"delete Service team/envoy-web", "delete DaemonSet team/envoy-web", "delete Secret team/envoycert-web", "delete ServiceAccount team/envoy-web"}
	for _, row := range []struct {
		name  string
		class string // of the Gateway; "" does not exist
		err   error
		want  []string
	}{
		{"deleted", "", nil, deleted},
		{"of another controller", "other", nil, deleted},
		{"that only the watch has lost", "contour", nil, nil},
		{"of which the API server says nothing", "", errors.New("unavailable"), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			s.set(fleet(web(), 80), web())
			s.restart()
			other := Ref{"Service", kobj.Name{Namespace: "team", Name: "mine"}}
			s.fake.objects[other] = Child{UID: "mine", Gateway: "web", Controller: "example.com/other"}
			s.watch()
			s.fake.err = row.err
			if row.class != "" {
				s.fake.classes[web()] = row.class
			}
			got, _ := s.set(gatewayapi.Provisioned{}, web())
			s.want(got, row.want...)
			if _, ok := s.fake.objects[other]; !ok {
				t.Error("the object of another controller is deleted")
			}
		})
	}
}

func TestWhatIsKeptIsNotWritten(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.set(fleet(web(), 80), web())
	got, _ := s.set(gatewayapi.Provisioned{Keep: true}, web())
	s.want(got)
	if len(s.fake.objects) != len(created()) {
		t.Errorf("%d objects are left", len(s.fake.objects))
	}
}

// A workload of the other type is deleted when the new one has a ready pod, not before.
func TestAWorkloadIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.set(fleet(web(), 80), web())
	deployment := fleet(web(), 80)
	deployment.Fleet.Parameters.Envoy.WorkloadType = contourv1alpha1.WorkloadTypeDeployment
	s.fake.ready = false
	got, _ := s.set(deployment, web())
	s.want(got, "apply Deployment team/envoy-web", "apply PodDisruptionBudget team/envoy-web")
	s.fake.ready = true
	got, _ = s.process(web())
	s.want(got, "delete DaemonSet team/envoy-web")
}

// The number of pods that an autoscaler has set is not part of what is applied.
func TestAnAutoscalerSetsTheNumberOfPods(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	deployment := fleet(web(), 80)
	deployment.Fleet.Parameters.Envoy.WorkloadType = contourv1alpha1.WorkloadTypeDeployment
	s.set(deployment, web())
	r := Ref{"Deployment", kobj.Name{Namespace: "team", Name: "envoy-web"}}
	replicas := func() any { return s.fake.bodies[r]["spec"].(map[string]any)["replicas"] }
	if replicas() != float64(2) {
		t.Errorf("%v pods, want 2", replicas())
	}
	c := s.fake.objects[r]
	c.Managed, c.Scaled = "fewer fields", true
	s.fake.objects[r] = c
	s.watch()
	s.process(web())
	if replicas() != nil {
		t.Errorf("%v pods are applied", replicas())
	}
}

func TestCertificatesAreIssuedWhenNecessary(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.set(fleet(web(), 80), web())
	r := Ref{"Secret", kobj.Name{Namespace: "team", Name: "envoycert-web"}}
	for _, row := range []struct {
		name string
		edit func()
		want int
	}{
		{"nothing", func() {}, 0},
		{"a new leader", s.restart, 0},
		{"a listener", func() { s.set(fleet(web(), 80, 443), web()) }, 0},
		{"time before the renewal", func() { s.now = s.now.Add(59 * time.Hour) }, 0},
		{"the time of the renewal", func() { s.now = s.now.Add(time.Hour) }, 1},
		{"another authority", func() { s.issuer.authority = "b" }, 1},
		{"the tenant has changed the Secret", func() {
			c := s.fake.objects[r]
			c.Managed = "fewer fields"
			s.fake.objects[r] = c
			s.watch()
		}, 1},
		{"deleted", func() { delete(s.fake.objects, r); s.watch() }, 1},
	} {
		before := s.issuer.issued
		row.edit()
		s.process(web())
		s.process(web())
		if got := s.issuer.issued - before; got != row.want {
			t.Errorf("%s: %d certificates are issued, want %d", row.name, got, row.want)
		}
	}
}
