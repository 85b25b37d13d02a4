// Package preview evaluates manifests without a cluster and without an Envoy: what the controller reports about them (Findings),
// how an Envoy that has the resulting configuration responds to a request (Explain), and which requests another configuration answers
// differently (Compare).
//
// In: files and directories, and the configuration of the controller. They go through the same stages as in serve and
// standalone, once; the model of Envoy answers requests. A Service with a selector and without endpoints in the files gets
// one endpoint, since the cluster makes those.
package preview

import (
	"cmp"
	"io"
	"log/slog"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
)

// Options are what a preview is made from.
type Options struct {
	Paths  []string  // files and directories; "-" is Stdin
	Stdin  io.Reader // may be nil without "-"
	Config config.Config
	Log    *slog.Logger
	// Cluster is what the files are applied over; nil evaluates the files alone.
	Cluster *Cluster
}

// Preview is the result of the stages.
type Preview struct {
	Findings []Finding // by file and line
	Objects  int       // that were read

	positions dir.Positions
	objects   map[kobj.Key]metav1.Object
	exists    func(kobj.Key) bool // an object that need not be among objects
	assumed   map[kobj.Name]bool  // Services that have an assumed endpoint
	classes   []string
	hosts     map[ir.HostKey]*ir.VirtualHost
	listeners map[ir.ListenerKey]*ir.Listener
	served    index
	envoy     *semantic.Envoy
}

// Load reads the files and evaluates them. It returns an error if a path cannot be read; an error in a file is a finding.
func Load(o Options) (*Preview, error) {
	batch, err := dir.Load(o.Stdin, o.Paths...)
	if err != nil {
		return nil, err
	}
	changes, existed, err := o.objects(batch.Changes)
	if err != nil {
		return nil, err
	}
	p := &Preview{
		positions: batch.Positions, objects: map[kobj.Key]metav1.Object{}, Objects: len(changes),
		assumed: map[kobj.Name]bool{}, hosts: map[ir.HostKey]*ir.VirtualHost{}, classes: o.Config.Objects.IngressClassNames,
	}
	for _, c := range changes {
		p.objects[c.Key] = c.Object
	}
	p.exists = func(k kobj.Key) bool { return p.objects[k] != nil }
	fleets := fleet.New(func() {})
	stages := pipeline.New(pipeline.Options{Config: o.Config, Fleets: fleets, Log: o.Log})
	result := stages.Step(append(changes, p.assumeEndpoints(existed)...))
	p.problems(batch.Problems)
	served := map[kobj.Key]bool{}
	for _, s := range result.Statuses {
		if s.New != nil {
			p.addFindings(s.Key, *s.New)
			served[s.Key] = *s.New != nil
		}
	}
	p.addNotes(served, stages.Compile.References)
	p.sortFindings()
	for _, h := range result.Hosts {
		if h.New != nil && *h.New != nil {
			p.hosts[h.Key] = *h.New
		}
	}
	p.readListeners(stages)
	p.indexHosts()
	if t := fleets.Get(ir.DefaultFleet); t != nil {
		p.envoy, err = semantic.New(semantic.Effective(t))
	}
	return p, err
}

// objects returns what is evaluated: the objects of files, over those of the cluster. existed are the keys of the latter.
func (o *Options) objects(files []store.Change) (all []store.Change, existed map[kobj.Key]bool, err error) {
	if o.Cluster == nil {
		return files, nil, nil
	}
	existed = make(map[kobj.Key]bool, len(o.Cluster.Objects))
	for _, c := range o.Cluster.Objects {
		existed[c.Key] = true
	}
	all = o.Cluster.over(files)
	if o.Cluster.NoSecrets {
		assumed, err := o.Cluster.assumeSecrets(all)
		return append(all, assumed...), existed, err
	}
	return all, existed, nil
}

