package statuswriter

import (
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// record is what a Writer knows about one object.
type record struct {
	desired *status.Desired
	told    map[report.Diagnostic]bool // what of desired there are Events of

	settled *status.Desired // the last one that was written
	outcome metav1.Object   // what the API server made of it, until the informers know it too; nil if they do
	repairs int             // how often settled had to be written again
	free    time.Time       // not to be written again before
}

// Pauses between repairs of a status that somebody else keeps changing, such as another controller that takes
// the object for its own.
const (
	firstPause = time.Second
	lastPause  = 5 * time.Minute
)

func (r *record) want(d *status.Desired) {
	r.desired, r.repairs, r.free = d, 0, time.Time{}
}

// newest is the newer one of an object as the informers know it and as it was written.
func (r *record) newest(known metav1.Object) metav1.Object {
	if r.outcome == nil {
		return known
	}
	order, err := resourceversion.CompareResourceVersion(known.GetResourceVersion(), r.outcome.GetResourceVersion())
	if err != nil || order >= 0 || known.GetUID() != r.outcome.GetUID() {
		r.outcome = nil
		return known
	}
	return r.outcome
}

// hold is how long a write has to wait: only one that repeats what was written before may have to.
func (r *record) hold(now time.Time) time.Duration {
	if r.settled != r.desired {
		return 0
	}
	return r.free.Sub(now)
}

// settle notes that d was written, with that outcome.
func (r *record) settle(d *status.Desired, object metav1.Object, now time.Time) {
	r.outcome = slim(object)
	if r.desired != d {
		return
	}
	if r.settled == d {
		r.free = now.Add(min(firstPause<<min(r.repairs, 16), lastPause))
		r.repairs++
	}
	r.settled = d
}

// slim is the part of an object that a plan looks at.
func slim(o metav1.Object) metav1.Object {
	meta := metav1.ObjectMeta{
		Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(),
		ResourceVersion: o.GetResourceVersion(), Generation: o.GetGeneration(),
	}
	switch o := o.(type) {
	case *contourv1.HTTPProxy:
		return &contourv1.HTTPProxy{ObjectMeta: meta, Status: o.Status}
	case *networkingv1.Ingress:
		return &networkingv1.Ingress{ObjectMeta: meta, Status: o.Status}
	default:
		return nil
	}
}
