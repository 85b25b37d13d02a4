// Package class decides by the ingress class whether this controller serves an object.
//
// The input is the annotations and the class field of an HTTPProxy or Ingress and the
// configured classes. IngressClass objects are not read.
package class

import "slices"

// Default is the class of objects that are served without any class being configured.
const Default = "contour"

// annotations are the annotations that name a class, in order of precedence.
func annotations() [2]string {
	return [2]string{"projectcontour.io/ingress.class", "kubernetes.io/ingress.class"}
}

// Of is the class of an object: the first of its class annotations that is not empty, else the field
// spec.ingressClassName; "" if it has none.
func Of(annotated map[string]string, field string) string {
	for _, name := range annotations() {
		if c := annotated[name]; c != "" {
			return c
		}
	}
	return field
}

// Matches reports whether an object is to be served: its class is one of the configured ones or,
// when none is configured, it has no class or that of Default.
func Matches(annotated map[string]string, field string, configured []string) bool {
	c := Of(annotated, field)
	if len(configured) == 0 {
		return c == "" || c == Default
	}
	return slices.Contains(configured, c)
}
