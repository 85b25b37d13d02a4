package certs

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Outcome is what happened to a Secret.
type Outcome string

const (
	// Created is a Secret that did not exist.
	Created Outcome = "created"
	// Updated is a Secret that existed and has a new content.
	Updated Outcome = "updated"
	// Kept is a Secret that existed and was not changed.
	Kept Outcome = "unchanged"
)

// Result is what happened to the Secret of that name.
type Result struct {
	Name    string
	Outcome Outcome
}

// Apply writes the Secrets of one Bundle to the API server. It needs the verbs
// create and update only. With Keep an existing first Secret means that an
// earlier run made the set: nothing is written, and that is not an error. A set of
// which only a later part exists is an error, since the parts would not match.
//
// The results are complete up to an error.
func Apply(ctx context.Context, client kubernetes.Interface, existing Existing, secrets []*corev1.Secret) ([]Result, error) {
	results := make([]Result, 0, len(secrets))
	for i, s := range secrets {
		outcome, err := apply(ctx, client, existing, s)
		if err != nil {
			return results, fmt.Errorf("secret %s/%s: %w", s.Namespace, s.Name, err)
		}
		if outcome == Kept && i > 0 {
			return results, fmt.Errorf("secret %s/%s exists, but %s did not: delete it or overwrite all", s.Namespace, s.Name, secrets[0].Name)
		}
		results = append(results, Result{s.Name, outcome})
		if outcome == Kept {
			break
		}
	}
	return results, nil
}

func apply(ctx context.Context, client kubernetes.Interface, existing Existing, s *corev1.Secret) (Outcome, error) {
	api := client.CoreV1().Secrets(s.Namespace)
	_, err := api.Create(ctx, s, metav1.CreateOptions{})
	if err == nil {
		return Created, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	if existing == Keep {
		return Kept, nil
	}
	if _, err := api.Update(ctx, s, metav1.UpdateOptions{}); err != nil {
		return "", err
	}
	return Updated, nil
}
