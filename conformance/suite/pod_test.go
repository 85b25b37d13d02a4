package suite

import (
	"strings"
	"testing"

	"contour.example/harness/kube"
)

func TestPodReady(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]struct {
		ready    bool
		saw, err string
	}{
		`{phase: Pending}`: {saw: "phase Pending"},
		`{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: too many pods}]}`:                {saw: "Unschedulable: too many pods"},
		`{phase: Running, conditions: [{type: Ready, status: "True"}]}`:                                                                       {ready: true},
		`{phase: Running, conditions: [{type: Ready, status: "False"}]}`:                                                                      {saw: "phase Running"},
		`{containerStatuses: [{state: {waiting: {reason: ErrImagePull, message: no such host}}}]}`:                                            {saw: "ErrImagePull: no such host"},
		`{containerStatuses: [{state: {waiting: {reason: ImagePullBackOff, message: Back-off}}}]}`:                                            {saw: "ImagePullBackOff: Back-off", err: "the image some/echo:1 cannot be pulled (ImagePullBackOff: Back-off)"},
		`{containerStatuses: [{state: {waiting: {reason: CrashLoopBackOff, message: again}}}]}`:                                               {saw: "CrashLoopBackOff: again", err: "the container does not run (CrashLoopBackOff: again)"},
		`{containerStatuses: [{state: {running: {}}}], conditions: [{type: ContainersReady, status: "True"}, {type: Ready, status: "True"}]}`: {ready: true},
	} {
		objects, err := kube.Parse("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: echo, image: some/echo:1}]}\nstatus: " + status)
		if err != nil {
			t.Fatal(err)
		}
		ready, saw, err := podReady(objects[0])
		if ready != want.ready || saw != want.saw || (err == nil) != (want.err == "") || err != nil && !strings.HasPrefix(err.Error(), want.err) {
			t.Errorf("%s: got %t, %q, %v, want %+v", status, ready, saw, err, want)
		}
	}
}

// A backend's pods have names of their own, and the port of its Service is that of the requested protocol.
func TestPodObjects(t *testing.T) {
	t.Parallel()
	for want, b := range map[int64]Backend{
		8080: {Name: "shop", Port: 80, Endpoints: 3},
		9000: {Name: "shop", Port: 80, Endpoints: 1, Bytes: true},
	} {
		objects, err := Pods{Image: "some/echo:1"}.objects(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(objects) != b.Endpoints+1 || objects[0].GetName() != "shop-0" {
			t.Fatalf("got %d objects, the first is %s", len(objects), kube.RefTo(objects[0]))
		}
		service := objects[b.Endpoints].Object["spec"].(map[string]any)
		port := service["ports"].([]any)[0].(map[string]any)
		if got := port["targetPort"]; got != want {
			t.Errorf("%+v: port %v, want %d", b, got, want)
		}
	}
}
