package charts

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"sigs.k8s.io/yaml"
)

// What the values of effects are in, and values that others need.
const (
	contour    = "Deployment projectcontour contour"
	daemonSet  = "DaemonSet projectcontour envoy"
	deployment = "Deployment projectcontour envoy"
	service    = "Service projectcontour envoy"
	fleet      = "envoy: {kind: Deployment}"
	scaled     = "envoy: {kind: Deployment, autoscaling: {enabled: true}}"
	scaler     = "HorizontalPodAutoscaler projectcontour envoy"
	issued     = "certificates: {source: cert-manager}"
	monitored  = "monitoring: {podMonitors: {create: true}, prometheusRule: {create: true}, dashboards: {create: true}}"
	boards     = "ConfigMap projectcontour dashboard-contour-envoy"
	account    = "ServiceAccount projectcontour "
	budget     = "PodDisruptionBudget projectcontour "
)

// effects has, for each value of the chart, values that differ from a base, what the value is in, and text that it adds there.
func effects() map[string]effect {
	all := generalEffects()
	maps.Copy(all, contourEffects())
	maps.Copy(all, envoyEffects())
	return all
}

// generalEffects has the values of the whole installation.
func generalEffects() map[string]effect {
	return map[string]effect{
		"image.repository":                     {"", "image: {repository: r.example/c}", contour, "image: r.example/c:dev"},
		"image.tag":                            {"", "image: {tag: v9}", daemonSet, "image: contour.example/contour:v9"},
		"image.digest":                         {"", "image: {digest: 'sha256:" + strings.Repeat("a", 64) + "'}", contour, "contour:dev@sha256:aaaa"},
		"image.pullPolicy":                     {"", "image: {pullPolicy: Always}", contour, "imagePullPolicy: Always"},
		"imagePullSecrets":                     {"", "imagePullSecrets: [{name: s}]", daemonSet, "imagePullSecrets:\n      - name: s"},
		"labels":                               {"", "labels: {team: edge}", daemonSet, "labels:\n        app: envoy\n        app.kubernetes.io/name: envoy\n        app.kubernetes.io/part-of: contour\n        team: edge"},
		"ingressClass.create":                  {"", "ingressClass: {create: false}", "IngressClass  contour", ""},
		"ingressClass.name":                    {"", "ingressClass: {name: other}", "ClusterRole  contour-other", "name: contour-other"},
		"ingressClass.default":                 {"", "ingressClass: {default: true}", "IngressClass  contour", `is-default-class: "true"`},
		"config":                               {"", "config: {edge: {escaped-slashes: keep}, budgets: {routes: 7}}", "ConfigMap projectcontour contour-closed", "escaped-slashes: keep"},
		"watchNamespaces":                      {"", "watchNamespaces: [projectcontour, a]", "RoleBinding a contour-watch", "name: contour-watch"},
		"gatewayAPI.enabled":                   {"", "gatewayAPI: {enabled: true}", contour, "--gateway-api"},
		"gatewayAPI.addresses":                 {"", "gatewayAPI: {addresses: [192.0.2.0/28, 198.51.100.0/28]}", contour, "--gateway-addresses=192.0.2.0/28,198.51.100.0/28"},
		"gatewayProvisioner.enabled":           {"", "gatewayProvisioner: {enabled: true}", contour, "--gateway-provisioner"},
		"networkPolicies.create":               {"", "networkPolicies: {create: false}", "NetworkPolicy projectcontour contour", ""},
		"certificates.source":                  {"", "certificates: {source: existing}", "Job projectcontour contour-certgen", ""},
		"certificates.controllerSecret":        {issued, "certificates: {controllerSecret: xc}", contour, "secretName: xc"},
		"certificates.envoySecret":             {issued, "certificates: {envoySecret: xe}", daemonSet, "secretName: xe"},
		"certificates.certManager.issuerRef":   {issued, "certificates: {certManager: {issuerRef: {name: i, kind: ClusterIssuer}}}", "Certificate projectcontour envoy-xds", "kind: ClusterIssuer"},
		"certificates.certManager.duration":    {issued, "certificates: {certManager: {duration: 24h}}", "Certificate projectcontour contour-xds", "duration: 24h"},
		"certificates.certManager.renewBefore": {issued, "certificates: {certManager: {renewBefore: 8h}}", "Certificate projectcontour contour-xds", "renewBefore: 8h"},
		"monitoring.annotations":               {"", "monitoring: {annotations: false}", daemonSet, "template:\n    metadata:\n      labels:"},
		"monitoring.podMonitors.create":        {"", monitored, "PodMonitor projectcontour envoy", "path: /stats/prometheus"},
		"monitoring.podMonitors.labels":        {monitored, "monitoring: {podMonitors: {labels: {w: x}}}", "PodMonitor projectcontour contour", "w: x"},
		"monitoring.podMonitors.interval":      {monitored, "monitoring: {podMonitors: {interval: 5s}}", "PodMonitor projectcontour contour", "interval: 5s"},
		"monitoring.prometheusRule.create":     {"", monitored, "PrometheusRule projectcontour contour", "contour_xds_certificate_not_after_timestamp_seconds"},
		"monitoring.prometheusRule.labels":     {monitored, "monitoring: {prometheusRule: {labels: {p: q}}}", "PrometheusRule projectcontour contour", "p: q"},
		"monitoring.dashboards.create":         {"", monitored, boards, "contour-envoy.json:"},
		"monitoring.dashboards.labels":         {monitored, "monitoring: {dashboards: {labels: {z: a}}}", boards, "z: a"},
		"monitoring.dashboards.annotations":    {monitored, "monitoring: {dashboards: {annotations: {folder: contour}}}", boards, "folder: contour"},
	}
}

