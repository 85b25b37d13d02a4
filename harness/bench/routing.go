package bench

import (
	"encoding/json"
	"slices"
)

// API is the kind of object that the routes are written in.
type API string

const (
	// HTTPProxy is projectcontour.io/v1.
	HTTPProxy API = "httpproxy"
	// Ingress is networking.k8s.io/v1.
	Ingress API = "ingress"
	// Gateway is gateway.networking.k8s.io/v1: HTTPRoutes on one Gateway.
	Gateway API = "gateway"
)

// APIs are all.
func APIs() []API { return []API{HTTPProxy, Ingress, Gateway} }

// Paths of the two routes of every object; edits change the second.
const (
	firstPath  = "/"
	secondPath = "/b"
	directPath = "/direct"
)

// servicePort is the port of every Service.
const servicePort = 80

// object is a Kubernetes object as decoded JSON.
type object = map[string]any

// routing writes objects of one API.
type routing struct {
	api   API
	class string
	// gateway is the parent of HTTPRoutes.
	gateway parent
	// shared puts all objects on one host, each below a path of its own.
	shared bool
}

func (r routing) kind() kind {
	switch r.api {
	case HTTPProxy:
		return httpProxies
	case Ingress:
		return ingresses
	case Gateway:
		return httpRoutes
	}
	return kind{}
}

// followed is what is followed of the objects.
func (r routing) followed() followed { return followed{r.kind(), r.valid} }

// routed is the routing of an object: two paths of a host route to two Services.
type routed struct {
	name, host string
	// below is the path that both are below, without a slash at its end; empty for a host of its own.
	below         string
	first, second string
	// secret of the host's certificate; empty is HTTP without TLS.
	secret string
	// direct has an HTTPProxy answer directPath itself, without a Service.
	direct bool
}

// object describes a host.
func (r routing) object(o routed) object {
	apiVersion, kind, spec := "projectcontour.io/v1", "HTTPProxy", object(nil)
	switch r.api {
	case HTTPProxy:
		spec = r.classified(proxySpec(o))
	case Ingress:
		apiVersion, kind, spec = "networking.k8s.io/v1", "Ingress", r.classified(ingressSpec(o))
	case Gateway:
		apiVersion, kind, spec = gatewayVersion, "HTTPRoute", httpRouteSpec(o, r.gateway)
	}
	return object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": o.name}, "spec": spec}
}

func ingressSpec(o routed) object {
	spec := object{"rules": []any{object{
		"host": o.host,
		"http": object{"paths": []any{ingressPath(o.below+firstPath, o.first), ingressPath(o.below+secondPath, o.second)}},
	}}}
	if o.secret != "" {
		spec["tls"] = []any{object{"hosts": []any{o.host}, "secretName": o.secret}}
	}
	return spec
}

func proxySpec(o routed) object {
	virtualHost := object{"fqdn": o.host}
	if o.secret != "" {
		virtualHost["tls"] = object{"secretName": o.secret}
	}
	routes := []any{proxyRoute(o.below+firstPath, o.first), proxyRoute(o.below+secondPath, o.second)}
	if o.direct {
		routes = append(routes, object{
			"conditions": []any{object{"prefix": directPath}}, "directResponsePolicy": object{"statusCode": 200, "body": "hello"},
		})
	}
	return object{
		"virtualhost": virtualHost,
		"routes":      routes,
	}
}

func (r routing) classified(spec object) object {
	if r.class != "" {
		spec["ingressClassName"] = r.class
	}
	return spec
}

func ingressPath(path, service string) object {
	return object{"path": path, "pathType": "Prefix", "backend": object{
		"service": object{"name": service, "port": object{"number": servicePort}},
	}}
}

func proxyRoute(path, service string) object {
	return object{
		"conditions": []any{object{"prefix": path}},
		"services":   []any{object{"name": service, "port": servicePort}},
	}
}

// edit is the JSON patch that changes the second route to the Service.
func (r routing) edit(service string) ([]byte, error) {
	path := "/spec/routes/1/services/0/name"
	switch r.api {
	case HTTPProxy:
	case Ingress:
		path = "/spec/rules/0/http/paths/1/backend/service/name"
	case Gateway:
		path = "/spec/rules/1/backendRefs/0/name"
	}
	return json.Marshal([]object{{"op": "replace", "path": path, "value": service}})
}

// answered is the part of an object from which its acceptance by the controller is known.
type answered struct {
	Metadata struct {
		Name            string `json:"name"`
		Generation      int64  `json:"generation"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Status struct {
		Conditions   []condition `json:"conditions"`
		LoadBalancer struct {
			Ingress []json.RawMessage `json:"ingress"`
		} `json:"loadBalancer"`
		// Parents are of an HTTPRoute.
		Parents []struct {
			Conditions []condition `json:"conditions"`
		} `json:"parents"`
		// Addresses and Listeners are of a Gateway.
		Addresses []struct {
			Value string `json:"value"`
		} `json:"addresses"`
		Listeners []struct {
			AttachedRoutes int `json:"attachedRoutes"`
		} `json:"listeners"`
	} `json:"status"`
}

type condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	ObservedGeneration int64  `json:"observedGeneration"`
}

// valid reports whether the status is of the latest spec and valid; for an Ingress, whether it has an address; for an HTTPRoute, whether
// its parents, at least one, have accepted it and all that it refers to.
func (r routing) valid(o answered) bool {
	switch r.api {
	case HTTPProxy:
		return o.holds(o.Status.Conditions, "Valid")
	case Ingress:
		return len(o.Status.LoadBalancer.Ingress) > 0
	case Gateway:
		for _, p := range o.Status.Parents {
			if !o.holds(p.Conditions, "Accepted") || !o.holds(p.Conditions, "ResolvedRefs") {
				return false
			}
		}
		return len(o.Status.Parents) > 0
	}
	return false
}

// holds reports whether the condition is true for the latest spec.
func (o answered) holds(conditions []condition, of string) bool {
	return slices.ContainsFunc(conditions, func(c condition) bool {
		return c.Type == of && c.Status == "True" && c.ObservedGeneration == o.Metadata.Generation
	})
}
