package main

import (
	"errors"
	"testing"
)

func crd(required string) []byte {
	return []byte(`---
spec:
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        properties:
          status:
            properties:
              error:
                type: string
            required:
            ` + required + `
            type: object
        type: object
`)
}

func TestCorrect(t *testing.T) {
	c := correction{parent: []string{"properties", "status"}, property: "error"}

	got, err := c.correct(crd("- error\n            - port"))
	if want := string(crd("- port")); err != nil || string(got) != want {
		t.Errorf("correct: %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestCorrectWithoutNeed(t *testing.T) {
	c := correction{parent: []string{"properties", "status"}, property: "error"}

	for name, in := range map[string][]byte{
		"optional already": crd("- port"),
		"no such schema":   []byte("spec: {versions: [{name: v1}]}"),
		"no version":       []byte("spec: {}"),
	} {
		if _, err := c.correct(in); !errors.Is(err, errNotNeeded) {
			t.Errorf("%s: error %v, want %v", name, err, errNotNeeded)
		}
	}
}
