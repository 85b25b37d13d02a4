package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// The ports of a pod of Envoy that are not those of listeners. They are above the ports that Linux assigns to connections.
const (
	StatsPort    = 61002 // readiness and statistics
	shutdownPort = 61090 // of the shutdown manager
)

// ReservedPort reports whether no listener of a Gateway can have a port.
func ReservedPort(port int32) bool { return port == StatsPort || port == shutdownPort }

// Labels and annotations that identify the objects of a fleet. The labels are those of Contour's provisioner.
const (
	// GatewayLabel is the name of the Gateway, in the namespace of the object, shortened like the name of an object if it is no value of a label.
	GatewayLabel = "projectcontour.io/owning-gateway-name"
	// ControllerAnnotation is the name of the controller that provisions the object.
	ControllerAnnotation = "projectcontour.io/gateway-controller"
	// GatewayAnnotation is the full name of the Gateway.
	GatewayAnnotation = "projectcontour.io/gateway"

	gatewayNameLabel  = "gateway.networking.k8s.io/gateway-name"
	gatewayClassLabel = "gateway.networking.k8s.io/gateway-class-name"
)

// MaxAddresses bounds the static addresses of a Gateway, each of which is a Service; the API server allows 16.
const MaxAddresses = 16

// Fleet is what a Gateway asks for.
type Fleet struct {
	Gateway kobj.Name
	UID     types.UID // "" if the Gateway is not of an API server
	Class   string
	Ports   []Port // of its listeners, sorted, each once
	// Addresses are the static addresses. Without any, or with Assign, one Service has whatever address it gets.
	Addresses []string
	Assign    bool
	// Labels and Annotations are those of spec.infrastructure.
	Labels, Annotations map[string]string
	Parameters          Parameters
}

// Port is a port of listeners.
type Port struct {
	Number int32
	UDP    bool
}

// Options are the settings of the controller.
type Options struct {
	Controller               string // name of the controller of the class
	EnvoyImage, ContourImage string
	PullPolicy               corev1.PullPolicy // of both; "" is IfNotPresent
	// XDSAddress and XDSPort are those at which pods reach the xDS server, in the namespace of the controller.
	XDSAddress string
	XDSPort    uint32
	Namespace  string
	// DrainSeconds is the --drain-time-s of Envoys.
	DrainSeconds int
}

// Object is an object of the API server.
type Object interface {
	metav1.Object
	runtime.Object
}

// Name returns the name of the fleet, which its certificate contains.
func (f *Fleet) Name() string { return FleetName(f.Gateway) }

// FleetName returns the name of the fleet of a Gateway.
func FleetName(n kobj.Name) string { return "gw/" + n.Namespace + "/" + n.Name }

// CertificateName returns the name of the Secret with the certificate of the fleet.
func (f *Fleet) CertificateName() string { return objectName("envoycert-", f.Gateway.Name) }

// ServiceNames returns the names of the Services of a Gateway with these static addresses, the one with any address last: that of the first
// address is Contour's.
func ServiceNames(gateway string, addresses []string, assign bool) []string {
	var names []string
	add := func(of string) {
		if len(names) == 0 {
			names = append(names, objectName("envoy-", gateway))
			return
		}
		names = append(names, objectName("envoy-", gateway+"-"+digest(of)))
	}
	for _, a := range addresses[:min(len(addresses), MaxAddresses)] {
		add(a)
	}
	if assign || len(addresses) == 0 {
		add("")
	}
	return names
}

// objectName returns the name of an object: prefix and name, or if that is not one of a Service the first part of it and a hash of the name.
func objectName(prefix, name string) string {
	if full := prefix + name; len(validation.IsDNS1035Label(full)) == 0 {
		return full
	}
	return prefix + shortened(name, validation.DNS1035LabelMaxLength-len(prefix))
}

// LabelValue returns the value of GatewayLabel.
func LabelValue(gateway string) string {
	if len(validation.IsValidLabelValue(gateway)) == 0 {
		return gateway
	}
	return shortened(gateway, validation.LabelValueMaxLength)
}

// shortened returns a name of at most that length, with a hash.
func shortened(name string, most int) string {
	sum := digest(name)
	name = strings.ReplaceAll(name, ".", "-")
	return strings.TrimRight(name[:min(len(name), most-len(sum)-1)], "-") + "-" + sum
}

// digest returns ten digits of a hash.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:10]
}

// Objects returns the objects of a fleet, in the order in which they are created. The Secret with the certificate has no data.
func Objects(f *Fleet, o Options) []Object {
	b := builder{fleet: f, options: o, envoy: &f.Parameters.Envoy}
	all := []Object{b.serviceAccount(), b.secret()}
	all = append(all, b.services()...)
	all = append(all, b.workload())
	if b.envoy.WorkloadType == contourv1alpha1.WorkloadTypeDeployment {
		all = append(all, b.disruptionBudget())
	}
	return all
}

type builder struct {
	fleet   *Fleet
	options Options
	envoy   *contourv1alpha1.EnvoySettings
}

// name returns the name of most objects, which is also the value of the label by which pods are selected.
func (b *builder) name() string { return objectName("envoy-", b.fleet.Gateway.Name) }

// selector returns the label of the pods by which they are selected, which cannot be changed: it is that of Contour.
func (b *builder) selector() map[string]string { return map[string]string{"app": b.name()} }

// labels returns the labels of an object. Those of spec.infrastructure take precedence over all but those that identify the object.
func (b *builder) labels() map[string]string {
	f := b.fleet
	return union(
		map[string]string{
			"app.kubernetes.io/name": "contour", "app.kubernetes.io/component": "ingress-controller", "app.kubernetes.io/managed-by": "contour-gateway-provisioner",
		},
		f.Parameters.Labels, f.Labels,
		map[string]string{
			"app.kubernetes.io/instance": LabelValue(f.Gateway.Name), gatewayNameLabel: LabelValue(f.Gateway.Name), gatewayClassLabel: LabelValue(f.Class),
			GatewayLabel: LabelValue(f.Gateway.Name),
		},
	)
}

// annotations returns the annotations of an object with these ones of its own.
func (b *builder) annotations(own map[string]string) map[string]string {
	return union(own, b.fleet.Annotations, b.identity())
}

// identity is the annotations that identify an object.
func (b *builder) identity() map[string]string {
	return map[string]string{ControllerAnnotation: b.options.Controller, GatewayAnnotation: b.fleet.Gateway.String()}
}

// meta returns the metadata of an object: the Gateway owns it, so that it does not outlive the Gateway without the controller.
func (b *builder) meta(name string, annotations map[string]string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: b.fleet.Gateway.Namespace, Name: name, Labels: b.labels(), Annotations: b.annotations(annotations)}
	if b.fleet.UID != "" {
		controller, blocks := true, false
		m.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: gatewayv1.GroupVersion.String(), Kind: string(kobj.Gateway), Name: b.fleet.Gateway.Name, UID: b.fleet.UID,
			Controller: &controller, BlockOwnerDeletion: &blocks,
		}}
	}
	return m
}

func (b *builder) serviceAccount() Object {
	automount := false
	return &corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: b.meta(b.name(), nil), AutomountServiceAccountToken: &automount,
	}
}

func (b *builder) secret() Object {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: b.meta(b.fleet.CertificateName(), nil), Type: corev1.SecretTypeTLS,
	}
}
