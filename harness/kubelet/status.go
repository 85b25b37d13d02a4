package kubelet

import (
	"context"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func runningStatus(p *corev1.Pod, address netip.Addr) corev1.PodStatus {
	s := corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: p.Status.HostIP, StartTime: p.Status.StartTime,
		PodIP: address.String(), PodIPs: []corev1.PodIP{{IP: address.String()}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: p.Spec.Containers[0].Name, Image: p.Spec.Containers[0].Image, Ready: true,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: p.CreationTimestamp}},
		}},
	}
	for _, t := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		s.Conditions = append(s.Conditions, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: p.CreationTimestamp})
	}
	return s
}

func pendingStatus(p *corev1.Pod, why string) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: corev1.PodPending, HostIP: p.Status.HostIP, StartTime: p.Status.StartTime,
		Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainerCreating", Message: why, LastTransitionTime: p.CreationTimestamp,
		}},
	}
}

// writeStatus writes what differs. What the API server sets by default is kept.
func (k *Kubelet) writeStatus(ctx context.Context, p *corev1.Pod, s corev1.PodStatus) error {
	s.QOSClass = p.Status.QOSClass
	if equality.Semantic.DeepEqual(p.Status, s) {
		return nil
	}
	updated := p.DeepCopy()
	updated.Status = s
	_, err := k.client.CoreV1().Pods(p.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	return err
}
