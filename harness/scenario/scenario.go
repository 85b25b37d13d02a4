package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"contour.example/harness/kube"
)

// Scenario is a test in steps.
type Scenario struct {
	// Name is a sentence: what the scenario shows.
	Name string `json:"name"`
	// Backends are started first; each is a Service of that name in the scenario's namespace.
	Backends []Backend `json:"backends,omitempty"`
	// Certificates are made first; each is a Secret of type kubernetes.io/tls, signed by Env.CA.
	Certificates []Certificate `json:"certificates,omitempty"`
	Steps        []Step        `json:"steps"`
}

// Backend is a Service with echo servers behind it.
type Backend struct {
	Name string `json:"name"`
	// Port of the Service, 80 if 0.
	Port int `json:"port,omitempty"`
	// Endpoints is how many servers, 1 if 0.
	Endpoints int `json:"endpoints,omitempty"`
	// Protocol is http (HTTP/1.1 and h2c; the default), https or tcp.
	Protocol string `json:"protocol,omitempty"`
	// Annotations of the Service.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Certificate is a TLS Secret.
type Certificate struct {
	Name  string   `json:"name"`
	Hosts []string `json:"hosts"`
}

// Step is a change and what becomes of it.
type Step struct {
	// Name is a sentence: what the step shows.
	Name string `json:"name"`
	// Apply is manifests; objects without a namespace go to the scenario's.
	Apply string `json:"apply,omitempty"`
	// Delete is done after Apply.
	Delete []Target `json:"delete,omitempty"`
	// Requests and Objects are what shall be seen then.
	Requests []Request `json:"requests,omitempty"`
	Objects  []Object  `json:"objects,omitempty"`
}

// Target names an object; without a namespace it is in the scenario's.
type Target struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Namespace  string `json:"namespace,omitempty"`
}

func (t Target) ref(namespace string) kube.Ref {
	if t.Namespace != "" {
		namespace = t.Namespace
	}
	return kube.Ref{
		GroupVersionKind: schema.FromAPIVersionAndKind(t.APIVersion, t.Kind),
		Namespace:        namespace, Name: t.Name,
	}
}

// Request is a request and the answer that it shall get.
type Request struct {
	Method string `json:"method,omitempty"`
	// URL is http://host/path or https://host/path; ws:// or wss:// asks for a WebSocket and echoes
	// a message over it (status 101); tls://host sends a line over TLS to a backend of protocol tcp.
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	HTTP2   bool              `json:"http2,omitempty"`
	Want    Want              `json:"want"`
}

// Want is what an answer must be like; what is left out may be anything.
type Want struct {
	Status int `json:"status"`
	// Backend is the Service that answers; "" is any, or the proxy itself.
	Backend string `json:"backend,omitempty"`
	// Headers are those of the answer; an empty value means that the header is absent.
	Headers map[string]string `json:"headers,omitempty"`
	// Path, Host and RequestHeaders are what the backend gets; an empty header value means absent.
	Path           string            `json:"path,omitempty"`
	Host           string            `json:"host,omitempty"`
	RequestHeaders map[string]string `json:"requestHeaders,omitempty"`
	// Body is part of the answer's body.
	Body string `json:"body,omitempty"`
}

// Object is an object and what it shall have.
type Object struct {
	Target `json:",inline"`
	// Has is a part of the object, for example its status: maps may have more keys,
	// lists more elements, in any order.
	Has map[string]any `json:"has"`
}

// Parse reads a scenario from YAML; unknown fields are errors.
func Parse(text []byte) (Scenario, error) {
	var s Scenario
	if err := yaml.UnmarshalStrict(text, &s); err != nil {
		return Scenario{}, fmt.Errorf("scenario: %w", err)
	}
	return s, s.check()
}

// Load reads a scenario from a file.
func Load(path string) (Scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Scenario{}, fmt.Errorf("scenario: %w", err)
	}
	s, err := Parse(text)
	if err != nil {
		return Scenario{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// check finds mistakes that would make a scenario pass without looking at anything.
func (s Scenario) check() error {
	if s.Name == "" || len(s.Steps) == 0 {
		return fmt.Errorf("scenario %q: needs a name and steps", s.Name)
	}
	for i, step := range s.Steps {
		if len(step.Requests)+len(step.Objects) == 0 {
			return fmt.Errorf("scenario %q: step %d expects nothing", s.Name, i+1)
		}
		for _, r := range step.Requests {
			if r.Want.Status == 0 && !r.stream() {
				return fmt.Errorf("scenario %q: step %d: %s: wants no status", s.Name, i+1, r.URL)
			}
		}
	}
	return nil
}

// expand replaces ${NAME} in every text of the scenario.
func (s Scenario) expand(values map[string]string) (Scenario, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return Scenario{}, fmt.Errorf("scenario %q: %w", s.Name, err)
	}
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "${"+name+"}", value)
	}
	var expanded Scenario
	if err := json.Unmarshal([]byte(strings.NewReplacer(pairs...).Replace(string(text))), &expanded); err != nil {
		return Scenario{}, fmt.Errorf("scenario %q: %w", s.Name, err)
	}
	return expanded, nil
}
