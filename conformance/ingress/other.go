package ingress

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"contour.example/conformance/suite"
	"contour.example/harness/kube"
)

func others() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/class",
			Sentence: "An Ingress of another class, by field or by annotation, is neither served nor given an address.",
			Features: core(class),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				t.Get("http://ours.${DOMAIN}/", suite.From("one"))
				t.Get("http://field.${DOMAIN}/", suite.Error)
				t.Get("http://annotation.${DOMAIN}/", suite.Error)
				t.Object(apiVersion, "Ingress", "field", hasNoAddress)
				t.Object(apiVersion, "Ingress", "annotation", hasNoAddress)
			},
		},
		{
			Name:     "ingress/change-and-delete",
			Sentence: "A change of an Ingress is served, a deleted one is not found any more, and others stay.",
			Features: core(path),
			Backends: backends("one", "two"),
			Run:      changeAndDelete,
		},
		{
			Name:     "ingress/load-balancer-status",
			Sentence: "The status of an Ingress has the addresses of the proxy.",
			Features: extended(address),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				t.Object(apiVersion, "Ingress", "a", hasAddress)
			},
		},
	}
}

func hasAddress(o *kube.Object) string {
	addresses, _, err := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress")
	if err != nil {
		return err.Error()
	}
	if len(addresses) == 0 {
		return "there is no address in the status"
	}
	return ""
}

func hasNoAddress(o *kube.Object) string {
	if hasAddress(o) == "" {
		return "there is an address in the status"
	}
	return ""
}

func changeAndDelete(t *suite.T) {
	expect(t, route{"/one", "one"})
	t.Apply(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: a}
spec:
  rules:
  - host: "a.${DOMAIN}"
    http:
      paths:
      - {path: /two, pathType: Prefix, backend: {service: {name: two, port: {number: 80}}}}
`)
	expect(t, route{"/two", "two"}, route{"/one", ""})
	t.Delete(apiVersion, "Ingress", "a")
	expect(t, route{"/two", ""})
	t.Get("http://stays.${DOMAIN}/", suite.From("one"))
}
