package statuswriter

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// record is the state of one object in a Writer.
type record struct {
	desired *status.Desired
	events  map[report.Diagnostic]bool // the diagnostics of desired for which there are Events

	upToDate   string          // the resourceVersion at which the object has its desired status; empty if unknown
	written    *status.Desired // the last one that was written
	outcome    metav1.Object   // the object after that write, until the watches have it; else nil
	repairs    int             // number of repeated writes of written
	nextRepair time.Time       // no repeated write before
	nextCount  time.Time       // no write before that only changes numbers of attached objects
}

// Pauses between repairs of a status that another client keeps changing, such as another controller that also processes
// the object.
const (
	firstRepair = time.Second
	lastRepair  = 5 * time.Minute
)

// countPause is the pause between writes of an object that only change numbers of attached objects: the status of a Gateway whose routes
// come and go would be written with each of them.
const countPause = time.Second

func (r *record) setDesired(d *status.Desired) {
	r.desired, r.upToDate, r.repairs, r.nextRepair = d, "", 0, time.Time{}
}

// expects reports whether that state of the object is known to have the desired status, and needs no comparison: mostly it
// is the result of a write of this Writer.
func (r *record) expects(known metav1.Object) bool {
	if r.upToDate == "" || known.GetResourceVersion() != r.upToDate {
		return false
	}
	r.outcome = nil
	return true
}

// newest returns the newer one of the object of the watches and the object after the last write.
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

// delay returns the delay before a write; positive only for a repeated write of the same status, and for one that only changes numbers.
func (r *record) delay(n *next, now time.Time) time.Duration {
	var delay time.Duration
	if r.written == r.desired {
		delay = r.nextRepair.Sub(now)
	}
	if n.onlyCounts() {
		delay = max(delay, r.nextCount.Sub(now))
	}
	return delay
}

// recordWrite records that n was written, and the resulting version of the object.
func (r *record) recordWrite(n *next, v Version, now time.Time) {
	before := n.object.GetResourceVersion()
	r.outcome = n.result(v)
	if n.onlyCounts() {
		r.nextCount = now.Add(countPause)
	}
	if r.desired != n.desired {
		return
	}
	if r.written == r.desired {
		r.nextRepair = now.Add(min(firstRepair<<min(r.repairs, 16), lastRepair))
		r.repairs++
	}
	r.written = r.desired
	if v.ResourceVersion != before { // else the API server has stored something different
		r.upToDate = v.ResourceVersion
	}
}
