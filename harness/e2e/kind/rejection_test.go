//go:build kind

package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/kube"
	"contour.example/harness/traffic"
)

const (
	// programSize is the runtime value of Envoy that bounds the compiled size of a regex. The manifests set it so high that the
	// controller, which does not read it, rejects what is too large before Envoy does; here it is lowered to strict.
	programSize = "re2.max_program_size.error_level"
	strict      = 300
	small       = "/[a-z]{3}"
	large       = "/[a-z]{500}"
)

// envoyRejects creates an object that the controller accepts and Envoy rejects. Two replicas of the controller share the verdict.
func envoyRejects(s *second) types.Feature {
	var f fixture
	return features.New("Envoy rejects an object").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.at = s.need(ctx, t)
			f.begin(ctx, t, "rejection")
			f.answered(ctx, t, f.search("abc"), by("echo"))
			f.scale(ctx, t, f.at.namespace, "contour", 2)
			t.Cleanup(func() { f.scale(context.WithoutCancel(ctx), t, f.at.namespace, "contour", 1) })
			f.limitPrograms(ctx, t, fmt.Sprint(strict))
			t.Cleanup(func() { f.limitPrograms(context.WithoutCancel(ctx), t, "") })
			return ctx
		}).
		Assess("the object reports that Envoy rejects it, and no other host is affected", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.searchFor(ctx, t, large)
				f.reported(ctx, t, "EnvoyError/RejectedByEnvoy")
				f.answered(ctx, t, f.search("abc"), by("echo")) // as before
				f.change(ctx, t, "later", seen)
				f.change(ctx, t, "last", seen)
			})
			return ctx
		}).
		Assess("it still reports it after both replicas of the controller are replaced, and no broader host answers", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.restart(ctx, t, "Deployment", f.at.namespace, "contour")
				must(t, f.deployed(ctx, f.at.namespace, "contour"))
				f.answered(ctx, t, f.search("abc"), func(a traffic.Answer) string {
					if a.Status != http.StatusServiceUnavailable { // the fallback: what was accepted before is not kept
						return a.String()
					}
					return ""
				})
				f.reported(ctx, t, "EnvoyError/RejectedByEnvoy")
			})
			return ctx
		}).
		Assess("its repair is served", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.searchFor(ctx, t, small+"[0-9]")
				f.answered(ctx, t, f.search("abc1"), by("echo"))
				f.answered(ctx, t, f.search("abc"), func(a traffic.Answer) string {
					if a.Status != http.StatusNotFound {
						return a.String()
					}
					return ""
				})
				f.reported(ctx, t, "")
			})
			return ctx
		}).
		Assess("no controller has restarted or logged an error", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			for _, problem := range s.controllers.problems(never) {
				t.Error(problem)
			}
			return ctx
		}).Feature()
}

// limitPrograms sets, at each Envoy, the size of a regex above which it is rejected; empty restores the value of the manifests.
func (f *fixture) limitPrograms(ctx context.Context, t *testing.T, size string) {
	t.Helper()
	for _, pod := range f.mustPods(ctx, t, "app=envoy") {
		f.adminPost(ctx, t, pod, "/runtime_modify?"+programSize+"="+size)
		var runtime struct {
			Entries map[string]struct {
				Value string `json:"final_value"`
			} `json:"entries"`
		}
		must(t, json.Unmarshal(f.adminGet(ctx, t, pod, "/runtime"), &runtime))
		if got := runtime.Entries[programSize].Value; size != "" && got != size {
			t.Fatalf("%s: %s is %s, want %s", pod.Name, programSize, got, size)
		}
	}
}

// search is a request for a path of the host whose route has a regex.
func (f *fixture) search(word string) traffic.Request {
	return traffic.Request{Host: f.host("search"), Path: "/" + word}
}

func (f *fixture) searchFor(ctx context.Context, t *testing.T, regex string) {
	t.Helper()
	f.apply(ctx, t, `
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: search}
spec:
  ingressClassName: ${CLASS}
  virtualhost: {fqdn: "search.${DOMAIN}"}
  routes:
  - conditions: [{regex: "`+regex+`"}]
    services: [{name: echo, port: 80}]
`)
}

// reported waits until the HTTPProxy has that error, as TYPE/REASON, in its condition Valid for the current generation; if it is empty, until
// it has none and is valid.
func (f *fixture) reported(ctx context.Context, t *testing.T, problem string) {
	t.Helper()
	must(t, until(ctx, seen, "status of search", func(ctx context.Context) (bool, string, error) {
		o, err := f.kube.Get(ctx, f.ref("projectcontour.io/v1", "HTTPProxy", "search"))
		if err != nil {
			return false, err.Error(), nil
		}
		status, generation, problems := validity(o)
		if generation != o.GetGeneration() {
			return false, "the status of an earlier specification", nil
		}
		got := strings.Join(problems, ", ")
		want := map[bool]string{true: "True", false: "False"}[problem == ""]
		return status == want && got == problem, fmt.Sprintf("Valid is %s because of %q", status, got), nil
	}))
}

// validity is the condition Valid of an HTTPProxy: its status, for which generation, and its errors as
// TYPE/REASON.
func validity(o *kube.Object) (status string, generation int64, problems []string) {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] != "Valid" {
			continue
		}
		status, _, _ = unstructured.NestedString(condition, "status")
		generation, _, _ = unstructured.NestedInt64(condition, "observedGeneration")
		all, _, _ := unstructured.NestedSlice(condition, "errors")
		for _, e := range all {
			one, _ := e.(map[string]any)
			problems = append(problems, fmt.Sprintf("%v/%v", one["type"], one["reason"]))
		}
	}
	return status, generation, problems
}
