package preview

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/xds/table"
)

// Live is what a running controller has, or a part of it. Its values are immutable, so that it is evaluated while the controller continues.
type Live struct {
	Classes   []string                        // ingress classes that are served
	Objects   map[kobj.Key]metav1.Object      // of the kinds that have a status
	Desired   map[kobj.Key]*status.Desired    // of Objects; nil: the object is not of this controller
	Exists    func(kobj.Key) bool             // a Gateway or ListenerSet; nil: there is none
	Hosts     map[ir.HostKey]*ir.VirtualHost  // that are served
	Listeners map[ir.ListenerKey]*ir.Listener // of Hosts
}

// Of returns the findings and routes of what a controller has. It has no model of Envoy: see With.
func Of(l Live) *Preview {
	p := &Preview{
		objects: l.Objects, Objects: len(l.Objects), exists: l.Exists, classes: l.Classes, hosts: l.Hosts, listeners: l.Listeners,
	}
	if p.exists == nil {
		p.exists = func(kobj.Key) bool { return false }
	}
	for k, d := range l.Desired {
		p.addFindings(k, d)
	}
	p.sortFindings()
	p.indexHosts()
	return p
}

// With returns the preview with a model of the Envoys that have the effective resources of a table: contents that Envoys reject are
// replaced as they are for these.
func (p *Preview) With(t *table.Table) (*Preview, error) {
	out := *p
	var err error
	out.envoy, err = semantic.Of(t)
	return &out, err
}
