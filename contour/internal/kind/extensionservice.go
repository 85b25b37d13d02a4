package kind

import (
	"reflect"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:groups=projectcontour.io,resources=extensionservices,verbs=list;watch
// +kubebuilder:rbac:groups=projectcontour.io,resources=extensionservices/status,verbs=patch

// extensionService claims no host; as a root it is compiled for its report.
func extensionService() Descriptor {
	return Descriptor{
		Kind: kobj.ExtensionService, GroupVersion: contourv1alpha1.GroupVersion, Resource: "extensionservices",
		AddToScheme: contourv1alpha1.AddToScheme,
		New:         func() Object { return &contourv1alpha1.ExtensionService{} },
		Trim:        trims(func(s *contourv1alpha1.ExtensionService) { trimMeta(&s.ObjectMeta) }),
		Equal: equals(func(a, b *contourv1alpha1.ExtensionService) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		DeletionWaits: true,
		Claims:        Claims{All: true},
		Status: statusCodec[*contourv1alpha1.ExtensionService, contourv1alpha1.ExtensionServiceStatus]{
			next: nextExtensionStatus, fields: extensionFields, object: extensionWith,
		}.status(),
		Manifest: &Manifest{},
	}
}

func extensionWith(meta metav1.ObjectMeta, s *contourv1alpha1.ExtensionServiceStatus) *contourv1alpha1.ExtensionService {
	return &contourv1alpha1.ExtensionService{ObjectMeta: meta, Status: *s}
}

func nextExtensionStatus(want *contourv1alpha1.ExtensionServiceStatus, o *contourv1alpha1.ExtensionService, now time.Time) *contourv1alpha1.ExtensionServiceStatus {
	lacks := func(c contourv1.DetailedCondition) bool { return !hasCondition(o.Status.Conditions, &c) }
	if !slices.ContainsFunc(want.Conditions, lacks) {
		return nil
	}
	return &contourv1alpha1.ExtensionServiceStatus{Conditions: mergeConditions(want.Conditions, o.Status.Conditions, now)}
}

func extensionFields(s *contourv1alpha1.ExtensionServiceStatus) any {
	return struct {
		Conditions []contourv1.DetailedCondition `json:"conditions"`
	}{s.Conditions}
}
