package bench

import "encoding/json"

// API is the kind of object that the routes are written in.
type API string

const (
	// HTTPProxy is projectcontour.io/v1.
	HTTPProxy API = "httpproxy"
	// Ingress is networking.k8s.io/v1.
	Ingress API = "ingress"
)

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
}

func (r routing) kind() kind {
	if r.api == Ingress {
		return ingresses
	}
	return httpProxies
}

// routed is the routing of an object: two paths of a host route to two Services.
type routed struct {
	name, host    string
	first, second string
	// secret of the host's certificate; empty is HTTP without TLS.
	secret string
	// direct has an HTTPProxy answer directPath itself, without a Service.
	direct bool
}

// object describes a host.
func (r routing) object(o routed) object {
	if r.api == Ingress {
		return object{
			"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
			"metadata": object{"name": o.name}, "spec": r.classified(ingressSpec(o)),
		}
	}
	return object{
		"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
		"metadata": object{"name": o.name}, "spec": r.classified(proxySpec(o)),
	}
}

func ingressSpec(o routed) object {
	spec := object{"rules": []any{object{
		"host": o.host,
		"http": object{"paths": []any{ingressPath(firstPath, o.first), ingressPath(secondPath, o.second)}},
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
	routes := []any{proxyRoute(firstPath, o.first), proxyRoute(secondPath, o.second)}
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
	if r.api == Ingress {
		path = "/spec/rules/0/http/paths/1/backend/service/name"
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
		Conditions []struct {
			Type               string `json:"type"`
			Status             string `json:"status"`
			ObservedGeneration int64  `json:"observedGeneration"`
		} `json:"conditions"`
		LoadBalancer struct {
			Ingress []json.RawMessage `json:"ingress"`
		} `json:"loadBalancer"`
	} `json:"status"`
}

// valid reports whether the status is of the latest spec and valid; for an Ingress, whether it has an address.
func (r routing) valid(o answered) bool {
	if r.api == Ingress {
		return len(o.Status.LoadBalancer.Ingress) > 0
	}
	for _, c := range o.Status.Conditions {
		if c.Type == "Valid" {
			return c.Status == "True" && c.ObservedGeneration == o.Metadata.Generation
		}
	}
	return false
}
