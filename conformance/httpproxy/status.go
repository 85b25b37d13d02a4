package httpproxy

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"contour.example/conformance/suite"
	"contour.example/harness/kube"
)

// proxyStatus is the part of an HTTPProxy's status that the tests read.
type proxyStatus struct {
	CurrentStatus string `json:"currentStatus"`
	LoadBalancer  struct {
		Ingress []map[string]any `json:"ingress"`
	} `json:"loadBalancer"`
	Conditions []struct {
		Type               string         `json:"type"`
		Status             string         `json:"status"`
		ObservedGeneration int64          `json:"observedGeneration"`
		Errors             []subCondition `json:"errors"`
		Warnings           []subCondition `json:"warnings"`
	} `json:"conditions"`
}

type subCondition struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// valid waits until the HTTPProxy is valid and its condition has the current generation.
func valid(t *suite.T, name string) {
	expect(t, name, "valid", func(s proxyStatus, generation int64) bool {
		return s.CurrentStatus == "valid" && s.has("True", generation)
	})
}

// invalid waits until the HTTPProxy is invalid with an error of the type and the reason.
func invalid(t *suite.T, name, errorType, reason string) {
	want := subCondition{errorType, reason}
	expect(t, name, fmt.Sprintf("invalid with error %s/%s", errorType, reason), func(s proxyStatus, generation int64) bool {
		return s.CurrentStatus == "invalid" && s.has("False", generation, want)
	})
}

// warned waits until the HTTPProxy is valid with a warning of the type and the reason.
func warned(t *suite.T, name, warningType, reason string) {
	want := subCondition{warningType, reason}
	expect(t, name, fmt.Sprintf("valid with warning %s/%s", warningType, reason), func(s proxyStatus, generation int64) bool {
		return s.CurrentStatus == "valid" && s.has("True", generation) && slices.Contains(s.Conditions[0].Warnings, want)
	})
}

// orphaned waits until the HTTPProxy is orphaned.
func orphaned(t *suite.T, name string) {
	expect(t, name, "orphaned", func(s proxyStatus, generation int64) bool {
		return s.CurrentStatus == "orphaned" && s.has("False", generation, subCondition{"Orphaned", "Orphaned"})
	})
}

func expect(t *suite.T, name, want string, is func(proxyStatus, int64) bool) {
	t.Object(apiVersion, "HTTPProxy", name, func(o *kube.Object) string {
		var read struct {
			Status proxyStatus `json:"status"`
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &read); err != nil {
			return err.Error()
		}
		if is(read.Status, o.GetGeneration()) {
			return ""
		}
		return fmt.Sprintf("status of generation %d is %+v, want %s", o.GetGeneration(), read.Status, want)
	})
}

// has reports whether there is a condition Valid of that status with all these errors.
func (s proxyStatus) has(status string, generation int64, errors ...subCondition) bool {
	for _, c := range s.Conditions {
		if c.Type != "Valid" || c.Status != status || c.ObservedGeneration != generation {
			continue
		}
		return !slices.ContainsFunc(errors, func(e subCondition) bool { return !slices.Contains(c.Errors, e) })
	}
	return false
}