// contourEffects has those of the controller.
func contourEffects() map[string]effect {
	return map[string]effect{
		"contour.replicas":                           {"", "contour: {replicas: 3}", contour, "replicas: 3"},
		"contour.extraArgs":                          {"", "contour: {extraArgs: [--debug]}", contour, "- --debug"},
		"contour.extraEnv":                           {"", "contour: {extraEnv: [{name: GOGC, value: '50'}]}", contour, "name: GOGC"},
		"contour.resources":                          {"", "contour: {resources: {limits: {memory: 1Gi}}}", contour, "memory: 1Gi"},
		"contour.nodeSelector":                       {"", "contour: {nodeSelector: {a: b}}", contour, "nodeSelector:\n        a: b"},
		"contour.tolerations":                        {"", "contour: {tolerations: [{operator: Exists}]}", contour, "tolerations:\n      - operator: Exists"},
		"contour.affinity":                           {"", "contour: {affinity: {nodeAffinity: {}}}", contour, "nodeAffinity: {}"},
		"contour.topologySpreadConstraints":          {"", "contour: {topologySpreadConstraints: [{topologyKey: rack}]}", contour, "topologySpreadConstraints:\n      - topologyKey: rack"},
		"contour.priorityClassName":                  {"", "contour: {priorityClassName: p}", contour, "priorityClassName: p"},
		"contour.podLabels":                          {"", "contour: {podLabels: {l: m, app: stolen}}", contour, "labels:\n        app: contour\n        app.kubernetes.io/name: contour\n        app.kubernetes.io/part-of: contour\n        l: m"},
		"contour.podAnnotations":                     {"", "contour: {podAnnotations: {k: o}}", contour, "annotations:\n        k: o"},
		"contour.serviceAccount.annotations":         {"", "contour: {serviceAccount: {annotations: {q: r}}}", account + "contour", "q: r"},
		"contour.podDisruptionBudget.create":         {"", "contour: {podDisruptionBudget: {create: false}}", budget + "contour", ""},
		"contour.podDisruptionBudget.maxUnavailable": {"", "contour: {podDisruptionBudget: {maxUnavailable: 50%}}", budget + "contour", "maxUnavailable: 50%"},
	}
}

