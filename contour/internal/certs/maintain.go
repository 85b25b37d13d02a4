package certs

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Maintain reads the Secrets of one set, takes the step of their renewal that is due, and returns it and the Secrets as they are then. It
// needs the verbs get and update. A Secret that somebody else changes meanwhile is an error, and the step remains due.
func Maintain(ctx context.Context, client kubernetes.Interface, namespace string, names []string, now time.Time) (Step, []*corev1.Secret, error) {
	secrets := make([]*corev1.Secret, 0, len(names))
	for _, name := range names {
		s, err := client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return Step{}, secrets, fmt.Errorf("secret %s/%s: %w", namespace, name, err)
		}
		secrets = append(secrets, s)
	}
	step, err := Renew(now, secrets)
	if err != nil {
		return step, secrets, err
	}
	for _, s := range step.Secrets {
		updated, err := client.CoreV1().Secrets(namespace).Update(ctx, s, metav1.UpdateOptions{})
		if err != nil {
			return step, secrets, fmt.Errorf("secret %s/%s: %w", namespace, s.Name, err)
		}
		for i := range secrets {
			if secrets[i].Name == s.Name {
				secrets[i] = updated
			}
		}
	}
	return step, secrets, nil
}

// Ensure writes the Secrets of a Bundle unless there are some that can be kept: those take the step of their renewal that is due, if any.
// Secrets that certgen has not made, and those from the future (ErrClock), are kept in any case. It needs the verbs get, create and update.
func Ensure(ctx context.Context, client kubernetes.Interface, fresh []*corev1.Secret, now time.Time) ([]Result, error) {
	names, missing := make([]string, 0, len(fresh)), false
	for _, s := range fresh {
		existing, err := client.CoreV1().Secrets(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			missing = true
		case err != nil:
			return nil, fmt.Errorf("secret %s/%s: %w", s.Namespace, s.Name, err)
		case existing.Annotations[VersionAnnotation] == "":
			return nil, fmt.Errorf("secret %s/%s: %w", s.Namespace, s.Name, ErrForeign)
		}
		names = append(names, s.Name)
	}
	if missing {
		return Apply(ctx, client, Replace, fresh)
	}
	step, _, err := Maintain(ctx, client, fresh[0].Namespace, names, now)
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status), errors.Is(err, ErrClock):
		return nil, err
	case err != nil: // they contain no usable set
		return Apply(ctx, client, Replace, fresh)
	}
	results := make([]Result, len(names))
	for i, name := range names {
		results[i] = Result{name, Kept}
		for _, s := range step.Secrets {
			if s.Name == name {
				results[i].Outcome = Updated
			}
		}
	}
	return results, nil
}
