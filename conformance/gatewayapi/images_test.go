package gatewayapi_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/gateway-api/conformance"

	"contour.example/harness/image"
)

// Nodes of a cluster get the images of all pods of the suite, apart from those of meshes.
func TestImagesAreThoseOfTheManifests(t *testing.T) {
	t.Parallel()
	var want, got []string
	err := fs.WalkDir(conformance.Manifests, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, "mesh/") || strings.HasPrefix(path, "tests/mesh/") {
			return err
		}
		text, err := conformance.Manifests.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^ *(?:- )?image: (\S+)$`).FindAllSubmatch(text, -1) {
			want = append(want, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range image.GatewaySuite() {
		got = append(got, s.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
