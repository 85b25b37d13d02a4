//go:build kind

package kind

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/harness/poll"
)

// sparing is the interval between two expensive observations: they load the API server.
const sparing = 200 * time.Millisecond

// until is poll.Until with that interval.
func until(ctx context.Context, timeout time.Duration, what string, observe poll.Condition) error {
	return poll.Until(ctx, timeout, what, func(ctx context.Context) (bool, string, error) {
		done, observation, err := observe(ctx)
		if !done && err == nil {
			pause(ctx, sparing)
		}
		return done, observation, err
	})
}

// ready returns when controller and Envoys match the manifests.
func (w *environment) ready(ctx context.Context) error {
	if err := w.deployed(ctx, namespace, "contour"); err != nil {
		return err
	}
	return w.envoysReady(ctx, podTimeout)
}

// deployed waits until a Deployment has rolled out and no pod of an earlier template remains.
func (w *environment) deployed(ctx context.Context, namespace, name string) error {
	return until(ctx, podTimeout, "Deployment "+namespace+"/"+name, func(ctx context.Context) (bool, string, error) {
		d, err := w.api.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error(), nil
		}
		want, s := *d.Spec.Replicas, d.Status
		if s.ObservedGeneration < d.Generation || s.UpdatedReplicas != want || s.Replicas != want || s.AvailableReplicas != want {
			return false, fmt.Sprintf("%d replicas, %d updated, %d available, want %d", s.Replicas, s.UpdatedReplicas, s.AvailableReplicas, want), nil
		}
		return w.onlyPods(ctx, namespace, d.Spec.Selector, int(want))
	})
}

// envoysReady waits until each worker has an Envoy of the newest template.
func (w *environment) envoysReady(ctx context.Context, timeout time.Duration) error {
	return until(ctx, timeout, "Envoys", func(ctx context.Context) (bool, string, error) {
		d, err := w.api.AppsV1().DaemonSets(namespace).Get(ctx, "envoy", metav1.GetOptions{})
		if err != nil {
			return false, err.Error(), nil
		}
		s := d.Status
		if s.ObservedGeneration < d.Generation || s.UpdatedNumberScheduled != workers || s.NumberAvailable != workers {
			return false, fmt.Sprintf("%d updated, %d available", s.UpdatedNumberScheduled, s.NumberAvailable), nil
		}
		return w.onlyPods(ctx, namespace, d.Spec.Selector, workers)
	})
}

// onlyPods reports whether there are that many pods and no more, none of which is terminating.
func (w *environment) onlyPods(ctx context.Context, namespace string, selector *metav1.LabelSelector, want int) (bool, string, error) {
	pods, err := w.pods(ctx, namespace, metav1.FormatLabelSelector(selector))
	if err != nil {
		return false, err.Error(), nil
	}
	ending := slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	return len(pods) == want && !ending, fmt.Sprintf("%d pods, one is ending: %t", len(pods), ending), nil
}

func (w *environment) pods(ctx context.Context, namespace, labels string) ([]corev1.Pod, error) {
	list, err := w.api.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: labels})
	if err != nil {
		return nil, fmt.Errorf("pods: %w", err)
	}
	return list.Items, nil
}

// mustPods are those of an installation.
func (f *fixture) mustPods(ctx context.Context, t *testing.T, labels string) []corev1.Pod {
	t.Helper()
	pods, err := f.pods(ctx, f.at.namespace, labels)
	if err != nil {
		t.Fatal(err)
	}
	return pods
}

// deletePod deletes a pod, with its own grace period if grace is nil.
func (w *environment) deletePod(ctx context.Context, t *testing.T, pod string, grace *int64) {
	t.Helper()
	if err := w.api.CoreV1().Pods(namespace).Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: grace}); err != nil {
		t.Fatal(err)
	}
}

// deleted waits until a pod does not exist.
func (w *environment) deleted(ctx context.Context, t *testing.T, uid types.UID, labels string) {
	t.Helper()
	must(t, until(ctx, 2*podTimeout, "end of a pod", func(ctx context.Context) (bool, string, error) {
		pods, err := w.pods(ctx, namespace, labels)
		if err != nil {
			return false, err.Error(), nil
		}
		still := slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.UID == uid })
		return !still, "it exists", nil
	}))
}

// restart does the same as `kubectl rollout restart`.
func (w *environment) restart(ctx context.Context, t *testing.T, kind, namespace, name string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`, time.Now().Format(time.RFC3339Nano))
	var err error
	switch kind {
	case "Deployment":
		_, err = w.api.AppsV1().Deployments(namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	case "DaemonSet":
		_, err = w.api.AppsV1().DaemonSets(namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	default:
		t.Fatalf("restart of a %s", kind)
	}
	must(t, err)
}

// scale changes the replicas of a Deployment and returns when there are that many.
func (w *environment) scale(ctx context.Context, t *testing.T, namespace, name string, replicas int32) {
	t.Helper()
	must(t, w.patchDeployment(ctx, namespace, name, fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas)))
	must(t, w.deployed(ctx, namespace, name))
}

// patchDeployment changes a Deployment, as `kubectl patch` does.
func (w *environment) patchDeployment(ctx context.Context, namespace, name, patch string) error {
	_, err := w.api.AppsV1().Deployments(namespace).Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("patch Deployment %s/%s: %w", namespace, name, err)
	}
	return nil
}

// leader is the name of the pod that holds the Lease, empty if none does.
func (w *environment) leader(ctx context.Context) (string, error) {
	lease, err := w.api.CoordinationV1().Leases(namespace).Get(ctx, "leader-elect", metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("lease: %w", err)
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	pods, err := w.pods(ctx, namespace, "app=contour")
	if err != nil {
		return "", err
	}
	for _, pod := range pods {
		if strings.Contains(*lease.Spec.HolderIdentity, pod.Name) {
			return pod.Name, nil
		}
	}
	return "", nil
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
