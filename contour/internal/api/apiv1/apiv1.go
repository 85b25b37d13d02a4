// Package apiv1 is the documents of the read-only API of a running controller, which are also those that commands print as JSON.
//
// Fields are added, not renamed or removed; an unknown value is absent. Times are as in RFC 3339, enumerations are words, and no document
// contains a secret. The package has types and conversions only.
package apiv1

import (
	"time"

	"contour.example/contour/internal/kobj"
)

// version is that of the path and of the documents.
const version = "v1"

// Version is the apiVersion of all documents.
const Version = "cli.contour.example/" + version

// Path is the prefix of the paths of the API.
const Path = "/api/" + version + "/"

// Type is the version and kind of a document.
type Type struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// TypeOf returns the Type of a kind.
func TypeOf(kind string) Type { return Type{Version, kind} }

// List is a list, or a page of one.
type List[T any] struct {
	Type
	Page *Page `json:"page,omitempty"` // nil: the list is not of a running controller
	// Unread are the replicas of which a command could not read the list.
	Unread []Unread `json:"unread,omitempty"`
	Items  []T      `json:"items"`
}

// Page is what a page says about the list that it is of.
type Page struct {
	// Revision is the number of changes that the controller has processed when the page was made.
	Revision uint64 `json:"revision"`
	// Started is when the controller started: another one counts its changes from the start.
	Started time.Time `json:"started"`
	// Continue is the parameter of the next page; "": the list is complete.
	Continue string `json:"continue,omitempty"`
	// Changed: something has changed since the first page, so that the pages together may not be what was true at any time.
	Changed bool `json:"changed,omitempty"`
}

// PathList is the paths of the API, below its prefix.
type PathList struct {
	Type
	Paths []string `json:"paths"`
}

// Unread is a replica of the controller that could not be read.
type Unread struct {
	Replica string `json:"replica"`
	Message string `json:"message"`
}

// Status is what contour status prints.
type Status struct {
	Type
	Controllers []Info       `json:"controllers"`
	Unread      []Unread     `json:"unread,omitempty"`
	Envoys      []Envoy      `json:"envoys"`
	Rejections  []Rejection  `json:"rejections"`
	Objects     []ObjectItem `json:"objects"` // with errors or warnings
}

