package app

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/settings"
	"contour.example/contour/internal/source/object"
)

// operatorObject follows the ContourConfiguration that the controller is configured by, and writes its status.
type operatorObject struct {
	source  *object.Source
	name    kobj.Name
	changes chan *v1alpha1.ContourConfiguration // the first is awaited before anything else starts
	status  *operatorStatus
}

// operatorStatus is the conditions that the object ought to have.
type operatorStatus struct {
	mu      sync.Mutex
	wanted  []contourv1.DetailedCondition
	present []contourv1.DetailedCondition
	changed chan struct{} // a value: look again
}

func newOperatorObject(source *object.Source, name kobj.Name) *operatorObject {
	return &operatorObject{
		source: source, name: name, changes: make(chan *v1alpha1.ContourConfiguration),
		status: &operatorStatus{changed: make(chan struct{}, 1)},
	}
}

// run watches the object until the context ends.
func (o *operatorObject) run(ctx context.Context) {
	o.source.Run(ctx, func(c *v1alpha1.ContourConfiguration) {
		select {
		case o.changes <- c:
		case <-ctx.Done():
		}
	})
}

// first waits for the object.
func (o *operatorObject) first(ctx context.Context) (*v1alpha1.ContourConfiguration, error) {
	select {
	case c := <-o.changes:
		if c == nil {
			return nil, fmt.Errorf("--contour-config-name: there is no ContourConfiguration %s", o.name)
		}
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reject writes to the status of an object that the controller cannot start with why that is so.
func (o *operatorObject) reject(ctx context.Context, c *v1alpha1.ContourConfiguration, why error) error {
	wanted := conditions(c.Generation, outcome{err: why})
	wanted[0].Message = "The configuration is not valid; a controller cannot start with it."
	o.status.want(wanted)
	o.status.seen(c)
	due, ok := o.status.due()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, rejectTimeout)
	defer cancel()
	return o.source.SetConditions(ctx, due)
}

// rejectTimeout bounds the last write of a controller that cannot start.
const rejectTimeout = 10 * time.Second

func (o *operatorObject) document(c *v1alpha1.ContourConfiguration) settings.Document {
	return settings.Object("ContourConfiguration "+o.name.String(), c.Spec)
}

// follow applies changes of the object; last is what the controller started with.
func (o *operatorObject) follow(ctx context.Context, f *follower, last specVersion) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-o.changes:
			switch {
			case c == nil:
				last = specVersion{}
				f.metrics.Reloaded(false)
				f.log.Error("ContourConfiguration is deleted; the last good configuration stays in force", "name", o.name)
				continue
			case specVersionOf(c) != last:
				last = specVersionOf(c)
				o.status.want(conditions(c.Generation, f.take(ctx, o.document(c), nil)))
			}
			o.status.seen(c)
		}
	}
}

// specVersion identifies the spec of an object: another object of the same name begins with generation 1 again.
type specVersion struct {
	uid        types.UID
	generation int64
}

func specVersionOf(c *v1alpha1.ContourConfiguration) specVersion {
	return specVersion{c.UID, c.Generation}
}

// conditions is the status of the object.
func conditions(generation int64, o outcome) []contourv1.DetailedCondition {
	valid := contourv1.DetailedCondition{Condition: metav1.Condition{
		Type: "Valid", Status: metav1.ConditionTrue, Reason: "Valid", Message: "The configuration is in force.",
		ObservedGeneration: generation,
	}}
	warn := func(reason, message string) {
		valid.Warnings = append(valid.Warnings, contourv1.SubCondition{Type: "SettingWarning", Status: metav1.ConditionTrue, Reason: reason, Message: message})
	}
	for _, p := range o.missing {
		warn("NoEffect", p.Key+": "+p.Message)
	}
	if len(o.flags) > 0 {
		warn("OverriddenByFlag", "Flags of the controller override settings: "+strings.Join(o.flags, ", ")+".")
	}
	if len(o.restart) > 0 {
		warn("RestartNeeded", "These settings are read at start-up only: "+strings.Join(o.restart, ", ")+".")
	}
	if o.err != nil {
		valid.Status, valid.Reason, valid.Message = metav1.ConditionFalse, "ErrorPresent", "The configuration is not valid; the last good one stays in force."
		for text := range strings.SplitSeq(o.err.Error(), "\n") {
			valid.Errors = append(valid.Errors, contourv1.SubCondition{Type: "SettingError", Status: metav1.ConditionTrue, Reason: "SettingNotValid", Message: text})
		}
	}
	return []contourv1.DetailedCondition{valid}
}

// want notes what the conditions ought to be.
func (s *operatorStatus) want(wanted []contourv1.DetailedCondition) {
	s.note(func() { s.wanted = wanted })
}

// seen notes what the conditions are.
func (s *operatorStatus) seen(c *v1alpha1.ContourConfiguration) {
	s.note(func() { s.present = c.Status.Conditions })
}

func (s *operatorStatus) note(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // whoever writes has not looked yet
	}
}

// due is the conditions to write, unless the object has them.
func (s *operatorStatus) due() ([]contourv1.DetailedCondition, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	timeless := slices.Clone(s.present)
	for i := range timeless {
		timeless[i].LastTransitionTime = metav1.Time{}
	}
	if len(s.wanted) == 0 || reflect.DeepEqual(timeless, s.wanted) {
		return nil, false
	}
	out := slices.Clone(s.wanted)
	for i := range out {
		out[i].LastTransitionTime = metav1.Now()
		for _, p := range s.present {
			if p.Type == out[i].Type && p.Status == out[i].Status {
				out[i].LastTransitionTime = p.LastTransitionTime
			}
		}
	}
	return out, true
}

// lead writes the status while this replica is the leader.
func (o *operatorObject) lead(ctx context.Context, f *follower) {
	for {
		var retry <-chan time.Time
		if due, ok := o.status.due(); ok {
			if err := o.source.SetConditions(ctx, due); err != nil && ctx.Err() == nil {
				f.log.Warn("status of ContourConfiguration cannot be written", "name", o.name, "retry-after", retryStatus, "error", err)
				retry = time.After(retryStatus)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-o.status.changed:
		case <-retry:
		}
	}
}

// retryStatus is the pause after a status that could not be written.
const retryStatus = 5 * time.Second
