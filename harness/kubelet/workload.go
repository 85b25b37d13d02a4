package kubelet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// workload is a Deployment or a DaemonSet.
type workload struct {
	object   metav1.Object
	kind     string
	replicas int
	template *corev1.PodTemplateSpec
}

// workloads returns those that are not being deleted.
func (k *Kubelet) workloads() ([]workload, error) {
	deployments, err := k.deployments.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("deployments: %w", err)
	}
	daemonSets, err := k.daemonSets.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("daemon sets: %w", err)
	}
	var all []workload
	for _, d := range deployments {
		replicas := 1
		if d.Spec.Replicas != nil {
			replicas = int(*d.Spec.Replicas)
		}
		all = append(all, workload{d, "Deployment", replicas, &d.Spec.Template})
	}
	for _, d := range daemonSets {
		all = append(all, workload{d, "DaemonSet", 1, &d.Spec.Template})
	}
	return slices.DeleteFunc(all, func(w workload) bool { return w.object.GetDeletionTimestamp() != nil }), nil
}

// reconcileWorkloads creates the Pods that Deployments and DaemonSets want, and deletes those that none wants.
func (k *Kubelet) reconcileWorkloads(ctx context.Context) error {
	all, err := k.workloads()
	if err != nil {
		return err
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
	for _, w := range all {
		for _, p := range w.pods() {
			name := types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
			wanted[name] = w.object.GetUID()
			if exists[name] == nil {
				_, err := k.client.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{})
				errs = append(errs, err)
			}
		}
	}
	for name, p := range exists {
		owner := metav1.GetControllerOf(p)
		if owner != nil && owner.APIVersion == appsv1.SchemeGroupVersion.String() && wanted[name] != owner.UID || p.DeletionTimestamp != nil {
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

// pods returns the Pods of a workload. Their names contain two more parts, as those of a ReplicaSet's Pods do: a digest of the
// template, and a number.
func (w workload) pods() []*corev1.Pod {
	template, err := json.Marshal(w.template)
	if err != nil {
		return nil // it came as JSON
	}
	sum := sha256.Sum256(append(template, w.object.GetUID()...))
	digest := hex.EncodeToString(sum[:5])
	var pods []*corev1.Pod
	for i := range w.replicas {
		p := &corev1.Pod{ObjectMeta: *w.template.ObjectMeta.DeepCopy(), Spec: *w.template.Spec.DeepCopy()}
		p.Namespace, p.Name = w.object.GetNamespace(), w.object.GetName()+"-"+digest+"-"+strconv.Itoa(i)
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(w.object, appsv1.SchemeGroupVersion.WithKind(w.kind))}
		p.Spec.NodeName = nodeName
		pods = append(pods, p)
	}
	return pods
}
