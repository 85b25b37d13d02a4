package statuswriter

import (
	"bytes"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
)

// fieldManager is the field manager of the writes.
const fieldManager = "contour"

// reporter is the reportingController of Events.
const reporter = "projectcontour.io/contour"

// API is the Client of a real API server.
type API struct {
	kinds   map[kobj.Kind]schema.GroupVersionResource // those with a status
	clients map[schema.GroupVersion]rest.Interface
	served  func() kind.Served
}

// onlyMetadata requests a response without spec and status, which can be Protobuf also for custom resources.
const onlyMetadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1," +
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// NewAPI returns a Client for the API server of the configuration. It ignores the rate limits of the configuration: with
// the default of 5 requests per second, the first statuses of 10,000 objects would take half an hour. The pace of the
// Writer bounds the load, and so does API Priority and Fairness in the API server.
//
// It has its own connection: on a shared one, watch events would wait behind the responses to writes. Statuses are written in the version that
// served returns for a kind, else in the newest.
func NewAPI(c *rest.Config, served func() kind.Served) (*API, error) {
	a := &API{kinds: map[kobj.Kind]schema.GroupVersionResource{}, served: served}
	var withStatus kind.List
	for _, k := range kind.All() {
		if k.Status != nil {
			a.kinds[k.Kind] = k.GroupVersion.WithResource(k.Resource)
			withStatus = append(withStatus, k)
		}
	}
	var err error
	a.clients, err = kubeclient.New(c, kubeclient.Options{
		Kinds: withStatus, Unlimited: true, OwnConnection: true,
		Types: map[schema.GroupVersion]func(*runtime.Scheme) error{eventsv1.SchemeGroupVersion: eventsv1.AddToScheme},
	})
	return a, err
}

// PatchStatus implements Client for the kinds with a status.
func (a *API) PatchStatus(ctx context.Context, k kobj.Key, patch []byte) (Version, error) {
	resource, ok := a.kinds[k.Kind]
	if !ok {
		return Version{}, fmt.Errorf("status of %s: the kind has no status to write", k)
	}
	if v := a.served()[k.Kind]; v != "" {
		resource.Version = v
	}
	// The Writer schedules retries.
	var o metav1.PartialObjectMetadata
	err := a.clients[resource.GroupVersion()].Patch(patchType(patch)).
		Namespace(k.Namespace).Resource(resource.Resource).Name(k.Name.Name).SubResource("status").
		Param("fieldManager", fieldManager).SetHeader("Accept", onlyMetadata).MaxRetries(0).
		Body(patch).Do(ctx).Into(&o)
	return Version{ResourceVersion: o.ResourceVersion, Generation: o.Generation}, err
}

// patchType returns the type of a patch of a Writer.
func patchType(patch []byte) types.PatchType {
	if bytes.HasPrefix(patch, []byte("[")) {
		return types.JSONPatchType
	}
	return types.MergePatchType
}

// CreateEvent implements Client.
func (a *API) CreateEvent(ctx context.Context, e Event) error {
	return a.clients[eventsv1.SchemeGroupVersion].Post().
		Namespace(e.Regarding.Namespace).Resource("events").
		Param("fieldManager", fieldManager).Body(e.object()).Do(ctx).Error()
}

// object returns the Event in the type of the API.
func (e Event) object() *eventsv1.Event {
	return &eventsv1.Event{
		TypeMeta:   metav1.TypeMeta{APIVersion: eventsv1.SchemeGroupVersion.String(), Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Regarding.Namespace, Name: e.Name},
		EventTime:  metav1.NewMicroTime(e.Time),

		ReportingController: reporter, ReportingInstance: cut(e.Instance, 128),
		Type: corev1.EventTypeWarning, Reason: e.Reason, Action: "Reconcile", Note: e.Note,
		Regarding: corev1.ObjectReference{
			APIVersion: e.APIVersion, Kind: string(e.Regarding.Kind),
			Namespace: e.Regarding.Namespace, Name: e.Regarding.Name.Name,
			UID: types.UID(e.UID), ResourceVersion: e.ResourceVersion,
		},
	}
}
