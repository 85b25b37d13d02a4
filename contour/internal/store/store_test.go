package store

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

func proxy(edit func(*contourv1.HTTPProxy)) Change {
	p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", Generation: 1}}
	p.Spec.VirtualHost = &contourv1.VirtualHost{Fqdn: "a.example"}
	edit(p)
	return Change{Key: kobj.Of(kobj.HTTPProxy, "ns", "p"), Object: p}
}

func TestOnlyWhatCanMatterIsAChange(t *testing.T) {
	s := New(memo.New(nil), config.Default())
	s.Apply([]Change{proxy(func(*contourv1.HTTPProxy) {})})
	for name, c := range map[string]struct {
		edit    func(*contourv1.HTTPProxy)
		changes bool
	}{
		"nothing":            {func(*contourv1.HTTPProxy) {}, false},
		"status":             {func(p *contourv1.HTTPProxy) { p.Status.CurrentStatus = "valid" }, false},
		"resource version":   {func(p *contourv1.HTTPProxy) { p.ResourceVersion = "2" }, false},
		"foreign annotation": {func(p *contourv1.HTTPProxy) { p.Annotations = map[string]string{"kubectl.kubernetes.io/x": "1"} }, false},
		"label":              {func(p *contourv1.HTTPProxy) { p.Labels = map[string]string{"a": "b"} }, false},
		"spec":               {func(p *contourv1.HTTPProxy) { p.Spec.VirtualHost.Fqdn = "b.example" }, true},
		"class annotation":   {func(p *contourv1.HTTPProxy) { p.Annotations = map[string]string{"kubernetes.io/ingress.class": "x"} }, true},
		"generation":         {func(p *contourv1.HTTPProxy) { p.Generation = 2 }, true},
	} {
		if got := len(s.Apply([]Change{proxy(c.edit)})) == 1; got != c.changes {
			t.Errorf("%s: a change: %t, want %t", name, got, c.changes)
		}
		s.Apply([]Change{proxy(func(*contourv1.HTTPProxy) {})})
	}
}

// An update without a relevant change still replaces the former object, so that only one copy is in memory.
func TestTheLatestObjectIsKept(t *testing.T) {
	s := New(memo.New(nil), config.Default())
	s.Apply([]Change{proxy(func(*contourv1.HTTPProxy) {})})
	latest := proxy(func(p *contourv1.HTTPProxy) { p.ResourceVersion = "7" })
	s.Apply([]Change{latest})
	if got, _ := s.HTTPProxies.Peek(latest.Key.Name); got != latest.Object {
		t.Error("the store keeps the former object")
	}
}

func TestDeleteAndUnknownKinds(t *testing.T) {
	s := New(memo.New(nil), config.Default())
	key := kobj.Of(kobj.Service, "ns", "s")
	if got := s.Apply([]Change{{Key: key}, {Key: key, Object: &corev1.Service{}}, {Key: key}, {Key: key}}); len(got) != 2 {
		t.Errorf("changes %v, want the creation and one deletion", got)
	}
	if got := s.Apply([]Change{{Key: kobj.Of("Pod", "ns", "p"), Object: &corev1.Pod{}}, {Key: key, Object: &corev1.Pod{}}}); len(got) != 0 {
		t.Errorf("changes %v of a kind that is not stored, or of the wrong type", got)
	}
}
