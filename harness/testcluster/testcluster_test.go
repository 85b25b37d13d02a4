package testcluster

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"contour.example/harness/cluster"
	"contour.example/harness/docker"
	"contour.example/harness/image"
	"contour.example/harness/kube"
)

// fakeDocker puts a docker command first in $PATH: a shell script. It returns a file with the arguments of each call.
func fakeDocker(t *testing.T, script string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	text := "#!/bin/sh\necho \"$*\" >> " + calls + "\n" + script
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("CONTOUR_CACHE", t.TempDir())
	return calls
}

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// files makes the directory of a cluster, with a kubeconfig in it.
func files(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("CONTOUR_CACHE"), "clusters", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const config = "{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x}}], clusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}]}"
	if err := os.WriteFile(filepath.Join(dir, "kubeconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUpLeavesWhatIsNotItsOwn(t *testing.T) {
	const running = `case "$1" in ps) echo there ;; info) echo / ;; esac`
	for what, c := range map[string]struct {
		options Options
		want    error
	}{
		"a cluster of that name":              {Options{Name: "there"}, cluster.ErrExists},
		"one that was kept but does not work": {Options{Name: "there", Reuse: true}, cluster.ErrUnreachable},
	} {
		calls := fakeDocker(t, running)
		dir := files(t, "there")
		if _, err := c.options.Up(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if strings.Contains(text(t, calls), "rm ") {
			t.Errorf("%s: something was removed:\n%s", what, text(t, calls))
		}
	}
}

func TestUpThatFailsRemovesItsFiles(t *testing.T) {
	calls := fakeDocker(t, `case "$1" in info) echo / ;; pull) echo "no such image" >&2; exit 1 ;; image) exit 1 ;; esac`)
	_, err := Options{Name: "new", Policy: image.Pull}.Up(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such image") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("CONTOUR_CACHE"), "clusters", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if !strings.Contains(text(t, calls), "network rm kind") {
		t.Errorf("the network was not removed:\n%s", text(t, calls))
	}
}

func TestDownWithoutAnEngine(t *testing.T) {
	fakeDocker(t, `echo "cannot connect" >&2; exit 1`)
	dir := files(t, "old")
	if err := (Options{Name: "old"}).Down(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its files: %v", err)
	}
	if _, err := (Options{Name: "old"}).Find(t.Context()); !errors.Is(err, docker.ErrNoEngine) {
		t.Errorf("find: %v", err)
	}
	if err := (Options{Existing: true}).Down(t.Context()); !errors.Is(err, ErrNotOurs) {
		t.Errorf("existing: %v, want %v", err, ErrNotOurs)
	}
}

func TestNamesOfImages(t *testing.T) {
	t.Parallel()
	o := Options{Replace: map[string]string{}}
	if err := errors.Join(o.ReplaceImage("a/x:dev=there/x:1"), o.ReplaceImage("a/y:dev=there/y@sha256:0")); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "a", "=b", "a="} {
		if o.ReplaceImage(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	got := (&Cluster{options: o}).Replaced("image: a/x:dev\nimage: a/y:dev\nimage: a/z:dev\n")
	if diff := cmp.Diff("image: there/x:1\nimage: there/y@sha256:0\nimage: a/z:dev\n", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	two := int32(2)
	deployment := func(s appsv1.DeploymentStatus) func() (bool, string, error) {
		d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &two}, Status: s}
		d.Generation = 3
		return func() (bool, string, error) { return deploymentReady(d) }
	}
	daemonSet := func(s appsv1.DaemonSetStatus) func() (bool, string, error) {
		d := &appsv1.DaemonSet{Status: s}
		d.Generation = 3
		return func() (bool, string, error) { return daemonSetReady(d) }
	}
	for what, c := range map[string]struct {
		observe func() (bool, string, error)
		want    bool
	}{
		"all of the newest template":      {deployment(appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}), true},
		"one is of an older template":     {deployment(appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 3, UpdatedReplicas: 2, AvailableReplicas: 3}), false},
		"one is not ready":                {deployment(appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1}), false},
		"a status of before":              {deployment(appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}), false},
		"an Envoy on each node":           {daemonSet(appsv1.DaemonSetStatus{ObservedGeneration: 3, DesiredNumberScheduled: 2, UpdatedNumberScheduled: 2, NumberAvailable: 2}), true},
		"one node's is not ready":         {daemonSet(appsv1.DaemonSetStatus{ObservedGeneration: 3, DesiredNumberScheduled: 2, UpdatedNumberScheduled: 2, NumberAvailable: 1}), false},
		"not observed yet":                {daemonSet(appsv1.DaemonSetStatus{}), false},
		"no node wants one: that is none": {daemonSet(appsv1.DaemonSetStatus{ObservedGeneration: 3}), false},
	} {
		if got, observation, err := c.observe(); got != c.want || err != nil {
			t.Errorf("%s: %v (%s), %v", what, got, observation, err)
		}
	}
}

func TestImageThatCannotBePulled(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"}}
	waiting := corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "not found"}
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Image: "x:dev", State: corev1.ContainerState{Waiting: &waiting}}}
	d, err := kube.Parse("{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: n, name: d}}")
	if err != nil {
		t.Fatal(err)
	}
	s := &Cluster{API: fake.NewClientset(pod)}
	err = s.Ready(t.Context(), d)
	if !errors.Is(err, ErrImage) || !strings.Contains(err.Error(), "x:dev") || !strings.Contains(err.Error(), "not found") {
		t.Errorf("got %v", err)
	}
}

func TestNamespaceIsSyncedWhenItsPodsAreDeleted(t *testing.T) {
	t.Parallel()
	now := metav1.Now()
	ending := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n", DeletionTimestamp: &now, Finalizers: []string{"x"}}}
	staying := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"}}
	for what, c := range map[string]struct {
		objects []runtime.Object
		want    bool
	}{
		"no pods":        {[]runtime.Object{&ending}, true},
		"a pod":          {[]runtime.Object{&ending, pod}, false},
		"not deleted":    {[]runtime.Object{&staying}, false},
		"no such object": {nil, false},
	} {
		client := fake.NewClientset(c.objects...)
		s := &Cluster{API: client}
		first, err := s.SyncNamespace(t.Context(), "n")
		second, err2 := s.SyncNamespace(t.Context(), "n")
		if first != c.want || second || errors.Join(err, err2) != nil {
			t.Errorf("%s: %v, then %v, %v", what, first, second, errors.Join(err, err2))
		}
		patches := slices.DeleteFunc(client.Actions(), func(a clienttesting.Action) bool { return a.GetVerb() != "patch" })
		if len(patches) > 1 || (len(patches) == 1) != c.want {
			t.Errorf("%s: patched %d times", what, len(patches))
		}
	}
}
