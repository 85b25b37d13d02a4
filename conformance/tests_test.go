package conformance_test

import (
	"regexp"
	"strings"
	"testing"

	"contour.example/conformance"
	"contour.example/conformance/suite"
	"contour.example/harness/kube"
)

// Every test has a name, a sentence, features and valid manifests.
func TestTestsAreComplete(t *testing.T) {
	t.Parallel()
	tests := all(t)
	name := regexp.MustCompile(`^(httpproxy|ingress)/[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, test := range tests {
		if !name.MatchString(test.Name) || seen[test.Name] {
			t.Errorf("the name %s is not like suite/some-name, or not unique", test.Name)
		}
		seen[test.Name] = true
		if !strings.HasSuffix(test.Sentence, ".") || len(test.Features) == 0 || test.Run == nil {
			t.Errorf("%s: needs a sentence, features and a function", test.Name)
		}
		if objects, err := kube.Parse(test.Manifests); err != nil || len(objects) == 0 {
			t.Errorf("%s: manifests: %d objects, %v", test.Name, len(objects), err)
		}
	}
}

// A feature has one level.
func TestFeatures(t *testing.T) {
	t.Parallel()
	tests := all(t)
	levels := map[string]suite.Level{}
	for _, test := range tests {
		for _, f := range test.Features {
			if level, ok := levels[f.Name]; ok && level != f.Level {
				t.Errorf("%s is %s and %s", f.Name, level, f.Level)
			}
			levels[f.Name] = f.Level
		}
	}
}

// all is the tests of all suites.
func all(t *testing.T) []suite.Test {
	t.Helper()
	suites, err := conformance.Suites()
	if err != nil {
		t.Fatal(err)
	}
	var tests []suite.Test
	for _, s := range suites {
		if s.Probe.Run == nil || s.Kind.Kind == "" {
			t.Errorf("%s: needs a probe and a kind", s.Name)
		}
		tests = append(tests, s.Tests...)
	}
	return tests
}
