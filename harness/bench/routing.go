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

// Paths of the two routes of every object; edits are about the second.
const (
	firstPath  = "/"
	secondPath = "/b"
)

// servicePort is the port of every Service.
const servicePort = 80

// object is a Kubernetes object as JSON has it.
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

// object routes the host's two paths to the two Services.
func (r routing) object(name, host string, first, second string) object {
	o := object{"metadata": object{"name": name}}
	if r.api == Ingress {
		o["apiVersion"], o["kind"] = "networking.k8s.io/v1", "Ingress"
		o["spec"] = r.classified(object{"rules": []object{{
			"host": host,
			"http": object{"paths": []object{ingressPath(firstPath, first), ingressPath(secondPath, second)}},
		}}})
		return o
	}
	o["apiVersion"], o["kind"] = "projectcontour.io/v1", "HTTPProxy"
	o["spec"] = r.classified(object{
		"virtualhost": object{"fqdn": host},
		"routes":      []object{proxyRoute(firstPath, first), proxyRoute(secondPath, second)},
	})
	return o
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
		"conditions": []object{{"prefix": path}},
		"services":   []object{{"name": service, "port": servicePort}},
	}
}

// edit is the JSON patch that leads the second route to the Service.
func (r routing) edit(service string) ([]byte, error) {
	path := "/spec/routes/1/services/0/name"
	if r.api == Ingress {
		path = "/spec/rules/0/http/paths/1/backend/service/name"
	}
	return json.Marshal([]object{{"op": "replace", "path": path, "value": service}})
}

// routed is what of an object says whether the controller has accepted it.
type routed struct {
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

// valid says that the status is about the latest spec and says Valid; an Ingress has only an address to say so.
func (r routing) valid(o routed) bool {
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
