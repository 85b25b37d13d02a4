package kubelet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// reconcileServices maintains an EndpointSlice for each Service with a selector.
func (k *Kubelet) reconcileServices(ctx context.Context) error {
	services, err := k.services.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("services: %w", err)
	}
	ours := labels.SelectorFromSet(labels.Set{discoveryv1.LabelManagedBy: manager})
	existing, err := k.slices.List(ours)
	if err != nil {
		return fmt.Errorf("endpoint slices: %w", err)
	}
	left := map[types.NamespacedName]*discoveryv1.EndpointSlice{}
	for _, s := range existing {
		left[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = s
	}
	var errs []error
	for _, s := range services {
		if len(s.Spec.Selector) == 0 || s.DeletionTimestamp != nil {
			continue
		}
		want, err := k.endpointSlice(s)
		if err != nil {
			return err
		}
		name := types.NamespacedName{Namespace: want.Namespace, Name: want.Name}
		errs = append(errs, k.writeSlice(ctx, left[name], want))
		delete(left, name)
	}
	for name := range left {
		errs = append(errs, k.client.DiscoveryV1().EndpointSlices(name.Namespace).Delete(ctx, name.Name, metav1.DeleteOptions{}))
	}
	return errors.Join(errs...)
}

func (k *Kubelet) writeSlice(ctx context.Context, is, want *discoveryv1.EndpointSlice) error {
	slices := k.client.DiscoveryV1().EndpointSlices(want.Namespace)
	if is == nil {
		_, err := slices.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if equality.Semantic.DeepEqual(is.Endpoints, want.Endpoints) && equality.Semantic.DeepEqual(is.Ports, want.Ports) && equality.Semantic.DeepEqual(is.OwnerReferences, want.OwnerReferences) {
		return nil
	}
	want.ResourceVersion = is.ResourceVersion
	_, err := slices.Update(ctx, want, metav1.UpdateOptions{})
	return err
}

func (k *Kubelet) endpointSlice(s *corev1.Service) (*discoveryv1.EndpointSlice, error) {
	pods, err := k.pods.Pods(s.Namespace).List(labels.SelectorFromSet(s.Spec.Selector))
	if err != nil {
		return nil, fmt.Errorf("pods of %s/%s: %w", s.Namespace, s.Name, err)
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.Name + "-pods",
			Labels:          map[string]string{discoveryv1.LabelServiceName: s.Name, discoveryv1.LabelManagedBy: manager},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s, corev1.SchemeGroupVersion.WithKind("Service"))},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       slicePorts(s, pods),
	}
	for _, p := range pods {
		if p.Status.PodIP == "" || p.DeletionTimestamp != nil {
			continue
		}
		ready := p.Status.Phase == corev1.PodRunning
		node := nodeName
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{p.Status.PodIP}, NodeName: &node,
			Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
		})
	}
	return slice, nil
}

// slicePorts returns the ports of a slice: the numbers that targetPorts mean, of which a name is looked up in the first Pod.
func slicePorts(s *corev1.Service, pods []*corev1.Pod) []discoveryv1.EndpointPort {
	var ports []discoveryv1.EndpointPort
	for _, p := range s.Spec.Ports {
		number := p.TargetPort.IntVal
		if p.TargetPort.Type == intstr.String && len(pods) > 0 {
			for _, c := range pods[0].Spec.Containers[0].Ports {
				if c.Name == p.TargetPort.StrVal {
					number = c.ContainerPort
				}
			}
		}
		if number == 0 {
			number = p.Port
		}
		ports = append(ports, discoveryv1.EndpointPort{Name: &p.Name, Port: &number, Protocol: &p.Protocol, AppProtocol: p.AppProtocol})
	}
	return ports
}
