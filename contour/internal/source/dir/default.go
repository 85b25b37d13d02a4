package dir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// complete gives an object what an API server would have given it, and makes what it stands for.
func complete(key kobj.Key, o metav1.Object) ([]store.Change, []fault) {
	var faults []fault
	switch o := o.(type) {
	case *corev1.Service:
		completeService(o)
	case *corev1.Secret:
		completeSecret(o)
	case *discoveryv1.EndpointSlice:
		if o.AddressType == "" {
			return nil, []fault{{"addressType", "The field is missing; the object is not taken."}}
		}
		completeSlice(o)
	case *networkingv1.Ingress:
		faults = missingPathTypes(o)
	case *corev1.Endpoints: //nolint:staticcheck // see kinds
		return slicesOf(o), nil
	}
	return []store.Change{change(key.Kind, o)}, faults
}

func completeService(s *corev1.Service) {
	if s.Spec.Type == "" {
		s.Spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range s.Spec.Ports {
		if s.Spec.Ports[i].Protocol == "" {
			s.Spec.Ports[i].Protocol = corev1.ProtocolTCP
		}
	}
}

func completeSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) == 0 {
		return
	}
	data := maps.Clone(s.Data)
	if data == nil {
		data = map[string][]byte{}
	}
	for k, v := range s.StringData {
		data[k] = []byte(v)
	}
	s.Data, s.StringData = data, nil
}

func completeSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		p := &s.Ports[i]
		if p.Name == nil {
			p.Name = new("")
		}
		if p.Protocol == nil {
			p.Protocol = new(corev1.ProtocolTCP)
		}
	}
}

// missingPathTypes tells of paths without the type that an API server would insist on.
func missingPathTypes(ing *networkingv1.Ingress) []fault {
	var faults []fault
	for i, r := range ing.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for j := range r.HTTP.Paths {
			if r.HTTP.Paths[j].PathType == nil {
				field := fmt.Sprintf("spec.rules[%d].http.paths[%d].pathType", i, j)
				faults = append(faults, fault{field, "The field is missing; ImplementationSpecific is taken."})
			}
		}
	}
	return faults
}

// crdDefault is a default of the HTTPProxy CRD: of a field of the objects at a path. [] stands for all items of a list.
type crdDefault struct {
	at, field string
	value     any
}

// crdDefaults are those of the spec that decoding does not fill in.
func crdDefaults() []crdDefault {
	const matches = "rateLimitPolicy.global.descriptors[].entries[].requestHeaderValueMatch"
	return []crdDefault{
		{"spec.routes[].internalRedirectPolicy", "allowCrossSchemeRedirect", "Never"},
		{"spec.routes[]." + matches, "expectMatch", true},
		{"spec.routes[].requestRedirectPolicy", "statusCode", 302},
		{"spec.routes[].retryPolicy", "count", 1},
		{"spec.routes[].services[].slowStartPolicy", "aggression", "1.0"},
		{"spec.routes[].services[].slowStartPolicy", "minWeightPercent", 10},
		{"spec.tcpproxy.services[].slowStartPolicy", "aggression", "1.0"},
		{"spec.tcpproxy.services[].slowStartPolicy", "minWeightPercent", 10},
		{"spec.virtualhost.authorization", "serviceType", "grpc"},
		{"spec.virtualhost.authorization.withRequestBody", "maxRequestBytes", 1024},
		{"spec.virtualhost." + matches, "expectMatch", true},
	}
}

// withDefaults fills the defaults of the CRD into an HTTPProxy. What is no object comes back as it is.
func withDefaults(data []byte) []byte {
	var object map[string]any
	numbers := json.NewDecoder(bytes.NewReader(data))
	numbers.UseNumber()
	if numbers.Decode(&object) != nil {
		return data
	}
	for _, d := range crdDefaults() {
		fill(object, strings.Split(d.at, "."), d)
	}
	filled, err := json.Marshal(object)
	if err != nil {
		return data
	}
	return filled
}

func fill(at any, path []string, d crdDefault) {
	object, ok := at.(map[string]any)
	if !ok {
		return
	}
	if len(path) == 0 {
		if _, there := object[d.field]; !there {
			object[d.field] = d.value
		}
		return
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	if !isList {
		fill(object[name], path[1:], d)
		return
	}
	items, _ := object[name].([]any)
	for _, item := range items {
		fill(item, path[1:], d)
	}
}
