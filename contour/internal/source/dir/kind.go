package dir

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// ours is the group of the controller's own kinds.
const ours = "projectcontour.io"

// kindOf finds a kind that is read; nil for the others, with what to say if it looks like a mistake.
func kindOf(kinds kind.List, version, name string) (d *kind.Descriptor, why string) {
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
		return nil, fmt.Sprintf("The apiVersion %q is none.", cut(version))
	case named != "" && (builtIn(group.Group) || strings.Contains(named, ours)):
		return nil, fmt.Sprintf("The kind %s is read as %s, not as %s.", name, named, cut(version))
	case !exists(group, name):
		return nil, fmt.Sprintf("There is no kind %q in %s.", cut(name), cut(version))
	}
	return nil, ""
}

// builtIn reports whether the group belongs to Kubernetes itself.
func builtIn(group string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}

// exists reports whether there is such a kind, or nobody can know that.
func exists(gv schema.GroupVersion, name string) bool {
	switch {
	case gv.Group == ours:
		return name == "ContourDeployment"
	case !strings.Contains(gv.Group, "."), scheme.Scheme.IsGroupRegistered(gv.Group):
		return scheme.Scheme.Recognizes(gv.WithKind(name))
	}
	return true
}
