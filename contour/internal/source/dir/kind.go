package dir

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/similar"
)

// contourGroup is the group of the controller's own kinds.
const contourGroup = "projectcontour.io"

// kindOf returns the descriptor of a kind that is read; nil for other kinds, with a problem if the kind seems to be an error.
func kindOf(kinds kind.List, version, name string) (d *kind.Descriptor, problem string) {
	named := ""
	if d = kinds.Get(kobj.Kind(name)); d != nil && d.Manifest != nil {
		named = d.GroupVersion.String()
		if version == named || slices.ContainsFunc(d.OlderVersions, func(v string) bool { return version == d.GroupVersion.Group+"/"+v }) {
			return d, ""
		}
	}
	group, err := schema.ParseGroupVersion(version)
	switch {
	case err != nil:
		return nil, fmt.Sprintf("The apiVersion %q is invalid.", shorten(version))
	case named != "" && (builtIn(group.Group) || strings.Contains(named, contourGroup)):
		return nil, fmt.Sprintf("The kind %s is supported in %s, not in %s.", name, named, shorten(version))
	case !exists(group, name):
		return nil, fmt.Sprintf("There is no kind %q in %s.", shorten(name), shorten(version)) + meant(similarKind(kinds, version, shorten(name)))
	}
	return nil, ""
}

// similarKind returns the kind of a version that is most similar to one that does not exist; "" if there is none.
func similarKind(kinds kind.List, version, name string) string {
	return similar.Best(name, func(yield func(string) bool) {
		for i := range kinds {
			if kinds[i].GroupVersion.String() == version && !yield(string(kinds[i].Kind)) {
				return
			}
		}
	}, 3) // HttpProxy, HTTPProxy
}

// builtIn reports whether the group is one of Kubernetes itself.
func builtIn(group string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}

// exists reports whether the kind exists or may exist: the kinds of other groups are unknown.
func exists(gv schema.GroupVersion, name string) bool {
	switch {
	case gv.Group == contourGroup: // all its kinds have a descriptor
		return false
	case !strings.Contains(gv.Group, "."), scheme.Scheme.IsGroupRegistered(gv.Group):
		return scheme.Scheme.Recognizes(gv.WithKind(name))
	}
	return true
}
