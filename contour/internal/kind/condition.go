package kind

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sameConditions reports whether the conditions of an entry that belongs to the controller are the wanted ones. Transition times are
// not compared.
func sameConditions(has, want []metav1.Condition) bool {
	return len(has) == len(want) && containsConditions(has, want)
}

// containsConditions reports whether an object has the wanted conditions; it may have others.
func containsConditions(has, want []metav1.Condition) bool {
	return !slices.ContainsFunc(want, func(w metav1.Condition) bool {
		return !slices.ContainsFunc(has, func(h metav1.Condition) bool {
			return h.Type == w.Type && h.Status == w.Status && h.Reason == w.Reason && h.Message == w.Message &&
				h.ObservedGeneration == w.ObservedGeneration && !h.LastTransitionTime.IsZero()
		})
	})
}

// timedConditions returns the wanted conditions with their transition times: that of the present condition of the same type if the
// status does not change, else now.
func timedConditions(want, present []metav1.Condition, now time.Time) []metav1.Condition {
	out := slices.Clone(want)
	for i := range out {
		out[i].LastTransitionTime = metav1.NewTime(now)
		at := conditionOf(present, out[i].Type)
		if at >= 0 && present[at].Status == out[i].Status && !present[at].LastTransitionTime.IsZero() {
			out[i].LastTransitionTime = present[at].LastTransitionTime
		}
	}
	return out
}

// withOthers returns the conditions with those of present whose types others set: the types of this controller that are not wanted
// are removed.
func withOthers(conditions, present []metav1.Condition, own func(conditionType string) bool) []metav1.Condition {
	for _, p := range present {
		if !own(p.Type) && conditionOf(conditions, p.Type) < 0 {
			conditions = append(conditions, p)
		}
	}
	return conditions
}

func conditionOf(conditions []metav1.Condition, conditionType string) int {
	return slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == conditionType })
}
