package kubelet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// reconcileDeployments creates the Pods that Deployments want, and deletes those that none wants.
func (k *Kubelet) reconcileDeployments(ctx context.Context) error {
	deployments, err := k.deployments.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("deployments: %w", err)
	}
	pods, err := k.pods.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("pods: %w", err)
	}
	exists := map[types.NamespacedName]*corev1.Pod{}
	for _, p := range pods {
		exists[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
	}
	var errs []error
	wanted := map[types.NamespacedName]types.UID{}
	for _, d := range deployments {
		if d.DeletionTimestamp != nil {
			continue
		}
		for _, p := range podsOf(d) {
			name := types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
			wanted[name] = d.UID
			if exists[name] == nil {
				_, err := k.client.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{})
				errs = append(errs, err)
			}
		}
	}
	for name, p := range exists {
		owner := metav1.GetControllerOf(p)
		if owner != nil && owner.Kind == "Deployment" && wanted[name] != owner.UID || p.DeletionTimestamp != nil {
			errs = append(errs, k.deletePod(ctx, p))
		}
	}
	return errors.Join(errs...)
}

// deletePod deletes a Pod at once, and only this one of its name.
func (k *Kubelet) deletePod(ctx context.Context, p *corev1.Pod) error {
	now := int64(0)
	err := k.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &p.UID},
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// podsOf returns the Pods of a Deployment. Their names contain two more parts, as those of a ReplicaSet's Pods do: a digest of the
// template, and a number.
func podsOf(d *appsv1.Deployment) []*corev1.Pod {
	replicas := 1
	if d.Spec.Replicas != nil {
		replicas = int(*d.Spec.Replicas)
	}
	template, err := json.Marshal(d.Spec.Template)
	if err != nil {
		return nil // it came as JSON
	}
	sum := sha256.Sum256(append(template, d.UID...))
	digest := hex.EncodeToString(sum[:5])
	var pods []*corev1.Pod
	for i := range replicas {
		p := &corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: *d.Spec.Template.Spec.DeepCopy()}
		p.Namespace, p.Name = d.Namespace, d.Name+"-"+digest+"-"+strconv.Itoa(i)
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
		p.Spec.NodeName = nodeName
		pods = append(pods, p)
	}
	return pods
}
