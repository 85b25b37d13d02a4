// Package class selects the objects that this controller serves, by their ingress class.
//
// The input is the annotations and the class field of an HTTPProxy or Ingress and the
// configured classes. IngressClass objects are not read.
package class

import "slices"

// Default is the class that is served if no class is configured.
const Default = "contour"

// annotations returns the annotations that specify a class, in order of precedence.
func annotations() [2]string {
	return [2]string{"projectcontour.io/ingress.class", "kubernetes.io/ingress.class"}
}

// Of returns the class of an object: the value of the first class annotation that is not empty, else the field
// spec.ingressClassName; "" if it has no class.
func Of(annotated map[string]string, field string) string {
	for _, name := range annotations() {
		if c := annotated[name]; c != "" {
			return c
		}
	}
	return field
}

// Matches reports whether an object is served: its class is one of the configured classes or,
// if none is configured, it has no class or the class Default.
func Matches(annotated map[string]string, field string, configured []string) bool {
	c := Of(annotated, field)
	if len(configured) == 0 {
		return c == "" || c == Default
	}
	return slices.Contains(configured, c)
}
