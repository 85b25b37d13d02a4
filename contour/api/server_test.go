package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
)

// TestServerAcceptsCRDs runs the checks of a Kubernetes API server on the CRDs,
// among them the cost limits of CEL rules.
func TestServerAcceptsCRDs(t *testing.T) {
	for kind := range readCRDs(t) {
		t.Run(kind, func(t *testing.T) {
			crd := internalCRD(t, kind)
			crd.Status.StoredVersions = []string{crd.Spec.Versions[0].Name}
			for _, err := range crdvalidation.ValidateCustomResourceDefinition(t.Context(), crd) {
				t.Error(err)
			}
		})
	}
}

// TestServerAnswers shows how an API server handles objects: which it accepts,
// and which field the error of the others names.
func TestServerAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		kind, object string
		want         []string // fields with an error
	}{
		"smallest HTTPProxy": {"HTTPProxy", "spec: {}", nil},
		"no spec":            {"HTTPProxy", "{}", []string{"spec"}},
		"wildcard host":      {"HTTPProxy", "spec: {virtualhost: {fqdn: '*.example.com'}}", nil},
		"bad host":           {"HTTPProxy", "spec: {virtualhost: {fqdn: 'a.*.com'}}", []string{"spec.virtualhost.fqdn"}},
		"highest port":       {"HTTPProxy", "spec: {routes: [{services: [{name: a, port: 65535}]}]}", nil},
		"port too high":      {"HTTPProxy", "spec: {routes: [{services: [{name: a, port: 65536}]}]}", []string{"spec.routes[0].services[0].port"}},
		"infinite timeout":   {"HTTPProxy", "spec: {routes: [{timeoutPolicy: {response: infinity}}]}", nil},
		"timeout in µs":      {"HTTPProxy", "spec: {routes: [{timeoutPolicy: {response: 1.5s20µs}}]}", nil},
		"bad timeout":        {"HTTPProxy", "spec: {routes: [{timeoutPolicy: {response: '5'}}]}", []string{"spec.routes[0].timeoutPolicy.response"}},
		"bad redirect code":  {"HTTPProxy", "spec: {routes: [{requestRedirectPolicy: {statusCode: 300}}]}", []string{"spec.routes[0].requestRedirectPolicy.statusCode"}},
		"no JWKS": {
			"HTTPProxy", "spec: {virtualhost: {fqdn: a, jwtProviders: [{name: p}]}}",
			[]string{"spec.virtualhost.jwtProviders[0]"},
		},
		"JWKS in a Secret": {
			"HTTPProxy", "spec: {virtualhost: {fqdn: a, jwtProviders: [{name: p, localJWKS: {secretName: s, key: k}}]}}", nil,
		},
		"httpSettings with the default serviceType": {
			"HTTPProxy", "spec: {virtualhost: {fqdn: a, authorization: {httpSettings: {pathPrefix: /}}}}",
			[]string{"spec.virtualhost.authorization"},
		},
		"httpSettings with serviceType http": {
			"HTTPProxy", "spec: {virtualhost: {fqdn: a, authorization: {serviceType: http, httpSettings: {allowedUpstreamHeaders: [{prefix: x-}]}}}}", nil,
		},
		"two matchers for a header": {
			"HTTPProxy", "spec: {virtualhost: {fqdn: a, authorization: {serviceType: http, httpSettings: {allowedUpstreamHeaders: [{prefix: x-, exact: x}]}}}}",
			[]string{"spec.virtualhost.authorization.httpSettings.allowedUpstreamHeaders[0]"},
		},
		"subjectNames without subjectName": {
			"ExtensionService", "spec: {services: [{name: a, port: 1}], validation: {caSecret: c, subjectName: a, subjectNames: [b, a]}}",
			[]string{"spec.validation"},
		},
		"error of a load balancer port is optional": {
			"HTTPProxy", "{spec: {}, status: {loadBalancer: {ingress: [{ip: 192.0.2.1, ports: [{port: 80, protocol: TCP}]}]}}}", nil,
		},
		"port of a load balancer without protocol": {
			"HTTPProxy", "{spec: {}, status: {loadBalancer: {ingress: [{ports: [{port: 80}]}]}}}", []string{"status.loadBalancer.ingress[0].ports[0].protocol"},
		},
		"port of a load balancer without number": {
			"HTTPProxy", "{spec: {}, status: {loadBalancer: {ingress: [{ports: [{protocol: TCP}]}]}}}", []string{"status.loadBalancer.ingress[0].ports[0].port"},
		},
		"error of a load balancer port": {
			"HTTPProxy", "{spec: {}, status: {loadBalancer: {ingress: [{ports: [{port: 80, protocol: TCP, error: a b}]}]}}}",
			[]string{"status.loadBalancer.ingress[0].ports[0].error"},
		},
		"condition":                          {"HTTPProxy", condition("reason: Valid, status: 'True', type: Valid"), nil},
		"condition with errors and warnings": {"HTTPProxy", condition("reason: Valid, status: 'True', type: Valid, errors: [" + subCondition + "], warnings: [" + subCondition + "]"), nil},
		"reason of a condition":              {"HTTPProxy", condition("reason: a b, status: 'True', type: Valid"), []string{"status.conditions[0].reason"}},
		"status of a condition":              {"HTTPProxy", condition("reason: Valid, status: maybe, type: Valid"), []string{"status.conditions[0].status"}},
		"type of a condition":                {"HTTPProxy", condition("reason: Valid, status: 'True', type: '-'"), []string{"status.conditions[0].type"}},
		"message of a condition": {
			"HTTPProxy", "{spec: {}, status: {conditions: [{reason: Valid, status: 'True', type: Valid, lastTransitionTime: '2026-01-01T00:00:00Z'}]}}",
			[]string{"status.conditions[0].message"},
		},
		"error without message": {
			"HTTPProxy", condition("reason: Valid, status: 'False', type: Valid, errors: [{type: TLSError, status: 'True', reason: Bad}]"),
			[]string{"status.conditions[0].errors[0].message"},
		},
		"reason of a warning": {
			"HTTPProxy", condition("reason: Valid, status: 'True', type: Valid, warnings: [{type: TLSError, status: 'True', reason: '', message: ''}]"),
			[]string{"status.conditions[0].warnings[0].reason"},
		},
		"two conditions of a type": {
			"HTTPProxy", condition("reason: A, status: 'True', type: Valid}, {lastTransitionTime: '2026-01-01T00:00:00Z', message: '', reason: B, status: 'True', type: Valid"),
			[]string{"status.conditions[1]"},
		},
		"settings of the controller": {
			"ContourDeployment", "spec: {contour: {resources: {limits: {cpu: 1, memory: 1Gi}}, watchNamespaces: [a, B]}}",
			[]string{"spec.contour.watchNamespaces[1]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := admit(t, test.kind, test.object)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("fields with an error (-want +got):\n%s", diff)
			}
		})
	}
}