// envoyEffects has those of Envoy.
func envoyEffects() map[string]effect {
	return map[string]effect{
		"envoy.kind":                               {"", fleet, deployment, "kind: Deployment"},
		"envoy.replicas":                           {fleet, "envoy: {replicas: 5}", deployment, "replicas: 5"},
		"envoy.image.repository":                   {"", "envoy: {image: {repository: r.example/e}}", daemonSet, "image: r.example/e:v1.40.0"},
		"envoy.image.tag":                          {"", "envoy: {image: {tag: v1}}", daemonSet, "envoy:v1\n"},
		"envoy.image.digest":                       {"", "envoy: {image: {digest: 'sha256:" + strings.Repeat("b", 64) + "'}}", daemonSet, "envoyproxy/envoy:v1.40.0@sha256:bbb"},
		"envoy.image.pullPolicy":                   {"", "envoy: {image: {pullPolicy: Never}}", daemonSet, "imagePullPolicy: Never"},
		"envoy.hostPorts.http":                     {"", "envoy: {hostPorts: {http: 81}}", daemonSet, "hostPort: 81"},
		"envoy.hostPorts.https":                    {"", "envoy: {hostPorts: {https: 444}}", daemonSet, "hostPort: 444"},
		"envoy.service.type":                       {"", "envoy: {service: {type: ClusterIP}}", service, "type: ClusterIP"},
		"envoy.service.externalTrafficPolicy":      {"", "envoy: {service: {externalTrafficPolicy: Cluster}}", service, "externalTrafficPolicy: Cluster"},
		"envoy.service.annotations":                {"", "envoy: {service: {annotations: {s: t}}}", service, "s: t"},
		"envoy.service.labels":                     {"", "envoy: {service: {labels: {u: v}}}", service, "u: v"},
		"envoy.service.loadBalancerClass":          {"", "envoy: {service: {loadBalancerClass: x/y}}", service, "loadBalancerClass: x/y"},
		"envoy.service.loadBalancerIP":             {"", "envoy: {service: {loadBalancerIP: 192.0.2.1}}", service, "loadBalancerIP: 192.0.2.1"},
		"envoy.service.loadBalancerSourceRanges":   {"", "envoy: {service: {loadBalancerSourceRanges: [192.0.2.0/24]}}", service, "- 192.0.2.0/24"},
		"envoy.service.ipFamilyPolicy":             {"", "envoy: {service: {ipFamilyPolicy: PreferDualStack}}", service, "ipFamilyPolicy: PreferDualStack"},
		"envoy.service.ipFamilies":                 {"", "envoy: {service: {ipFamilies: [IPv6]}}", service, "- IPv6"},
		"envoy.service.externalIPs":                {"", "envoy: {service: {externalIPs: [192.0.2.9]}}", service, "- 192.0.2.9"},
		"envoy.service.ports.http":                 {"", "envoy: {service: {ports: {http: 8000}}}", service, "port: 8000"},
		"envoy.service.ports.https":                {"", "envoy: {service: {ports: {https: 8001}}}", service, "port: 8001"},
		"envoy.service.nodePorts.http":             {"", "envoy: {service: {nodePorts: {http: 30080}}}", service, "nodePort: 30080"},
		"envoy.service.nodePorts.https":            {"", "envoy: {service: {nodePorts: {https: 30443}}}", service, "nodePort: 30443"},
		"envoy.resources":                          {"", "envoy: {resources: {limits: {memory: 1Gi}}}", daemonSet, "- --overload-max-heap=858993459"},
		"envoy.maxConnections":                     {"", "envoy: {maxConnections: 5000000}", daemonSet, "--overload-downstream-max-conn=5000000"},
		"envoy.extraBootstrapArgs":                 {"", "envoy: {extraBootstrapArgs: [--stats=all]}", daemonSet, "- --stats=all"},
		"envoy.extraArgs":                          {"", "envoy: {extraArgs: [--concurrency, '2']}", daemonSet, "- --concurrency"},
		"envoy.autoscaling.enabled":                {fleet, scaled, scaler, "name: envoy"},
		"envoy.autoscaling.minReplicas":            {scaled, "envoy: {autoscaling: {minReplicas: 4}}", scaler, "minReplicas: 4"},
		"envoy.autoscaling.maxReplicas":            {scaled, "envoy: {autoscaling: {maxReplicas: 40}}", scaler, "maxReplicas: 40"},
		"envoy.autoscaling.metrics":                {scaled, "envoy: {autoscaling: {metrics: [{type: External}]}}", scaler, "type: External"},
		"envoy.autoscaling.behavior":               {scaled, "envoy: {autoscaling: {behavior: {scaleUp: {}}}}", scaler, "scaleUp: {}"},
		"envoy.nodeSelector":                       {"", "envoy: {nodeSelector: {a: b}}", daemonSet, "nodeSelector:\n        a: b"},
		"envoy.tolerations":                        {"", "envoy: {tolerations: [{operator: Exists}]}", daemonSet, "tolerations:\n      - operator: Exists"},
		"envoy.affinity":                           {"", "envoy: {affinity: {nodeAffinity: {}}}", daemonSet, "nodeAffinity: {}"},
		"envoy.topologySpreadConstraints":          {fleet, "envoy: {topologySpreadConstraints: [{topologyKey: rack}]}", deployment, "topologySpreadConstraints:\n      - topologyKey: rack"},
		"envoy.priorityClassName":                  {"", "envoy: {priorityClassName: p}", daemonSet, "priorityClassName: p"},
		"envoy.podLabels":                          {"", "envoy: {podLabels: {l: m}}", daemonSet, "l: m"},
		"envoy.podAnnotations":                     {"", "envoy: {podAnnotations: {k: o}}", daemonSet, "annotations:\n        k: o"},
		"envoy.serviceAccount.annotations":         {"", "envoy: {serviceAccount: {annotations: {q: r}}}", account + "envoy", "q: r"},
		"envoy.podDisruptionBudget.create":         {fleet, "envoy: {podDisruptionBudget: {create: false}}", budget + "envoy", ""},
		"envoy.podDisruptionBudget.maxUnavailable": {fleet, "envoy: {podDisruptionBudget: {maxUnavailable: 2}}", budget + "envoy", "maxUnavailable: 2"},
	}
}

