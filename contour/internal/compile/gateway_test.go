package compile

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// What each of the routes of a rule repeats costs as often: origins of CORS, and mirrors.
func TestARuleCostsWhatItsRoutesRepeat(t *testing.T) {
	s := newStages(t)
	class := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "contour"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: "projectcontour.io/gateway-controller"}}
	g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "g"}, Spec: gatewayv1.GatewaySpec{
		GatewayClassName: "contour", Listeners: []gatewayv1.Listener{{Name: "l", Port: 80, Protocol: gatewayv1.HTTPProtocolType}},
	}}
	const matches, origins, size = 100, 60, 250
	o := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "r"}}
	o.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "g"}}
	cors := &gatewayv1.HTTPCORSFilter{}
	for i := range origins {
		cors.AllowOrigins = append(cors.AllowOrigins, gatewayv1.CORSOrigin(fmt.Sprintf("https://%02d%s.example", i, strings.Repeat("a", size))))
	}
	rule := gatewayv1.HTTPRouteRule{
		Filters:     []gatewayv1.HTTPRouteFilter{{Type: gatewayv1.HTTPRouteFilterCORS, CORS: cors}},
		BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "s", Port: new(gatewayv1.PortNumber(80))}}}},
	}
	for i := range matches {
		rule.Matches = append(rule.Matches, gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{Value: new(fmt.Sprint("/", i))}})
	}
	o.Spec.Rules = []gatewayv1.HTTPRouteRule{rule}
	s.apply(class, g, o, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	})
	root, _ := s.roots.Peek(kobj.Of(kobj.HTTPRoute, "ns", "r"))
	if least := matches * origins * size >> 10; root.Cost.Routes < least {
		t.Errorf("the route costs %d, want at least %d", root.Cost.Routes, least)
	}
}
