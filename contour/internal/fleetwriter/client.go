package fleetwriter

import (
	"cmp"
	"context"
	"strings"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/provision"
)

// Ref names an object.
type Ref struct {
	Kind string // ServiceAccount, Secret, Service, Deployment, DaemonSet or PodDisruptionBudget
	kobj.Name
}

// String is "Kind namespace/name".
func (r Ref) String() string { return r.Kind + " " + r.Name.String() }

func (r Ref) compare(o Ref) int {
	return cmp.Or(strings.Compare(r.Kind, o.Kind), r.Compare(o.Name))
}

func (r Ref) workload() bool { return r.Kind == "Deployment" || r.Kind == "DaemonSet" }

func refOf(o provision.Object) Ref {
	return Ref{o.GetObjectKind().GroupVersionKind().Kind, kobj.Name{Namespace: o.GetNamespace(), Name: o.GetName()}}
}

// Child is what is known of an object: its metadata.
type Child struct {
	UID        string
	Generation int64
	Gateway    string // the label provision.GatewayLabel
	Controller string // the annotation provision.ControllerAnnotation
	// Certificate is the annotation about the certificate of a Secret.
	Certificate string
	// Managed is a hash of the names of the fields that this controller has applied and nobody has changed.
	Managed string
	// Scaled: another client has set the number of pods.
	Scaled bool
}

// Client is the part of the API server that a Writer needs. Errors are those of the API server.
type Client interface {
	// Watch calls changed for each object with the labels of a fleet, now and after each change, and synced once all that exist are known.
	// It returns when the context ends.
	Watch(ctx context.Context, changed func(gateway kobj.Name, r Ref, c Child, gone bool), synced func())
	// Get returns an object; false if there is none.
	Get(ctx context.Context, r Ref) (Child, bool, error)
	// Apply applies an object, on the server: with a uid to the object that has it, whichever manager has set its fields; otherwise it must not
	// exist, or have no other values.
	Apply(ctx context.Context, r Ref, body []byte, uid string) (Child, error)
	// Adopt makes the fields of the object with the uid that Contour's provisioner has set, of those that a fleet decides about completely,
	// fields that Apply has set: the next Apply removes those that it does not set.
	Adopt(ctx context.Context, r Ref, uid string) error
	// Delete deletes the object with the uid.
	Delete(ctx context.Context, r Ref, uid string) error
	// Ready reports whether a workload has a ready pod.
	Ready(ctx context.Context, r Ref) (bool, error)
	// ClassOf returns the class of a Gateway; false if the Gateway does not exist.
	ClassOf(ctx context.Context, n kobj.Name) (class string, exists bool, err error)
	// Serves reports whether a class is one of the controller, or does not exist.
	Serves(ctx context.Context, class, controller string) (bool, error)
}