// subCondition is an error or a warning of a condition.
const subCondition = "{type: TLSError, status: 'True', reason: SecretNotValid, message: m}"

// condition is an HTTPProxy whose status has a condition with the fields.
func condition(fields string) string {
	return "{spec: {}, status: {conditions: [{lastTransitionTime: '2026-01-01T00:00:00Z', message: '', " + fields + "}]}}"
}

// TestUnknownFields shows what an API server does with a field that a CRD does not have: it removes it, and refuses the object
// if the client asks for strict validation, as kubectl does.
func TestUnknownFields(t *testing.T) {
	in := parse(t, `
metadata: {name: a, annotation: {}}
spec:
  virtualhost: {fqdn: a}
  routes:
  - {condition: [{prefix: /a}], services: [{name: a, port: 80, weigth: 1}]}
status: {of: another version}
`)
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	unknown := pruning.PruneWithOptions(in, structuralSchema(t, "HTTPProxy"), true, options)
	want := []string{"spec.routes[0].condition", "spec.routes[0].services[0].weigth", "status.of"}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(unknown))); diff != "" {
		t.Errorf("unknown fields (-want +got):\n%s", diff)
	}
	pruned := parse(t, `
metadata: {name: a, annotation: {}}
spec: {virtualhost: {fqdn: a}, routes: [{services: [{name: a, port: 80}]}]}
status: {}
`)
	if diff := cmp.Diff(pruned, in); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
}

