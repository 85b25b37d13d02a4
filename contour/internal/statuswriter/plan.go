package statuswriter

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/status"
)

// next is a status to write.
type next struct {
	desired *status.Desired
	object  metav1.Object // the state that it was planned for
	kind    *kind.Status
	status  any
}

// plan returns the write that gives an object its desired status; nil if it has it.
func plan(k *kind.Status, d *status.Desired, object metav1.Object, now time.Time) *next {
	if s := k.Next(d.Status, object, now); s != nil {
		return &next{desired: d, object: object, kind: k, status: s}
	}
	return nil
}

// onlyCounts reports whether the write only changes numbers of attached objects.
func (n *next) onlyCounts() bool { return n.kind.Counts != nil && n.kind.Counts(n.status, n.object) }

// patch is a JSON merge patch of a status. It contains the resourceVersion of the object that it was planned for, so that
// the API server rejects it after a concurrent change. An empty list is null, which removes the field.
//
// To replace the status of a custom resource by a PUT of name, version and status costs the API server a tenth less,
// but mutating webhooks would see an object without a spec, and fields of a newer status would be lost.
type patch struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Status any `json:"status"`
}

// patch returns the body of the request: a JSON patch, which is a list, or a merge patch, which is an object. Encoding cannot fail: the fields are plain data, and their strings valid UTF-8.
func (n *next) patch() []byte {
	if n.kind.Operations != nil {
		// It replaces the version, so that the API server compares it as that of a merge patch.
		ops := append([]kind.Operation{{Op: "replace", Path: "/metadata/resourceVersion", Value: n.object.GetResourceVersion()}},
			n.kind.Operations(n.status, n.object)...)
		data, _ := json.Marshal(ops)
		return data
	}
	p := patch{Status: n.kind.Fields(n.status)}
	p.Metadata.ResourceVersion = n.object.GetResourceVersion()
	data, _ := json.Marshal(p)
	return data
}

// result returns the written object, with the fields that plan reads.
func (n *next) result(v Version) metav1.Object {
	return n.kind.Object(metav1.ObjectMeta{
		Namespace: n.object.GetNamespace(), Name: n.object.GetName(), UID: n.object.GetUID(),
		ResourceVersion: v.ResourceVersion, Generation: v.Generation,
	}, n.status)
}
