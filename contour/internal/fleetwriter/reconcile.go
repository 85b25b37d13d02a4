package fleetwriter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/provision"
)

// errForeign is that an object exists and is not one of the Gateway.
var errForeign = errors.New("exists and does not belong to the Gateway")

// reconcile makes the objects of a Gateway what they are to be. after, if positive, is when to look again; message is a sentence about a
// failure.
func (t *term) reconcile(ctx context.Context, n kobj.Name) (after time.Duration, message string, err error) {
	wanted, children := t.state(n)
	if wanted.Keep {
		return 0, "", nil
	}
	if wanted.Fleet == nil {
		return 0, "", t.remove(ctx, n, children)
	}
	var failures []error
	objects := provision.Objects(wanted.Fleet, t.writer.Objects)
	for _, o := range objects {
		next, err := t.apply(ctx, wanted.Fleet, o, children)
		if err != nil && message == "" {
			message = sentence(o, err)
		}
		if next > 0 && (after == 0 || next < after) {
			after = next
		}
		failures = append(failures, err)
	}
	if err = errors.Join(failures...); err != nil {
		return after, message, err
	}
	next, err := t.prune(ctx, objects, children)
	if next > 0 && (after == 0 || next < after) {
		after = next
	}
	return after, message, err
}

// sentence returns what a user can do something about.
func sentence(o provision.Object, err error) string {
	what := fmt.Sprintf("%s %q", o.GetObjectKind().GroupVersionKind().Kind, o.GetName())
	if errors.Is(err, errForeign) {
		return what + " exists and does not belong to the Gateway; delete it, or give the Gateway another name."
	}
	const most = 512
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "…"
	}
	return what + " cannot be provisioned: " + text
}

// remove deletes the objects of a Gateway that is none of this controller, or does not exist. The API server confirms the latter: a watch
// that has lost a kind must not delete load balancers.
func (t *term) remove(ctx context.Context, n kobj.Name, children map[Ref]Child) error {
	own := t.own(children)
	if len(own) == 0 {
		return nil
	}
	if err := t.wait(ctx); err != nil {
		return err
	}
	class, exists, err := t.writer.Client.ClassOf(ctx, n)
	if err != nil {
		return err
	}
	if exists {
		if ours, err := t.writer.Client.Serves(ctx, class, t.writer.Objects.Controller); err != nil || ours {
			return err
		}
	}
	for _, r := range inOrder(own) {
		if err := t.delete(ctx, r, own[r]); err != nil {
			return err
		}
	}
	return nil
}

// own returns the objects that this controller has provisioned.
func (t *term) own(children map[Ref]Child) map[Ref]Child {
	own := map[Ref]Child{}
	for r, c := range children {
		if c.Controller == t.writer.Objects.Controller {
			own[r] = c
		}
	}
	return own
}

// prune deletes the objects of a fleet that are no longer wanted. A workload is deleted only when the one that replaces it has a ready pod.
func (t *term) prune(ctx context.Context, objects []provision.Object, children map[Ref]Child) (time.Duration, error) {
	left := t.own(children)
	var workload Ref
	for _, o := range objects {
		r := refOf(o)
		delete(left, r)
		if r.workload() {
			workload = r
		}
	}
	for _, r := range inOrder(left) {
		if r.workload() {
			if err := t.wait(ctx); err != nil {
				return 0, err
			}
			ready, err := t.writer.Client.Ready(ctx, workload)
			if err != nil || !ready {
				return successorRetry, err
			}
		}
		if err := t.delete(ctx, r, left[r]); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (t *term) delete(ctx context.Context, r Ref, c Child) error {
	if err := t.wait(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := t.writer.Client.Delete(ctx, r, c.UID); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", r, err)
	}
	t.forget(r)
	return nil
}

func (t *term) wait(ctx context.Context) error {
	if err := t.limit.Wait(ctx); err != nil {
		return fmt.Errorf("pace: %w", err)
	}
	return nil
}

// apply makes one object what it is to be, unless it is. after is when its certificate is to be renewed; 0 for others.
func (t *term) apply(ctx context.Context, f *provision.Fleet, o provision.Object, children map[Ref]Child) (after time.Duration, err error) {
	r := refOf(o)
	child, exists := children[r]
	done, recorded := t.record(r)
	if secret, ok := o.(*corev1.Secret); ok {
		unchanged := exists && (!recorded || done.managed == child.Managed)
		var needed bool
		if needed, after, err = t.issue(f, secret, child, unchanged); err != nil || !needed {
			return after, err
		}
	}
	if !exists {
		if child, err = t.existing(ctx, f, r, done.uid); err != nil {
			return 0, err
		}
	}
	body, err := request(o, child.Scaled)
	if err != nil {
		return 0, err
	}
	if exists && done == (applied{hash: hash(body), managed: child.Managed, uid: child.UID}) {
		return after, nil
	}
	if child.UID != "" && child.Controller == "" && child.Managed == "" {
		if err := t.adopt(ctx, r, child.UID); err != nil {
			return 0, err
		}
	}
	return after, t.send(ctx, f, r, body, child.UID)
}

// send applies an object: with a uid the one that has it, otherwise a new one.
func (t *term) send(ctx context.Context, f *provision.Fleet, r Ref, body []byte, uid string) error {
	if err := t.wait(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	result, err := t.writer.Client.Apply(ctx, r, body, uid)
	if err != nil {
		if uid == "" && apierrors.IsConflict(err) {
			return errForeign // somebody has created it meanwhile
		}
		return err //nolint:wrapcheck // the message of the API server is for the user, with the object
	}
	t.remember(f.Gateway, r, hash(body), result)
	return nil
}

// adopt prepares an object that Contour's provisioner made for its first Apply.
func (t *term) adopt(ctx context.Context, r Ref, uid string) error {
	if err := t.wait(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return t.writer.Client.Adopt(ctx, r, uid) //nolint:wrapcheck // the message of the API server is for the user, with the object
}

// existing returns an object that the watch does not have, zero if there is none. An object without the labels of the fleet is one of the
// Gateway only if it was before (uid).
func (t *term) existing(ctx context.Context, f *provision.Fleet, r Ref, uid string) (Child, error) {
	if err := t.wait(ctx); err != nil {
		return Child{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	c, exists, err := t.writer.Client.Get(ctx, r)
	switch {
	case err != nil || !exists:
		return Child{}, err
	case c.Gateway != provision.LabelValue(f.Gateway.Name) && c.UID != uid:
		return Child{}, errForeign
	}
	return c, nil
}

// request returns the body of the request that applies an object. scaled leaves out the number of pods, which another client controls.
func request(o provision.Object, scaled bool) ([]byte, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.GetName(), err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.GetName(), err)
	}
	delete(fields, "status")
	if spec, ok := fields["spec"].(map[string]any); ok && scaled {
		delete(spec, "replicas")
	}
	if text, err = json.Marshal(fields); err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.GetName(), err)
	}
	return text, nil
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
