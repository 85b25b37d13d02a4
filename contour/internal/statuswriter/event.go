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

// Event is a warning about an object. Its name says all that it says, so that the same one is never stored twice
// while the API server remembers it, whichever replica writes it.
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

// Limits of the API server.
const (
	maxEvents    = 16 // of one object; this one is ours
	maxNote      = 1024
	maxEventName = 253
)

// tell makes Events of what is wrong with an object and was not told before. An error means that it is to be called again.
func (w *Writer) tell(ctx context.Context, k kobj.Key, limit flowcontrol.RateLimiter) error {
	object, ok := w.Lookup(k)
	if !ok {
		return nil
	}
	for _, d := range w.untold(k) {
		if err := limit.Wait(ctx); err != nil {
			return err // the context has ended
		}
		err := w.Client.CreateEvent(ctx, w.event(object, d))
		if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			return err
		}
		w.told(k, d)
	}
	return nil
}

// untold is what is wrong with an object and there is no Event of; what is right again is forgotten.
func (w *Writer) untold(k kobj.Key) []report.Diagnostic {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records[k]
	if r == nil {
		return nil
	}
	var news []report.Diagnostic
	told := map[report.Diagnostic]bool{}
	for _, d := range worst(r.desired) {
		if r.told[d] {
			told[d] = true
		} else {
			news = append(news, d)
		}
	}
	r.told = told
	return news
}

func worst(d *status.Desired) []report.Diagnostic {
	return d.Diagnostics[:min(len(d.Diagnostics), maxEvents)]
}

func (w *Writer) told(k kobj.Key, d report.Diagnostic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.records[k]; r != nil {
		if r.told == nil {
			r.told = map[report.Diagnostic]bool{}
		}
		r.told[d] = true
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

// cut is the beginning of s, at most n bytes, in whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
