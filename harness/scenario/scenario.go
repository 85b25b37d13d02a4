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
	// Namespaces are created besides the scenario's own; ${NAMESPACE}-b is the full name of b.
	Namespaces []string `json:"namespaces,omitempty"`
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
	// Protocol is http (HTTP/1.1 and h2c; the default), https (signed by Env.CA, for the Service's names) or tcp.
	Protocol string `json:"protocol,omitempty"`
	// Annotations of the Service.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Namespace is one of Scenario.Namespaces; "" is the scenario's own.
	Namespace string `json:"namespace,omitempty"`
}

// Certificate is a TLS Secret.
type Certificate struct {
	Name  string   `json:"name"`
	Hosts []string `json:"hosts"`
	// Namespace is one of Scenario.Namespaces; "" is the scenario's own.
	Namespace string `json:"namespace,omitempty"`
	// Expired certificates expired an hour ago; Mismatched ones have the key of another.
	Expired    bool `json:"expired,omitempty"`
	Mismatched bool `json:"mismatched,omitempty"`
}

// Step is a change and its expected effects.
type Step struct {
	// Name is a sentence: what the step shows.
	Name string `json:"name"`
	// Rejected is what the API server must reject, before anything else is done.
	Rejected []Rejected `json:"rejected,omitempty"`
	// Apply is manifests; objects without a namespace go to the scenario's.
	Apply string `json:"apply,omitempty"`
	// Delete is done after Apply.
	Delete []Target `json:"delete,omitempty"`
	// Requests, Shares, Objects and Events are the expectations after the change.
	Requests []Request `json:"requests,omitempty"`
	Shares   []Share   `json:"shares,omitempty"`
	Objects  []Object  `json:"objects,omitempty"`
	Events   []Event   `json:"events,omitempty"`
}

// expectations counts the expectations of the step.
func (s Step) expectations() int {
	return len(s.Rejected) + len(s.Requests) + len(s.Shares) + len(s.Objects) + len(s.Events)
}

// Rejected is a manifest that the API server does not admit.
type Rejected struct {
	// Apply is one object.
	Apply string `json:"apply"`
	// Message is part of the API server's answer.
	Message string `json:"message"`
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

// Request is a request and the expected answer.
type Request struct {
	Method string `json:"method,omitempty"`
	// URL is http://host/path or https://host/path; ws:// or wss:// opens a WebSocket and echoes
	// a message over it (status 101); tls://host sends a line over TLS to a backend of protocol tcp.
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	HTTP2   bool              `json:"http2,omitempty"`
	Want    Want              `json:"want"`
}

// Want is the expected answer; fields that are left out are not compared.
type Want struct {
	Status int `json:"status"`
	// Backend is the Service that answers; "" is any, or the proxy itself.
	Backend string `json:"backend,omitempty"`
	// Headers are those of the answer; an empty value means that the header is absent.
	Headers map[string]string `json:"headers,omitempty"`
	// Path, Host and RequestHeaders are what the backend receives; an empty header value means absent.
	Path           string            `json:"path,omitempty"`
	Host           string            `json:"host,omitempty"`
	RequestHeaders map[string]string `json:"requestHeaders,omitempty"`
	// Body is part of the answer's body.
	Body string `json:"body,omitempty"`
	// Closed expects the connection to be closed instead of an answer, as it is when no host with TLS has the name.
	Closed bool `json:"closed,omitempty"`
	// Attempts is the number of requests that the scenario's backends receive for it, retries included; 0 is any.
	Attempts int64 `json:"attempts,omitempty"`
}

// Share is the expected distribution of equal requests over backends.
type Share struct {
	// URL is http://host/path.
	URL string `json:"url"`
	// Requests is the number of requests, sent one after the other.
	Requests int `json:"requests"`
	// Backends are percentages by name. A named backend must answer within 10 of its percentage, any other one never; 0 is never too.
	Backends map[string]float64 `json:"backends"`
}

// Event is a warning about an object that is expected among the Events of its namespace.
type Event struct {
	Target `json:",inline"`
	Reason string `json:"reason"`
	// Note is part of its text.
	Note string `json:"note"`
}

// Object is an object and its expected content.
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

// check finds errors that would make a scenario pass without an expectation.
func (s Scenario) check() error {
	if s.Name == "" || len(s.Steps) == 0 {
		return fmt.Errorf("scenario %q: needs a name and steps", s.Name)
	}
	for i, step := range s.Steps {
		if step.expectations() == 0 {
			return fmt.Errorf("scenario %q: step %d expects nothing", s.Name, i+1)
		}
		for _, r := range step.Requests {
			if r.Want.Status == 0 && !r.Want.Closed && !r.tcp() {
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
