package fleetwriter

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// contourManager is the field manager of Contour's provisioner, the default of a program of that name.
const contourManager = "contour"

// adopted returns the field of a kind that a fleet decides about completely, as managed fields name it: pods with a port or a container of
// Contour would not start, and a port of the Service would outlive its listener. What load balancers and clusters add to the rest stays.
func adopted(kind string) []string {
	switch kind {
	case "Deployment", "DaemonSet":
		return []string{"f:spec", "f:template"}
	case "Service":
		return []string{"f:spec", "f:ports"}
	}
	return nil
}

// Adopt implements Client.
func (a *API) Adopt(ctx context.Context, r Ref, uid string) error {
	field := adopted(r.Kind)
	if field == nil {
		return nil
	}
	o, err := a.of(r).Get(ctx, r.Name.Name, metav1.GetOptions{})
	if err != nil {
		return err //nolint:wrapcheck // the caller adds the object
	}
	if string(o.UID) != uid {
		return apierrors.NewConflict(schema.GroupResource{Resource: resources()[r.Kind].Resource}, r.Name.Name, errForeign)
	}
	next, changed, err := moved(o.ManagedFields, field)
	if err != nil || !changed {
		return err
	}
	body, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": next},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": o.ResourceVersion}, // that the API server compares
	})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = a.of(r).Patch(ctx, r.Name.Name, types.JSONPatchType, body, metav1.PatchOptions{FieldManager: fieldManager})
	return err //nolint:wrapcheck // the caller adds the object
}

// moved returns the managed fields with that field of Contour's provisioner as one that this controller has applied.
func moved(fields []metav1.ManagedFieldsEntry, field []string) (next []metav1.ManagedFieldsEntry, changed bool, err error) {
	for _, m := range fields {
		if m.Manager != contourManager || m.Operation != metav1.ManagedFieldsOperationUpdate || m.Subresource != "" || m.FieldsV1 == nil {
			next = append(next, m)
			continue
		}
		var all map[string]any
		if err := json.Unmarshal(m.FieldsV1.GetRawBytes(), &all); err != nil {
			return nil, false, fmt.Errorf("managed fields: %w", err)
		}
		outer, _ := all[field[0]].(map[string]any)
		value, ok := outer[field[1]]
		if !ok {
			next = append(next, m)
			continue
		}
		delete(outer, field[1])
		ours := m
		ours.Manager, ours.Operation, changed = fieldManager, metav1.ManagedFieldsOperationApply, true
		for _, e := range []struct {
			entry metav1.ManagedFieldsEntry
			value any
		}{{m, all}, {ours, map[string]any{field[0]: map[string]any{field[1]: value}}}} {
			text, err := json.Marshal(e.value)
			if err != nil {
				return nil, false, fmt.Errorf("managed fields: %w", err)
			}
			e.entry.FieldsV1 = &metav1.FieldsV1{}
			e.entry.FieldsV1.SetRawBytes(text)
			next = append(next, e.entry)
		}
	}
	return next, changed, nil
}