// Error is the answer to a request that cannot be served.
type Error struct {
	Type
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Object is the identity of an object.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// ObjectOf returns nil for no object.
func ObjectOf(k kobj.Key) *Object {
	if k.Kind == "" {
		return nil
	}
	return &Object{string(k.Kind), k.Namespace, k.Name.Name}
}

// ObjectsOf returns the first objects, up to limit.
func ObjectsOf(keys []kobj.Key, limit int) []Object {
	out := make([]Object, 0, min(len(keys), limit))
	for _, k := range keys[:min(len(keys), limit)] {
		out = append(out, *ObjectOf(k))
	}
	return out
}

// Key returns the key of the object; the zero key for nil.
func (o *Object) Key() kobj.Key {
	if o == nil {
		return kobj.Key{}
	}
	return kobj.Of(kobj.Kind(o.Kind), o.Namespace, o.Name)
}

// Info is the state of a controller.
type Info struct {
	Type
	Version      string         `json:"version"`
	Build        string         `json:"build"` // revision of the sources
	Replica      string         `json:"replica,omitempty"`
	Role         string         `json:"role"` // Leader, Follower or Standalone
	Started      time.Time      `json:"started"`
	Published    bool           `json:"published"` // the first complete configuration is
	Revision     uint64         `json:"revision"`
	LastChange   time.Time      `json:"lastChange,omitzero"`
	Objects      map[string]int `json:"objects"` // by kind
	Fleets       []Fleet        `json:"fleets"`
	IngressClass []string       `json:"ingressClasses,omitempty"` // that are served; none: objects without a class, and "contour"
}

// The roles.
const (
	Leader     = "Leader"
	Follower   = "Follower"
	Standalone = "Standalone"
)

// Fleet is the Envoys that share a configuration.
type Fleet struct {
	Name          string         `json:"name"`
	Sequence      uint64         `json:"sequence"` // of the last publication
	Resources     map[string]int `json:"resources"`
	Envoys        int            `json:"envoys"` // that are connected
	InSync        int            `json:"inSync"`
	Rejected      int            `json:"rejected"`      // resources, or parts of them, that the fleet rejects
	Disagreements int            `json:"disagreements"` // that single Envoys reject
}

// EnvoyState is whether an Envoy has what is published.
type EnvoyState string

// The states.
const (
	InSync  EnvoyState = "InSync"  // it has everything
	Waiting EnvoyState = "Waiting" // something is not sent or not acknowledged
	Rejects EnvoyState = "Rejects" // it rejects something
)

// Envoy is a connected Envoy.
type Envoy struct {
	Node      string     `json:"node"`
	Fleet     string     `json:"fleet"`
	Replica   string     `json:"replica,omitempty"` // of the controller that it is connected to
	Version   string     `json:"version,omitempty"`
	Connected time.Time  `json:"connected"`
	State     EnvoyState `json:"state"`
	// Since is when it was in sync last; absent if it is.
	Since     time.Time `json:"since,omitzero"`
	Sequence  uint64    `json:"sequence"`  // of the last publication that is known to its session
	Published uint64    `json:"published"` // of the last publication to its fleet

	Pending        int         `json:"pending,omitempty"`        // resources to be sent or removed
	InFlight       []string    `json:"inFlight,omitempty"`       // some of the resources that it has not answered for
	Blocked        []Blocked   `json:"blocked,omitempty"`        // some of the resources that wait for another
	Rejections     []Rejection `json:"rejections,omitempty"`     // some of what it rejects
	RejectionCount int         `json:"rejectionCount,omitempty"` // all of it
}

// Blocked is a resource that is sent when the Envoy has another one.
type Blocked struct {
	Resource string `json:"resource"`
	Needs    string `json:"needs"`
}

// Rejection is a resource, or a part of one, that an Envoy rejects.
type Rejection struct {
	Fleet    string   `json:"fleet"`
	Resource string   `json:"resource"` // such as RDS ingress_http
	Part     string   `json:"part,omitempty"`
	Version  string   `json:"version,omitempty"` // hash of the rejected content
	Message  string   `json:"message"`           // of Envoy
	Nodes    []string `json:"nodes,omitempty"`   // some of the Envoys that reject it; none: it is not sent to any
	// Disagreement: another Envoy of the fleet accepts it.
	Disagreement bool     `json:"disagreement,omitempty"`
	Objects      []Object `json:"objects,omitempty"`
}

// ObjectState is the state of an object.
type ObjectState string

// The states.
const (
	Valid     ObjectState = "Valid"
	Warning   ObjectState = "Warning" // it is served, but not entirely as specified
	Invalid   ObjectState = "Invalid"
	Orphaned  ObjectState = "Orphaned"  // no root includes the HTTPProxy
	NotServed ObjectState = "NotServed" // it is of another controller, or of another class
)

// ObjectItem is an object in a list.
type ObjectItem struct {
	Object     Object      `json:"object"`
	State      ObjectState `json:"state"`
	Generation int64       `json:"generation,omitempty"`
	Host       string      `json:"host,omitempty"` // of an HTTPProxy with a virtual host
	Errors     int         `json:"errors,omitempty"`
	Warnings   int         `json:"warnings,omitempty"`
	Message    string      `json:"message,omitempty"` // the first diagnostic
}

// ObjectReport is all that is known about an object.
type ObjectReport struct {
	Type
	ObjectItem
	Conditions  []Condition  `json:"conditions,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	Hosts       []HostName   `json:"hosts,omitempty"` // some of those that it serves
	HostCount   int          `json:"hostCount,omitempty"`
	Rejections  []Rejection  `json:"rejections,omitempty"`
	LastChange  *Change      `json:"lastChange,omitempty"` // that names it, among those that are remembered
	Envoys      []ObjectSync `json:"envoys,omitempty"`     // some of those that serve it; those that do not have its last change come first
	EnvoyCount  int          `json:"envoyCount"`           // all of those that serve it
	Have        int          `json:"have"`                 // of these, those that have its last change
	Unread      []Unread     `json:"unread,omitempty"`     // replicas that contour status could not read
}

// Condition is a condition of the status that an object should have.
type Condition struct {
	Of      string `json:"of,omitempty"` // of several parts of the status, such as parents[0]
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// HostName is a host of a listener.
type HostName struct {
	Fleet    string `json:"fleet"`
	Listener string `json:"listener"`
	Host     string `json:"host"`
}

// ObjectSync is whether an Envoy has the last change of an object.
type ObjectSync struct {
	Node  string     `json:"node"`
	Has   bool       `json:"has"`
	State EnvoyState `json:"state"`
}

// Change is what the controller did at a time.
type Change struct {
	ID        uint64    `json:"id"`
	Seen      time.Time `json:"seen"`
	Published time.Time `json:"published"`

	Objects     []Object `json:"objects,omitempty"`     // some of the changed objects
	ObjectCount int      `json:"objectCount,omitempty"` // all of them; 0: the cause is an answer of an Envoy, the configuration, the time or an earlier change
	Hosts       int      `json:"hosts,omitempty"`       // that changed
	Statuses    int      `json:"statuses,omitempty"`
	Resources   int      `json:"resources,omitempty"` // set or removed
	Bytes       int      `json:"bytes,omitempty"`     // of the resources set

	Envoys       int       `json:"envoys,omitempty"`       // connected ones that are to have it
	Acknowledged int       `json:"acknowledged,omitempty"` // of these
	First        time.Time `json:"firstAcknowledged,omitzero"`
	Last         time.Time `json:"lastAcknowledged,omitzero"`
	Slowest      string    `json:"slowest,omitempty"` // node of the last one
}

// Host is a host that is served, in a list.
type Host struct {
	HostName
	TLS         bool     `json:"tls,omitempty"`
	Certificate string   `json:"certificate,omitempty"` // namespace and name of its Secret
	Routes      int      `json:"routes"`
	Failing     int      `json:"failing,omitempty"` // routes that respond with an error of the server themselves
	Objects     []Object `json:"objects,omitempty"` // some of its root objects
}

// Resource is an xDS resource, without its content.
type Resource struct {
	Type    string   `json:"type"` // CDS, EDS, SDS, LDS, SRDS, RDS or RTDS
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"` // hash of the content that Envoys are to have
	Bytes   int      `json:"bytes,omitempty"`
	Needs   int      `json:"needs,omitempty"` // other resources without which it does not work
	Objects []Object `json:"objects,omitempty"`
	// Has is the version that the Envoy of the question has.
	Has string `json:"has,omitempty"`
}
