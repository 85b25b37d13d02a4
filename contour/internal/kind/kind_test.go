package kind

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/contour/internal/kobj"
)

func TestDescriptorsAreComplete(t *testing.T) {
	t.Parallel()
	scheme, err := All().Scheme()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[kobj.Kind]bool{}
	for _, d := range All() {
		if seen[d.Kind] {
			t.Errorf("%s is listed twice", d.Kind)
		}
		seen[d.Kind] = true
		gvk := d.GroupVersion.WithKind(string(d.Kind))
		if made, err := scheme.New(gvk); err != nil {
			t.Errorf("%s: %v", d.Kind, err)
		} else if got := d.New(); cmp.Diff(made, got) != "" {
			t.Errorf("New of %s returns a %T", d.Kind, got)
		}
		if d.Need == Never {
			continue
		}
		if d.Resource == "" || d.Trim == nil || d.Equal == nil {
			t.Errorf("%s is watched, but has no resource, trim or equality", d.Kind)
		}
		if !scheme.Recognizes(d.GroupVersion.WithKind(string(d.Kind) + "List")) {
			t.Errorf("lists of %s cannot be decoded", d.Kind)
		}
	}
}

func TestEqualAndTrim(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		if !d.Stored() {
			continue
		}
		a, b := d.New(), d.New()
		a.SetAnnotations(map[string]string{"example.com/x": "1"})
		a.SetResourceVersion("2")
		if !d.Equal(a, b) {
			t.Errorf("%s: an irrelevant annotation and a resource version are a change", d.Kind)
		}
		for _, other := range All() {
			if o := other.New(); other.Kind != d.Kind && d.Equal(a, o) {
				t.Errorf("%s: equal to a %s", d.Kind, other.Kind)
			} else {
				d.Trim(o)
			}
		}
		d.Trim(a)
		if a.GetAnnotations() != nil || a.GetResourceVersion() != "2" {
			t.Errorf("%s: trimmed to %+v", d.Kind, a)
		}
	}
}

// A Service has a sessionAffinity or not; the default is none.
func TestSessionAffinityOfAService(t *testing.T) {
	t.Parallel()
	d := service()
	of := func(a corev1.ServiceAffinity) Object {
		s := &corev1.Service{Spec: corev1.ServiceSpec{SessionAffinity: a}}
		d.Trim(s)
		return s
	}
	if with, without := of(corev1.ServiceAffinityClientIP), of(corev1.ServiceAffinityNone); d.Equal(with, without) || with.(*corev1.Service).Spec.SessionAffinity == "" {
		t.Errorf("a Service with a sessionAffinity is stored as %+v", with)
	}
	if !d.Equal(of(corev1.ServiceAffinityNone), of("")) {
		t.Error("the default is a change")
	}
}

// The kinds to which descriptors refer exist.
func TestReferencedKindsExist(t *testing.T) {
	t.Parallel()
	all := All()
	for _, d := range all {
		if d.Parts == "" {
			continue
		}
		if p := all.Get(d.Parts); p == nil || p.Owner == nil {
			t.Errorf("%s has parts %s, which have no owner", d.Kind, d.Parts)
		}
	}
}

// The markers beside each descriptor declare exactly the access that it needs: list and watch of the resource, and patch
// of its status. make fix-generate generates manifests/base/role.yaml from them.
func TestMarkersDeclareTheAccessOfDescriptors(t *testing.T) {
	t.Parallel()
	var want []string
	for _, d := range All() {
		if d.Need != Never {
			want = append(want, access(d.GroupVersion.WithResource(d.Resource), "list;watch", d.Need))
		}
		if d.Status != nil {
			want = append(want, access(d.GroupVersion.WithResource(d.Resource+"/status"), "patch", d.Need))
		}
	}
	got := markers(t)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("access (-descriptors +markers):\n%s", diff)
	}
}

func access(r schema.GroupVersionResource, verbs string, need Need) string {
	return strings.Join([]string{r.Group, r.Resource, verbs, string(need)}, " ")
}

// markers returns the markers of this package. The marker of a kind with a need names the ClusterRole of that need.
func markers(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`(?m)^// \+kubebuilder:rbac:(?:roleName=contour-([a-z-]+),)?groups="?([a-z0-9.]*)"?,resources=([a-z/;]+),verbs=([a-z;]+)$`)
	var found []string
	lines := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(text), "\n// +kubebuilder:rbac")
		for _, m := range form.FindAllStringSubmatch(string(text), -1) {
			for resource := range strings.SplitSeq(m[3], ";") {
				found = append(found, access(schema.GroupVersionResource{Group: m[2], Resource: resource}, m[4], Need(m[1])))
			}
		}
	}
	if lines != len(found) {
		t.Errorf("%d markers, of which %d can be parsed", lines, len(found))
	}
	return found
}

func TestWatched(t *testing.T) {
	t.Parallel()
	list := List{{Kind: "a"}, {Kind: "b", Need: Never}, {Kind: "c", Need: "feature"}}
	names := func(l List) (out []kobj.Kind) {
		for _, d := range l {
			out = append(out, d.Kind)
		}
		return out
	}
	if got := names(list.Watched()); !slices.Equal(got, []kobj.Kind{"a"}) {
		t.Errorf("without a need: %v", got)
	}
	if got := names(list.Watched("feature", "other")); !slices.Equal(got, []kobj.Kind{"a", "c"}) {
		t.Errorf("with a need: %v", got)
	}
}
