package validate

import "strconv"

// Variables contains the values of the variables CONTOUR_*.
type Variables struct {
	Namespace string
	Service   string // "" outside a service
	Port      int
}

// Expand returns the format for a value: the variables CONTOUR_* are replaced, the variables of Envoy remain.
func (v Variables) Expand(value string) string { return Expand(value, v.value) }

// value returns the format for the value of a variable CONTOUR_*; false if there is no such variable.
func (v Variables) value(name string) (string, bool) {
	switch name {
	case "CONTOUR_NAMESPACE":
		return Escape(v.Namespace), true
	case "CONTOUR_SERVICE_NAME":
		return Escape(v.Service), v.Service != ""
	case "CONTOUR_SERVICE_PORT":
		return strconv.Itoa(v.Port), v.Service != ""
	}
	return "", false
}