// effect is that of one value: set, with base, results in an object that contains text. Without text, it is an object less.
type effect struct {
	base, set, id, text string
}

func TestEachValueHasAnEffect(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "charts", "contour", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	known := effects()
	// Maps with keys of the user, which are single values.
	whole := []string{"contour.resources", "envoy.resources", "envoy.service.annotations", "monitoring.dashboards.labels", "envoy.autoscaling.behavior"}
	paths := leaves(values, "", whole)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(known)), paths); diff != "" {
		t.Errorf("values (-tested +in values.yaml):\n%s", diff)
	}
	for path, e := range known {
		t.Run(path, func(t *testing.T) {
			merged := merge(t, e.base, e.set)
			before, after := print(t, rendered(t, "contour", "projectcontour", e.base), e.id), print(t, rendered(t, "contour", "projectcontour", merged), e.id)
			switch {
			case e.text == "" && (before == "" || after != ""):
				t.Errorf("%s\nbefore:\n%s\nafter:\n%s", e.id, before, after)
			case e.text != "" && (!strings.Contains(after, e.text) || strings.Contains(before, e.text)):
				t.Errorf("%s does not contain %q, or did before:\n%s", e.id, e.text, after)
			}
		})
	}
}

// leaves returns the paths of values, in order.
func leaves(values map[string]any, prefix string, whole []string) (paths []string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		path := prefix + key
		below, ok := values[key].(map[string]any)
		if !ok || len(below) == 0 || slices.Contains(whole, path) {
			paths = append(paths, path)
			continue
		}
		paths = append(paths, leaves(below, path+".", whole)...)
	}
	slices.Sort(paths)
	return paths
}

