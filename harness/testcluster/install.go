package testcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
)

// rollout bounds the wait for the pods of one Deployment or DaemonSet on a busy machine.
const rollout = 4 * time.Minute

// ReplaceImage adds NAME=THERE to Replace, which must not be nil. It is made for flag.Func.
func (o *Options) ReplaceImage(text string) error {
	name, there, ok := strings.Cut(text, "=")
	if !ok || name == "" || there == "" {
		return errors.New("want NAME=THERE")
	}
	o.Replace[name] = there
	return nil
}

// Text is a file of manifests, with the names of images replaced by Options.Replace.
func (s *Cluster) Text(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("manifests: %w", err)
	}
	return s.Replaced(string(text)), nil
}

// Replaced is the text of manifests with those names.
func (s *Cluster) Replaced(text string) string {
	var pairs []string
	for from, to := range s.options.Replace {
		pairs = append(pairs, from, to)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Apply applies a file of manifests; objects without namespace go to "default".
func (s *Cluster) Apply(ctx context.Context, file string) (applied []*kube.Object, err error) {
	err = s.options.Log.Run(ctx, "apply "+file, func(ctx context.Context) error {
		text, err := s.Text(file)
		if err != nil {
			return err
		}
		applied, err = s.Kube.ApplyYAML(ctx, "default", text)
		return err
	})
	return applied, err
}

// Ready waits until the Deployments and DaemonSets among the objects have all their pods, ready and of the newest
// template. It returns ErrImage when one of their images cannot be pulled.
func (s *Cluster) Ready(ctx context.Context, objects []*kube.Object) error {
	for _, o := range objects {
		observe := s.deployment
		switch o.GetKind() {
		case "Deployment":
		case "DaemonSet":
			observe = s.daemonSet
		default:
			continue
		}
		err := poll.Until(ctx, rollout, kube.RefTo(o).String(), func(ctx context.Context) (bool, string, error) {
			done, observation, err := observe(ctx, o.GetNamespace(), o.GetName())
			if done || err != nil {
				return done, observation, err
			}
			return false, observation, s.stuck(ctx, o.GetNamespace())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Cluster) deployment(ctx context.Context, namespace, name string) (bool, string, error) {
	d, err := s.API.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return false, err.Error(), nil
	}
	return deploymentReady(d)
}

func deploymentReady(d *appsv1.Deployment) (bool, string, error) {
	want, s := *d.Spec.Replicas, d.Status
	done := s.ObservedGeneration >= d.Generation && s.Replicas == want && s.UpdatedReplicas == want && s.AvailableReplicas == want
	return done, fmt.Sprintf("%d replicas, %d updated, %d available, want %d", s.Replicas, s.UpdatedReplicas, s.AvailableReplicas, want), nil
}

func (s *Cluster) daemonSet(ctx context.Context, namespace, name string) (bool, string, error) {
	d, err := s.API.AppsV1().DaemonSets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return false, err.Error(), nil
	}
	return daemonSetReady(d)
}

func daemonSetReady(d *appsv1.DaemonSet) (bool, string, error) {
	s := d.Status
	want := s.DesiredNumberScheduled
	done := s.ObservedGeneration >= d.Generation && want > 0 && s.UpdatedNumberScheduled == want && s.NumberAvailable == want
	return done, fmt.Sprintf("%d updated, %d available, want %d", s.UpdatedNumberScheduled, s.NumberAvailable, want), nil
}

// stuck returns ErrImage if a pod of the namespace waits for an image that cannot be pulled.
func (s *Cluster) stuck(ctx context.Context, namespace string) error {
	pods, err := s.API.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil //nolint:nilerr // the next observation has the error
	}
	for _, pod := range pods.Items {
		for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if err := missing(c); err != nil {
				return fmt.Errorf("pod %s: %w", pod.Name, err)
			}
		}
	}
	return nil
}

// missing evaluates the permanent reasons for which a container waits.
func missing(c corev1.ContainerStatus) error {
	if c.State.Waiting == nil {
		return nil
	}
	switch w := c.State.Waiting; w.Reason {
	case "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName":
		return fmt.Errorf("%s: %w (%s: %s)", c.Image, ErrImage, w.Reason, w.Message)
	default:
		return nil
	}
}
