package settings

import (
	"strings"

	"contour.example/contour/internal/compile/authorization"
)

// authorization sets the global authorization. Its ExtensionService is looked up when it is there.
func (a *applier) authorization() {
	const field = "globalExtAuth"
	spec := a.doc.spec.GlobalExternalAuthorization
	if spec == nil || !a.doc.setsBelow(field) {
		return
	}
	server := spec.DeepCopy()
	if to := server.ExtensionServiceRef; to.Name == "" || to.Namespace == "" {
		a.errorf(field+".extensionRef", "A namespace and a name of an ExtensionService are required.")
	}
	_, problems := authorization.Settings(server)
	for _, p := range problems {
		a.errorf(field+"."+p.Field, "%s", p.Message)
	}
	a.cfg.Authorization.Server = server
}

// setsBelow reports whether a field, or one below it, is set.
func (d Document) setsBelow(field string) bool {
	for set := range d.set {
		if set == field || strings.HasPrefix(set, field+".") {
			return true
		}
	}
	return false
}
