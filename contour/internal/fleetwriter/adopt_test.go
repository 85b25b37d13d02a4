package fleetwriter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Of the managed fields of an object, only the ports or the pods that Contour's provisioner has set become fields that were applied: those of
// others, and everything else of Contour's, stay.
func TestManagedFieldsOfContourAreMoved(t *testing.T) {
	t.Parallel()
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, subresource, fields string) metav1.ManagedFieldsEntry {
		f := &metav1.FieldsV1{}
		f.SetRawBytes([]byte(fields))
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Subresource: subresource, FieldsV1: f}
	}
	texts := func(fields []metav1.ManagedFieldsEntry) (out []string) {
		for _, m := range fields {
			out = append(out, m.Manager+" "+string(m.Operation)+" "+m.Subresource+" "+m.FieldsV1.GetRawString())
		}
		return out
	}
	const service = `{"f:metadata":{"f:annotations":{"f:a":{}}},"f:spec":{"f:ports":{"k:{\"port\":80}":{}},"f:type":{}}}`
	present := []metav1.ManagedFieldsEntry{
		entry("contour", "Update", "", service), entry("kubectl", "Update", "", service), entry("contour", "Update", "status", service),
		entry("contour", "Apply", "", service),
	}
	next, changed, err := moved(present, adopted("Service"))
	want := []string{
		`contour Update  {"f:metadata":{"f:annotations":{"f:a":{}}},"f:spec":{"f:type":{}}}`,
		fieldManager + ` Apply  {"f:spec":{"f:ports":{"k:{\"port\":80}":{}}}}`,
		"kubectl Update  " + service, "contour Update status " + service, "contour Apply  " + service,
	}
	if diff := cmp.Diff(want, texts(next)); diff != "" || !changed || err != nil {
		t.Errorf("changed %t, %v (-want +got):\n%s", changed, err, diff)
	}
	for what, fields := range map[string][]metav1.ManagedFieldsEntry{"again": next, "without managed fields": nil} {
		if _, changed, err := moved(fields, adopted("Service")); changed || err != nil {
			t.Errorf("%s: changed %t, %v", what, changed, err)
		}
	}
}