func merge(t *testing.T, texts ...string) string {
	t.Helper()
	all := map[string]any{}
	for _, text := range texts {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(text), &values); err != nil {
			t.Fatal(err)
		}
		overwrite(all, values)
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func overwrite(into, from map[string]any) {
	for key, value := range from {
		below, ok := value.(map[string]any)
		there, also := into[key].(map[string]any)
		if ok && also {
			overwrite(there, below)
		} else {
			into[key] = value
		}
	}
}

func print(t *testing.T, objects map[string]object, id string) string {
	t.Helper()
	if objects[id] == nil {
		return ""
	}
	text, err := yaml.Marshal(objects[id])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The chart of a release uses its image by digest, unless values name a tag or a digest.
func TestDigestOfARelease(t *testing.T) {
	const digest = "sha256:0123"
	c, err := loader.Load(filepath.Join("..", "..", "charts", "contour"))
	if err != nil {
		t.Fatal(err)
	}
	c.Metadata.AppVersion, c.Metadata.Annotations = "v1.2.3", map[string]string{"contour.example/image-digest": digest}
	for values, want := range map[string]string{
		"":                                      "contour.example/contour:v1.2.3@" + digest,
		"image: {repository: r.example/mirror}": "r.example/mirror:v1.2.3@" + digest,
		"image: {tag: mine}":                    "contour.example/contour:mine",
	} {
		objects, err := renderChart(t, c, "projectcontour", values)
		if err != nil {
			t.Fatal(err)
		}
		if got := container(t, objects["Deployment projectcontour contour"], "contour")["image"]; got != want {
			t.Errorf("%s: image %v, want %s", values, got, want)
		}
		if got := container(t, objects["DaemonSet projectcontour envoy"], "envoy")["image"]; got != "docker.io/envoyproxy/envoy:v1.40.0" {
			t.Errorf("%s: image of Envoy %v", values, got)
		}
	}
}

// Values that do not exist, or cannot be used, are errors that name them.
func TestBadValues(t *testing.T) {
	for values, want := range map[string]string{
		"contuor: {replicas: 3}":                                                   "contuor",
		"envoy: {servce: {}}":                                                      "servce",
		"envoy: {kind: StatefulSet}":                                               "kind",
		"envoy: {resources: {limits: {memory: 1.5Gi}}}":                            "envoy.resources.limits.memory",
		"envoy: {hostPorts: {http: 70000}}":                                        "hostPorts",
		"image: {digest: 'sha256:abc'}":                                            "digest",
		"watchNamespaces: [a]":                                                     "projectcontour",
		"{watchNamespaces: [projectcontour], gatewayAPI: {enabled: true}}":         "watchNamespaces",
		"{watchNamespaces: [projectcontour], gatewayProvisioner: {enabled: true}}": "watchNamespaces",
		"ingressClass: {name: contour-gateway-provisioner}":                        "name",
		"certificates: {envoySecret: e}":                                           "envoySecret",
		"image: {repository: 'registry:5000/contour:v1'}":                          "repository",
		"ingressClass: {name: contour-gateway-api}":                                "name",
		"watchNamespaces: [projectcontour, a, a]":                                  "watchNamespaces",
		"ingressClass: {name: 'a b'}":                                              "name",
	} {
		if _, err := render(t, "contour", "projectcontour", values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", values, err, want)
		}
	}
}

// Values that are null are as if they were empty.
func TestNullValues(t *testing.T) {
	for _, values := range []string{
		"labels: null", "contour: {extraArgs: null}", "contour: {podLabels: null}", "envoy: {extraArgs: null}", "envoy: {extraBootstrapArgs: null}",
		"envoy: {podLabels: null}", "envoy: {resources: null}", "watchNamespaces: null", "monitoring: {podMonitors: {create: true, labels: null}}",
	} {
		if _, err := render(t, "contour", "projectcontour", values); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// Envoy rejects an option that is given twice.
func TestEnvoyArgumentsReplaceThoseOfTheManifests(t *testing.T) {
	envoy := rendered(t, "contour", "projectcontour", "envoy: {extraArgs: [--log-level, debug, --concurrency, '2']}")["DaemonSet projectcontour envoy"]
	want := []any{
		"-c", "/config/envoy.json", "--service-cluster", "$(CONTOUR_NAMESPACE)", "--service-node", "$(ENVOY_POD_NAME)", "--disable-hot-restart",
		"--drain-time-s", "60", "--log-level", "debug", "--concurrency", "2",
	}
	if diff := cmp.Diff(want, container(t, envoy, "envoy")["args"]); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

// The Job runs where the controller may run: helm waits for it.
func TestJobIsScheduledAsTheController(t *testing.T) {
	job := rendered(t, "contour", "projectcontour", "contour: {nodeSelector: {a: b}, tolerations: [{operator: Exists}]}")["Job projectcontour contour-certgen"]
	for _, field := range []string{"nodeSelector", "tolerations"} {
		if pod(t, job)[field] == nil {
			t.Errorf("the Job has no %s", field)
		}
	}
}

// A limit that does not exist limits nothing; nothing says how large the heap may be.
func TestEnvoyWithoutMemoryLimit(t *testing.T) {
	envoy := rendered(t, "contour", "projectcontour", "envoy: {resources: {limits: null}}")["DaemonSet projectcontour envoy"]
	args := container(t, envoy, "envoy-initconfig")["args"].([]any)
	for _, arg := range args {
		if strings.HasPrefix(arg.(string), "--overload-max-heap") {
			t.Errorf("argument %s", arg)
		}
	}
	if len(args) < 5 {
		t.Errorf("arguments %v", args)
	}
}

// cert-manager makes both certificates with the CA of the chart, or of an issuer; the Job and its permissions do not exist then.
func TestCertManager(t *testing.T) {
	objects := rendered(t, "contour", "projectcontour", "certificates: {source: cert-manager}")
	for id := range objects {
		if strings.Contains(id, "certgen") {
			t.Errorf("%s exists", id)
		}
	}
	server := objects["Certificate projectcontour contour-xds"]["spec"].(object)
	if diff := cmp.Diff([]any{"contour", "contour.projectcontour", "contour.projectcontour.svc", "contour.projectcontour.svc.cluster.local"}, server["dnsNames"]); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{"digital signature", "client auth"}, objects["Certificate projectcontour envoy-xds"]["spec"].(object)["usages"]); diff != "" {
		t.Errorf("usages (-want +got):\n%s", diff)
	}
	ca := "Issuer projectcontour contour-xds"
	if objects[ca] == nil {
		t.Errorf("no %s", ca)
	}
	objects = rendered(t, "contour", "projectcontour", "certificates: {source: cert-manager, certManager: {issuerRef: {name: mine}}}")
	if objects[ca] != nil {
		t.Errorf("%s beside the issuer of the values", ca)
	}
}
