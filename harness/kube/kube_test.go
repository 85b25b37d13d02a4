package kube_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/kube"
)

func TestParse(t *testing.T) {
	t.Parallel()
	objects, err := kube.Parse("# nothing\n---\nkind: A\napiVersion: v1\nmetadata: {name: a}\n---\n\n---\nkind: B\napiVersion: x.example/v1\nmetadata: {name: b, namespace: ns}\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, kube.RefTo(o).String())
	}
	if diff := cmp.Diff([]string{"A a", "B ns/b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"kind: A\n", "a: [\n", "just text"} {
		if _, err := kube.Parse(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