// assumeEndpoints returns an EndpointSlice for each Service with a selector that has none; those that existed in a cluster really have none.
func (p *Preview) assumeEndpoints(existed map[kobj.Key]bool) []store.Change {
	has := map[kobj.Name]bool{}
	for k, o := range p.objects {
		if k.Kind == kobj.EndpointSlice {
			has[kobj.Name{Namespace: k.Namespace, Name: o.GetLabels()[discoveryv1.LabelServiceName]}] = true
		}
	}
	var out []store.Change
	for k, o := range p.objects {
		s, ok := o.(*corev1.Service)
		if !ok || has[k.Name] || existed[k] || len(s.Spec.Selector) == 0 {
			continue
		}
		p.assumed[k.Name] = true
		slice := assumedSlice(s)
		out = append(out, store.Change{Key: kobj.Of(kobj.EndpointSlice, k.Namespace, slice.Name), Object: slice})
	}
	return out
}

// assumedSlice has one ready endpoint for all ports of the Service, at an address for documentation (RFC 5737).
func assumedSlice(s *corev1.Service) *discoveryv1.EndpointSlice {
	out := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.Name + "-assumed", Labels: map[string]string{discoveryv1.LabelServiceName: s.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
	}
	for _, port := range s.Spec.Ports {
		protocol := cmp.Or(port.Protocol, corev1.ProtocolTCP)
		out.Ports = append(out.Ports, discoveryv1.EndpointPort{
			Name: new(port.Name), Port: new(port.Port), Protocol: &protocol, AppProtocol: port.AppProtocol,
		})
	}
	return out
}

// problems collects the problems of files.
func (p *Preview) problems(problems []dir.Problem) {
	for _, x := range problems {
		p.Findings = append(p.Findings, Finding{
			File: x.File, Line: x.Line, Severity: Error, Object: x.Object, Field: x.Field, Message: x.Message,
		})
	}
}

// addFindings collects the diagnostics of an object, or that it is not served.
func (p *Preview) addFindings(k kobj.Key, d *status.Desired) {
	if d == nil {
		p.Findings = append(p.Findings, p.notServed(k))
		return
	}
	for _, x := range d.Diagnostics {
		p.Findings = append(p.Findings, p.finding(x))
	}
}

// Beyond returns the findings in files, and those about other objects that the preview before has not.
func (p *Preview) Beyond(before *Preview) []Finding {
	caused := without(p.Findings, before.Findings)
	return slices.DeleteFunc(slices.Clone(p.Findings), func(f Finding) bool { return f.File == "" && !slices.Contains(caused, f) })
}

// sortFindings completes and sorts the findings.
func (p *Preview) sortFindings() {
	p.missingParents()
	slices.SortFunc(p.Findings, Finding.compare)
}

func (p *Preview) finding(d report.Diagnostic) Finding {
	f := Finding{Severity: Error, Object: d.Object, Field: d.Field, Type: d.Type, Reason: d.Reason, Message: semantic.MaskedText(d.Message)}
	if d.Severity == report.Warning {
		f.Severity = Warning
	}
	return p.at(f)
}

// at adds the position of the finding.
func (p *Preview) at(f Finding) Finding {
	at, _ := p.positions.Position(f.Object, f.Field)
	f.File, f.Line = at.File, at.Line
	return f
}

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Error   Severity = "error"   // something is not served as specified
	Warning Severity = "warning" // it is served, but not entirely as specified
	Note    Severity = "note"    // it may be intended
)

// AtLeast reports whether the severity is as bad as another, or worse.
func (s Severity) AtLeast(other Severity) bool { return s.rank() <= other.rank() }

func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// Finding is something to say about an object or a file.
type Finding struct {
	File     string        `json:"file,omitempty"`
	Line     int           `json:"line,omitempty"` // 0: the file as a whole
	Severity Severity      `json:"severity"`
	Object   kobj.Key      `json:"-"`
	Field    string        `json:"field,omitempty"` // path, such as spec.routes[2].conditions[0].prefix; "" for the object as a whole
	Type     report.Type   `json:"type,omitempty"`  // of the condition in the status of the object
	Reason   report.Reason `json:"reason,omitempty"`
	Message  string        `json:"message"` // one sentence
}

func (f Finding) compare(o Finding) int {
	return cmp.Or(
		strings.Compare(f.File, o.File), cmp.Compare(f.Line, o.Line), f.Object.Compare(o.Object),
		cmp.Compare(f.Severity.rank(), o.Severity.rank()), strings.Compare(f.Field, o.Field), strings.Compare(f.Message, o.Message),
	)
}
