package app

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

func (o *operatorObject) document(c *v1alpha1.ContourConfiguration) settings.Document {
	return settings.Object("ContourConfiguration "+o.name.String(), c.Spec)
}

// follow applies changes of the object, of which generation was the last.
func (o *operatorObject) follow(ctx context.Context, f *follower, generation int64) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-o.changes:
			switch {
			case c == nil:
				f.metrics.Reloaded(false)
				f.log.Error("ContourConfiguration is gone; what it said stays in force", "name", o.name)
			case c.Generation != generation:
				generation = c.Generation
				o.status.want(conditions(c.Generation, f.take(ctx, o.document(c), nil)))
				o.status.seen(c)
			default:
				o.status.seen(c)
			}
		}
	}
}

// conditions is the status of the object.
func conditions(generation int64, o outcome) []contourv1.DetailedCondition {
	valid := contourv1.DetailedCondition{Condition: metav1.Condition{
		Type: "Valid", Status: metav1.ConditionTrue, Reason: "Valid", Message: "The configuration is in force.",
		ObservedGeneration: generation,
	}}
	warn := func(reason, message string) {
		valid.Warnings = append(valid.Warnings, contourv1.SubCondition{Type: "Setting", Status: metav1.ConditionTrue, Reason: reason, Message: message})
	}
	for _, p := range o.missing {
		warn("NoEffect", p.Key+": "+p.Message)
	}
	if len(o.restart) > 0 {
		warn("RestartNeeded", "These settings are read at start-up only: "+strings.Join(o.restart, ", ")+".")
	}
	if o.err != nil {
		valid.Status, valid.Reason, valid.Message = metav1.ConditionFalse, "Invalid", "The configuration is not valid; the last good one stays in force."
		for text := range strings.SplitSeq(o.err.Error(), "\n") {
			valid.Errors = append(valid.Errors, contourv1.SubCondition{Type: "Setting", Status: metav1.ConditionTrue, Reason: "Invalid", Message: text})
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
		if due, ok := o.status.due(); ok {
			if err := o.source.SetConditions(ctx, due); err != nil && ctx.Err() == nil {
				f.log.Warn("status of ContourConfiguration cannot be written", "name", o.name, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-o.status.changed:
		}
	}
}
