package statuswriter

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// record is what a Writer knows about one object.
type record struct {
	desired *status.Desired
	told    map[report.Diagnostic]bool // what of desired there are Events of

	right   string          // the version of the object at which it had its desired status; empty: none known
	settled *status.Desired // the last one that was written
	outcome metav1.Object   // the object with it, as far as a plan looks at it, until the watches know it too; else nil
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
	r.desired, r.right, r.repairs, r.free = d, "", 0, time.Time{}
}

// expects reports whether that state of the object has its desired status for all that is known, so that it need
// not be looked at: mostly it is what was just written, come back from the API server.
func (r *record) expects(known metav1.Object) bool {
	if r.right == "" || known.GetResourceVersion() != r.right {
		return false
	}
	r.outcome = nil
	return true
}

// newest is the newer one of an object as the watches know it and as it was written.
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

// settle notes that n was written, and what version of the object that made.
func (r *record) settle(n *next, v Version, now time.Time) {
	before := n.object.GetResourceVersion()
	r.outcome = n.result(v)
	if r.desired != n.desired {
		return
	}
	if r.settled == r.desired {
		r.free = now.Add(min(firstPause<<min(r.repairs, 16), lastPause))
		r.repairs++
	}
	r.settled = r.desired
	if v.ResourceVersion != before { // else the API server stores something else
		r.right = v.ResourceVersion
	}
}
