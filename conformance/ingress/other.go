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
			Sentence: "An Ingress of another class, by field or by annotation, is not served.",
			Features: core(class),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				t.Get("http://ours.${DOMAIN}/", suite.From("one"))
				t.Get("http://field.${DOMAIN}/", suite.Status(404))
				t.Get("http://annotation.${DOMAIN}/", suite.Status(404))
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
			Name:     "ingress/websocket-routes",
			Sentence: "The annotation websocket-routes lets the paths that it names upgrade to a WebSocket.",
			Features: extended(webSocket),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				t.WebSocket("http://a.${DOMAIN}/ws")
			},
		},
		{
			Name:     "ingress/response-timeout",
			Sentence: "An answer that takes longer than the annotation response-timeout says is a 504.",
			Features: extended(timeout),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				slow := map[string]string{"X-Echo-Delay": "3s"}
				expect(t, route{"/", "one"})
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/", Headers: slow}, suite.Status(504))
			},
		},
		{
			Name:     "ingress/load-balancer-status",
			Sentence: "An Ingress says in its status by which addresses it is reached.",
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