// TestDefaults shows what an API server adds to an object.
func TestDefaults(t *testing.T) {
	got, _ := admit(t, "HTTPProxy", `
spec:
  virtualhost: {fqdn: a, authorization: {withRequestBody: {}}}
  routes:
  - retryPolicy: {}
    requestRedirectPolicy: {}
    internalRedirectPolicy: {}
    services: [{name: a, port: 80, slowStartPolicy: {window: 5s}}]
    rateLimitPolicy: {global: {descriptors: [{entries: [{requestHeaderValueMatch: {value: v}}]}]}}
`)
	want := parse(t, `
spec:
  virtualhost: {fqdn: a, authorization: {serviceType: grpc, withRequestBody: {maxRequestBytes: 1024}}}
  routes:
  - retryPolicy: {count: 1}
    requestRedirectPolicy: {statusCode: 302}
    internalRedirectPolicy: {allowCrossSchemeRedirect: Never}
    services: [{name: a, port: 80, slowStartPolicy: {window: 5s, aggression: "1.0", minWeightPercent: 10}}]
    rateLimitPolicy: {global: {descriptors: [{entries: [{requestHeaderValueMatch: {value: v, expectMatch: true}}]}]}}
status: {currentStatus: NotReconciled, description: Waiting for controller}
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
}

// TestScheme shows that every kind with a CRD is registered, with its list.
func TestScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{contourv1.AddToScheme, contourv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	versions := map[string]map[string]bool{"v1": {}, "v1alpha1": {}}
	for gvk := range scheme.AllKnownTypes() {
		if gvk.Group == contourv1.GroupName && versions[gvk.Version] != nil {
			versions[gvk.Version][gvk.Kind] = true
		}
	}
	for kind, crd := range readCRDs(t) {
		version := crd["spec"].(object)["versions"].([]any)[0].(object)["name"].(string)
		if !versions[version][kind] || !versions[version][kind+"List"] {
			t.Errorf("%s %s or its list is not registered", version, kind)
		}
	}
}

// admit does with an object what an API server does with one of a CRD: it adds
// defaults, then validates. It returns the object and the fields with an error,
// sorted.
func admit(t *testing.T, kind, text string) (object, []string) {
	t.Helper()
	structural := structuralSchema(t, kind)
	validator, _, err := validation.NewSchemaValidator(openAPI(t, kind))
	if err != nil {
		t.Fatal(err)
	}

	in := parse(t, text)
	defaulting.Default(in, structural)
	errs := validation.ValidateCustomResource(nil, in, validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, structural, in)...)
	if len(errs) == 0 {
		rules := cel.NewValidator(structural, true, celconfig.PerCallLimit)
		errs, _ = rules.Validate(t.Context(), nil, structural, in, nil, celconfig.RuntimeCELCostBudget)
	}
	fields := map[string]bool{}
	for _, err := range errs {
		fields[strings.TrimPrefix(err.Field, "<nil>.")] = true
		t.Log(err)
	}
	return in, slices.Sorted(maps.Keys(fields))
}

// openAPI returns the schema of the CRD of a kind.
func openAPI(t *testing.T, kind string) *apiextensions.JSONSchemaProps {
	t.Helper()
	crd := internalCRD(t, kind)
	root, err := apiextensions.GetSchemaForVersion(crd, crd.Spec.Versions[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	return root.OpenAPIV3Schema
}

// structuralSchema returns that schema in the form in which the server adds defaults and removes fields.
func structuralSchema(t *testing.T, kind string) *schema.Structural {
	t.Helper()
	structural, err := schema.NewStructural(openAPI(t, kind))
	if err != nil {
		t.Fatal(err)
	}
	return structural
}

// internalCRD returns the CRD of a kind in the form that the server uses.
func internalCRD(t *testing.T, kind string) *apiextensions.CustomResourceDefinition {
	t.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict([]byte(encode(readCRDs(t)[kind])), &crd); err != nil {
		t.Fatalf("parse CRD: %v", err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	var out apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&crd, &out, nil); err != nil {
		t.Fatalf("convert CRD: %v", err)
	}
	return &out
}

// parse reads an object with integers as int64, as an API server does.
func parse(t *testing.T, text string) object {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(content, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
