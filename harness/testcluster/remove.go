package testcluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
)

// removal bounds the end of all that was applied: five minutes are the grace of an Envoy that has clients.
const removal = 7 * time.Minute

// Remove deletes objects, the last first, and waits until they are deleted.
func (s *Cluster) Remove(ctx context.Context, objects []*kube.Object) error {
	objects = slices.Clone(objects)
	slices.Reverse(objects)
	for _, o := range objects {
		if err := s.Kube.Delete(ctx, kube.RefTo(o)); err != nil && !unknown(err) {
			return err
		}
	}
	return poll.Until(ctx, removal, "end of what was deleted", func(ctx context.Context) (bool, string, error) {
		var left []string
		for _, o := range objects {
			_, err := s.Kube.Get(ctx, kube.RefTo(o))
			if apierrors.IsNotFound(err) || unknown(err) {
				continue
			}
			left = append(left, kube.RefTo(o).String())
			if o.GetKind() == "Namespace" {
				_, err = s.SyncNamespace(ctx, o.GetName())
			}
			if err != nil {
				return false, err.Error(), nil
			}
		}
		return len(left) == 0, strings.Join(left, ", "), nil
	})
}

// unknown reports whether the server does not serve the kind any more, because its definition is deleted.
func unknown(err error) bool {
	var kind *meta.NoKindMatchError
	return errors.As(err, &kind)
}

// SyncNamespace makes the namespace controller sync, once, a namespace that is being deleted and has no pods any more, and
// reports whether it did. By itself that controller syncs only after half of the longest grace period of a pod, independent of
// when the pod ended, and 5 s after any change of the Namespace.
func (s *Cluster) SyncNamespace(ctx context.Context, namespace string) (bool, error) {
	pods, err := s.API.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return false, fmt.Errorf("pods: %w", err)
	}
	const mark = "contour.example/pods-are-deleted"
	if len(pods.Items) > 0 {
		return false, nil
	}
	n, err := s.API.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil || n.Annotations[mark] != "" || n.DeletionTimestamp == nil {
		return false, err
	}
	patch := []byte(`{"metadata":{"annotations":{"` + mark + `":"yes"}}}`)
	_, err = s.API.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}
