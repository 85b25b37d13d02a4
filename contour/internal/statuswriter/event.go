package statuswriter

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// Event is a warning about an object. Its name contains a hash of its contents, so that replicas do not create the same
// Event twice while the API server stores it.
type Event struct {
	Name            string
	Regarding       kobj.Key
	APIVersion      string // of that object
	UID             string
	ResourceVersion string // of the object when the event was made
	Reason          string
	Note            string
	Time            time.Time
	Instance        string
}

// Limits of Events; those of the API server, unless stated otherwise.
const (
	maxEvents    = 16 // of one object; a limit of the controller
	maxNote      = 1024
	maxEventName = 253
)

// createEvents creates Events for the diagnostics of an object that have none. After an error, the caller retries.
func (w *Writer) createEvents(ctx context.Context, k kobj.Key, limit flowcontrol.RateLimiter) error {
	object, ok := w.Lookup(k)
	if !ok {
		return nil
	}
	for _, d := range w.withoutEvent(k) {
		if err := limit.Wait(ctx); err != nil {
			return err // the context has ended
		}
		err := w.Client.CreateEvent(ctx, w.event(object, d))
		if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			return err
		}
		w.recordEvent(k, d)
	}
	return nil
}

// withoutEvent returns the diagnostics of an object for which there is no Event, and forgets those that no longer apply.
func (w *Writer) withoutEvent(k kobj.Key) []report.Diagnostic {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records[k]
	if r == nil {
		return nil
	}
	var missing []report.Diagnostic
	present := map[report.Diagnostic]bool{}
	for _, d := range first(r.desired) {
		if r.events[d] {
			present[d] = true
		} else {
			missing = append(missing, d)
		}
	}
	r.events = present
	return missing
}

// first returns the first diagnostics, up to maxEvents.
func first(d *status.Desired) []report.Diagnostic {
	return d.Diagnostics[:min(len(d.Diagnostics), maxEvents)]
}

func (w *Writer) recordEvent(k kobj.Key, d report.Diagnostic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.records[k]; r != nil {
		if r.events == nil {
			r.events = map[report.Diagnostic]bool{}
		}
		r.events[d] = true
	}
}

func (w *Writer) event(o metav1.Object, d report.Diagnostic) Event {
	note := d.Message
	if d.Field != "" {
		note = d.Field + ": " + note
	}
	note = cut(strings.ToValidUTF8(note, "\uFFFD"), maxNote)
	return Event{
		Name:      eventName(o, string(d.Reason), note),
		Regarding: d.Object, APIVersion: w.kinds.Get(d.Object.Kind).GroupVersion.String(), UID: string(o.GetUID()), ResourceVersion: o.GetResourceVersion(),
		Reason: string(d.Reason), Note: note, Time: w.Now(), Instance: w.Instance,
	}
}

func eventName(o metav1.Object, reason, note string) string {
	sum := fmt.Sprintf(".%016x", xxhash.Sum64String(fmt.Sprintf("%q %q %q", o.GetUID(), reason, note)))
	return strings.TrimRight(cut(o.GetName(), maxEventName-len(sum)), ".-") + sum
}

// cut returns the longest prefix of s that has at most n bytes and ends with a whole character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
