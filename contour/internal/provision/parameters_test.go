package provision

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
)

// deployment returns the ContourDeployment with that spec, in YAML.
func deployment(t *testing.T, spec string) *contourv1alpha1.ContourDeployment {
	t.Helper()
	d := &contourv1alpha1.ContourDeployment{}
	if err := yaml.UnmarshalStrict([]byte(spec), &d.Spec); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOverride(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, class, gateway, want string }{
		{"only the class", "envoy: {workloadType: Deployment}", "{}", "envoy: {workloadType: Deployment}"},
		{"only the Gateway", "{}", "envoy: {workloadType: Deployment}", "envoy: {workloadType: Deployment}"},
		{"field by field", "envoy: {logLevel: info, deployment: {replicas: 2, strategy: {type: Recreate}}}", "envoy: {deployment: {replicas: 5}}", "envoy: {logLevel: info, deployment: {replicas: 5, strategy: {type: Recreate}}}"},
		{"maps by key", "envoy: {podAnnotations: {a: x, b: x}}", "envoy: {podAnnotations: {b: y, c: y}}", "envoy: {podAnnotations: {a: x, b: y, c: y}}"},
		{
			"lists are replaced", "envoy: {nodePlacement: {nodeSelector: {a: b}, tolerations: [{key: a}, {key: b}]}}", "envoy: {nodePlacement: {tolerations: [{key: c}]}}",
			"envoy: {nodePlacement: {nodeSelector: {a: b}, tolerations: [{key: c}]}}",
		},
		{"quantities", "envoy: {resources: {limits: {cpu: 1, memory: 1Gi}}}", "envoy: {resources: {limits: {memory: 2Gi}}}", "envoy: {resources: {limits: {cpu: 1, memory: 2Gi}}}"},
		{"labels", "resourceLabels: {a: x, b: x}", "resourceLabels: {b: y}", "resourceLabels: {a: x, b: y}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParametersOf(deployment(t, row.class)).Override(ParametersOf(deployment(t, row.gateway)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(ParametersOf(deployment(t, row.want)), got, cmp.Comparer(func(a, b fmt.Stringer) bool { return a.String() == b.String() })); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ spec, class, gateway string }{ // parts of the problem; "" if there is none
		{"{}", "", ""},
		{"envoy: {workloadType: DaemonSet, logLevel: trace, networkPublishing: {type: NodePortService, externalTrafficPolicy: Local, ipFamilyPolicy: PreferDualStack}}", "", ""},
		{"contour: {logLevel: trace}", "spec.contour.logLevel", "spec.contour.logLevel"},
		{"envoy: {logLevel: loud}", `"loud", is not one of trace`, "spec.envoy.logLevel"},
		{"envoy: {networkPublishing: {type: Carrier}}", "spec.envoy.networkPublishing.type", "spec.envoy.networkPublishing.type"},
		{"envoy: {networkPublishing: {externalTrafficPolicy: Global}}", "externalTrafficPolicy", "externalTrafficPolicy"},
		{"envoy: {networkPublishing: {ipFamilyPolicy: Dual}}", "ipFamilyPolicy", "ipFamilyPolicy"},
		{"envoy: {extraVolumes: [{name: a, hostPath: {path: /}}]}", "", "extraVolumes[0]"},
		{"envoy: {extraVolumes: [{name: a, secret: {secretName: a}}, {name: b, projected: {}}]}", "", "extraVolumes[1]"},
		{"envoy: {extraVolumes: [{name: a, configMap: {name: a}}], extraVolumeMounts: [{name: a, mountPath: /a}]}", "", ""},
		{"envoy: {extraVolumeMounts: [{name: a, mountPath: /a/../usr/local/bin/}]}", "", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumeMounts: [{name: a, mountPath: lib64}]}", "", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumes: [{name: a, emptyDir: {}}], extraVolumeMounts: [{name: a, mountPath: /srv/wasm}, {name: a, mountPath: /usr/lib}]}", "", "extraVolumeMounts[1]"},
		{"envoy: {extraVolumes: [{name: envoycert, emptyDir: {}}]}", "extraVolumes[0]", "extraVolumes[0]"},
		{"envoy: {extraVolumeMounts: [{name: a, mountPath: /config/}]}", "extraVolumeMounts[0]", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumeMounts: [{name: envoycert, mountPath: /a}]}", "extraVolumeMounts[0]", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumeMounts: [{name: a, mountPath: //certs}]}", "extraVolumeMounts[0]", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumeMounts: [{name: a, mountPath: /a/../config/.}]}", "extraVolumeMounts[0]", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumeMounts: [{name: a, mountPath: /config/envoy.json, subPath: x}]}", "extraVolumeMounts[0]", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumeMounts: [{name: a, mountPath: /}]}", "extraVolumeMounts[0]", "extraVolumeMounts[0]"},
		{"envoy: {extraVolumes: [{name: a, emptyDir: {}}], extraVolumeMounts: [{name: a, mountPath: /certs-of-others}]}", "", ""},
		{"envoy: {extraVolumeMounts: [{name: of-the-class, mountPath: /a}]}", "", `volume "of-the-class"`},
	} {
		for ofGateway, want := range map[bool]string{false: row.class, true: row.gateway} {
			got := Problem(deployment(t, row.spec), ofGateway)
			if !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("%s, of a Gateway: %v: %q, want %q", row.spec, ofGateway, got, want)
			}
		}
	}
}
