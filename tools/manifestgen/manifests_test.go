package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// Every kustomization that can be applied, relative to manifests/.
const (
	base              = "base"
	envoyDeployment   = "overlays/envoy-deployment"
	watchedNamespaces = "overlays/watched-namespaces"
	anotherClass      = "overlays/another-class"
	certManager       = "overlays/cert-manager"
	provisioner       = "overlays/gateway-provisioner"
	provisionerIssued = "overlays/gateway-provisioner-cert-manager"
)

func kustomizations() []string {
	return []string{base, envoyDeployment, watchedNamespaces, anotherClass, certManager, provisioner, provisionerIssued}
}

// namespaceOf is the namespace of controller and Envoys of the kustomization.
func namespaceOf(kustomization string) string {
	if kustomization == anotherClass {
		return "projectcontour-internal"
	}
	return "projectcontour"
}

// object is a manifest, as text and loosely.
type object struct {
	unstructured.Unstructured
	json []byte
}

func load(t *testing.T, kustomization string) []object {
	t.Helper()
	text, err := render(filepath.Join("..", "..", "manifests", filepath.FromSlash(kustomization)))
	if err != nil {
		t.Fatal(err)
	}
	var objects []object
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	buffer := make([]byte, len(text))
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		var o object
		if o.json, err = yaml.YAMLToJSON(buffer[:n]); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(o.json, &o.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
}

func (o object) id() string {
	return strings.TrimPrefix(o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName(), " ")
}

// typed is the objects of one kind, read strictly: an unknown field is an error.
func typed[T any](t *testing.T, objects []object, kind string) []T {
	t.Helper()
	var all []T
	for _, o := range objects {
		if o.GetKind() != kind {
			continue
		}
		var v T
		d := json.NewDecoder(bytes.NewReader(o.json))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", o.id(), err)
		}
		all = append(all, v)
	}
	return all
}

// workload is what runs pods.
type workload struct {
	name string
	metav1.ObjectMeta
	pod corev1.PodSpec
}

func workloads(t *testing.T, objects []object) []workload {
	t.Helper()
	var all []workload
	add := func(kind, name string, selector *metav1.LabelSelector, p corev1.PodTemplateSpec) {
		if selector != nil && !selects(t, selector, p.Labels) {
			t.Errorf("%s %s does not select its own pods", kind, name)
		}
		all = append(all, workload{kind + " " + name, p.ObjectMeta, p.Spec})
	}
	for _, w := range typed[appsv1.Deployment](t, objects, "Deployment") {
		add("Deployment", w.Name, w.Spec.Selector, w.Spec.Template)
	}
	for _, w := range typed[appsv1.DaemonSet](t, objects, "DaemonSet") {
		add("DaemonSet", w.Name, w.Spec.Selector, w.Spec.Template)
	}
	for _, w := range typed[batchv1.Job](t, objects, "Job") {
		add("Job", w.Name, nil, w.Spec.Template)
	}
	return all
}

func selects(t *testing.T, s *metav1.LabelSelector, l map[string]string) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(l))
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for _, kustomization := range kustomizations() {
		t.Run(kustomization, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, o := range load(t, kustomization) {
				got = append(got, o.id())
				// kubectl apply keeps the object in an annotation, and annotations have 256 KiB.
				if size := len(o.json); size > 250<<10 {
					t.Errorf("%s has %d bytes, too many for kubectl apply", o.id(), size)
				}
				if o.GetLabels()["app.kubernetes.io/part-of"] != "contour" && o.GetKind() != "CustomResourceDefinition" {
					t.Errorf("%s is not labelled as a part of contour", o.id())
				}
			}
			want := wantObjects(kustomization)
			slices.Sort(got)
			slices.Sort(want)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("objects (-want +got):\n%s", d)
			}
		})
	}
}

func wantObjects(kustomization string) []string {
	ns, class := namespaceOf(kustomization)+"/", "contour"
	if kustomization == anotherClass {
		class = "contour-internal"
	}
	all := []string{
		"Namespace /" + namespaceOf(kustomization), "IngressClass /" + class,
		"ServiceAccount " + ns + "contour", "ServiceAccount " + ns + "contour-certgen", "ServiceAccount " + ns + "envoy",
		"Role " + ns + "contour", "RoleBinding " + ns + "contour-controller", "Role " + ns + "contour-certgen", "RoleBinding " + ns + "contour-certgen",
		"NetworkPolicy " + ns + "contour", "NetworkPolicy " + ns + "contour-certgen", "NetworkPolicy " + ns + "envoy",
		"Service " + ns + "contour", "Service " + ns + "envoy", "ConfigMap " + ns + "contour-closed", "ConfigMap " + ns + "leader-elect-verdicts",
		"Job " + ns + "contour-certgen-dev", "Deployment " + ns + "contour", "PodDisruptionBudget " + ns + "contour",
	}
	if kustomization != anotherClass {
		for _, crd := range []string{"contourconfigurations", "contourdeployments", "extensionservices", "httpproxies", "tlscertificatedelegations"} {
			all = append(all, "CustomResourceDefinition /"+crd+".projectcontour.io")
		}
	}
	cluster := []string{"ClusterRole /" + class, "ClusterRoleBinding /" + class}
	if kustomization == provisioner || kustomization == provisionerIssued {
		for _, role := range []string{"contour-gateway-api", "contour-gateway-provisioner"} {
			cluster = append(cluster, "ClusterRole /"+role, "ClusterRoleBinding /"+role)
		}
	}
	switch kustomization {
	case certManager, provisionerIssued:
		all = slices.DeleteFunc(all, func(id string) bool { return strings.Contains(id, "contour-certgen") })
		issued := []string{"Issuer contour-xds-ca", "Certificate contour-xds-ca", "Issuer contour-xds", "Certificate contour-xds", "Certificate envoy-xds"}
		if kustomization == provisionerIssued {
			issued = append(issued, "Issuer contour-fleet-ca", "Certificate contour-fleet-ca")
		}
		for _, id := range issued {
			all = append(all, strings.Replace(id, " ", " "+ns, 1))
		}
		return append(append(all, cluster...), "DaemonSet "+ns+"envoy")
	case base, provisioner:
		return append(append(all, cluster...), "DaemonSet "+ns+"envoy")
	case envoyDeployment, anotherClass:
		return append(append(all, cluster...), "Deployment "+ns+"envoy", "PodDisruptionBudget "+ns+"envoy")
	default:
		for _, watched := range []string{ns, "default/"} {
			all = append(all, "Role "+watched+"contour-watch", "RoleBinding "+watched+"contour-watch")
		}
		return append(all, "DaemonSet "+ns+"envoy")
	}
}

// The differences of the pods to the standard "restricted", and the label of the namespace.
func TestPodSecurity(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	hostPorts := map[string]string{"DaemonSet envoy": `hostPort (container "envoy" uses hostPorts 443, 80)`}
	for kustomization, want := range map[string]struct {
		enforce string
		flaws   map[string]string
	}{
		base:              {"privileged", hostPorts},
		envoyDeployment:   {"restricted", map[string]string{}},
		anotherClass:      {"restricted", map[string]string{}},
		watchedNamespaces: {"privileged", hostPorts},
		certManager:       {"privileged", hostPorts},
		provisioner:       {"privileged", hostPorts},
		provisionerIssued: {"privileged", hostPorts},
	} {
		objects, got := load(t, kustomization), map[string]string{}
		for _, w := range workloads(t, objects) {
			r := policy.AggregateCheckResults(evaluator.EvaluatePod(psapi.LevelVersion{Level: psapi.LevelRestricted, Version: psapi.LatestVersion()}, &w.ObjectMeta, &w.pod))
			if !r.Allowed {
				got[w.name] = r.ForbiddenDetail()
			}
		}
		if d := cmp.Diff(want.flaws, got); d != "" {
			t.Errorf("%s: flaws (-want +got):\n%s", kustomization, d)
		}
		for _, ns := range typed[corev1.Namespace](t, objects, "Namespace") {
			if got := ns.Labels["pod-security.kubernetes.io/enforce"]; got != want.enforce {
				t.Errorf("%s: namespace enforces %q, want %q", kustomization, got, want.enforce)
			}
		}
	}
}

// Settings beyond "restricted".
func TestContainers(t *testing.T) {
	t.Parallel()
	for _, kustomization := range kustomizations() {
		for _, w := range workloads(t, load(t, kustomization)) {
			for _, c := range slices.Concat(w.pod.InitContainers, w.pod.Containers) {
				name := kustomization + ": " + w.name + ": " + c.Name
				if !*c.SecurityContext.ReadOnlyRootFilesystem {
					t.Errorf("%s: the root file system can be written", name)
				}
				if len(c.Resources.Requests) != 2 {
					t.Errorf("%s: requests %v", name, c.Resources.Requests)
				}
				if c.ImagePullPolicy != corev1.PullIfNotPresent || !slices.Contains([]string{"contour.example/contour:dev", "docker.io/envoyproxy/envoy:v1.40.0"}, c.Image) {
					t.Errorf("%s: image %s, pulled %s", name, c.Image, c.ImagePullPolicy)
				}
			}
			if token := *w.pod.AutomountServiceAccountToken; token != (w.name != "DaemonSet envoy" && w.name != "Deployment envoy") {
				t.Errorf("%s: %s has a token: %t", kustomization, w.name, token)
			}
		}
	}
}

// Envoy rejects requests before the kernel kills it, and the connections that it accepts fit into its memory.
func TestEnvoyIsBounded(t *testing.T) {
	t.Parallel()
	const bytesPerConnection = 96 << 10 // with full buffers; an idle one takes 20 KiB
	for _, kustomization := range kustomizations() {
		for _, w := range workloads(t, load(t, kustomization)) {
			if w.name != "DaemonSet envoy" && w.name != "Deployment envoy" {
				continue
			}
			limit := w.pod.Containers[0].Resources.Limits.Memory().Value()
			heap := number(t, w.pod.InitContainers[0].Args, "--overload-max-heap=")
			connections := number(t, w.pod.InitContainers[0].Args, "--overload-downstream-max-conn=")
			if heap < 1<<30 || heap*10 > limit*8 || connections < 1_000 || connections*bytesPerConnection > heap {
				t.Errorf("%s: a heap of %d bytes of a limit of %d, %d connections", kustomization, heap, limit, connections)
			}
		}
	}
}

// number is the value of a flag.
func number(t *testing.T, args []string, flag string) int64 {
	t.Helper()
	for _, arg := range args {
		if text, ok := strings.CutPrefix(arg, flag); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no %s among %v", flag, args)
	return 0
}

// The drain ends before the grace period of the pod.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	for _, kustomization := range kustomizations() {
		for _, w := range workloads(t, load(t, kustomization)) {
			if w.Labels["app"] != "envoy" {
				continue
			}
			if w.pod.TerminationGracePeriodSeconds == nil || *w.pod.TerminationGracePeriodSeconds != 300 {
				t.Errorf("%s: %s: grace %v", kustomization, w.name, w.pod.TerminationGracePeriodSeconds)
			}
			i := slices.IndexFunc(w.pod.Containers, func(c corev1.Container) bool { return c.Name == "shutdown-manager" })
			manager := w.pod.Containers[i]
			if hook := manager.Lifecycle.PreStop.Exec.Command; !slices.Contains(hook, "--timeout=280s") {
				t.Errorf("%s: %s: hook %v", kustomization, w.name, hook)
			}
			if manager.LivenessProbe != nil {
				t.Errorf("%s: %s: the shutdown manager has a liveness probe, whose failure would drain Envoy", kustomization, w.name)
			}
		}
	}
}

// Every reference and every selector finds an object, in the same rendering.
func TestReferences(t *testing.T) {
	t.Parallel()
	for _, kustomization := range kustomizations() {
		t.Run(kustomization, func(t *testing.T) {
			t.Parallel()
			objects := load(t, kustomization)
			ids := map[string]bool{"Secret contourcert": true, "Secret envoycert": true, "Secret contourfleetca": true} // certgen, or cert-manager, creates these
			for _, o := range objects {
				ids[o.GetKind()+" "+o.GetName()] = true
			}
			pods := workloads(t, objects)
			for _, w := range pods {
				requireIDs(t, ids, w.name, "ServiceAccount "+w.pod.ServiceAccountName)
				for _, v := range w.pod.Volumes {
					if v.Secret != nil {
						requireIDs(t, ids, w.name, "Secret "+v.Secret.SecretName)
					}
					if v.ConfigMap != nil {
						requireIDs(t, ids, w.name, "ConfigMap "+v.ConfigMap.Name)
					}
				}
			}
			for _, b := range slices.Concat(typed[rbacv1.RoleBinding](t, objects, "RoleBinding"), fromCluster(typed[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding"))) {
				requireIDs(t, ids, "binding "+b.Name, b.RoleRef.Kind+" "+b.RoleRef.Name, "ServiceAccount "+b.Subjects[0].Name)
				if b.Subjects[0].Namespace != namespaceOf(kustomization) {
					t.Errorf("binding %s/%s: subject in namespace %q", b.Namespace, b.Name, b.Subjects[0].Namespace)
				}
			}
			for _, s := range typed[corev1.Service](t, objects, "Service") {
				for _, p := range s.Spec.Ports {
					requirePort(t, pods, "Service "+s.Name, metav1.LabelSelector{MatchLabels: s.Spec.Selector}, p.TargetPort.IntVal)
				}
			}
			for _, n := range typed[networkingv1.NetworkPolicy](t, objects, "NetworkPolicy") {
				requirePort(t, pods, "NetworkPolicy "+n.Name, n.Spec.PodSelector, 0)
				for _, rule := range n.Spec.Ingress {
					for _, p := range rule.Ports {
						requirePort(t, pods, "NetworkPolicy "+n.Name, n.Spec.PodSelector, p.Port.IntVal)
					}
				}
			}
			for _, b := range typed[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget") {
				requirePort(t, pods, "PodDisruptionBudget "+b.Name, *b.Spec.Selector, 0)
			}
		})
	}
}

func fromCluster(all []rbacv1.ClusterRoleBinding) (bindings []rbacv1.RoleBinding) {
	for _, b := range all {
		bindings = append(bindings, rbacv1.RoleBinding{ObjectMeta: b.ObjectMeta, RoleRef: b.RoleRef, Subjects: b.Subjects})
	}
	return bindings
}

func requireIDs(t *testing.T, ids map[string]bool, who string, wanted ...string) {
	t.Helper()
	for _, id := range wanted {
		if !ids[id] {
			t.Errorf("%s refers to %s, which does not exist", who, id)
		}
	}
}

// requirePort requires pods that are selected and have the port, if it is not 0.
func requirePort(t *testing.T, pods []workload, who string, s metav1.LabelSelector, port int32) {
	t.Helper()
	for _, w := range pods {
		if !selects(t, &s, w.Labels) {
			continue
		}
		for _, c := range w.pod.Containers {
			if port == 0 || slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == port }) {
				return
			}
		}
	}
	t.Errorf("%s selects no pod with port %d", who, port)
}

// The controller reads the file of the ConfigMap from a volume that is a directory, so that it follows changes.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	for _, kustomization := range kustomizations() {
		objects := load(t, kustomization)
		maps := typed[corev1.ConfigMap](t, objects, "ConfigMap")
		if len(maps) != 2 || maps[0].Name != "contour-closed" || maps[0].Data["contour.yaml"] == "" { // Contour's is named contour
			t.Fatalf("%s: ConfigMaps %v", kustomization, maps)
		}
		if shared := maps[1]; shared.Name != "leader-elect-verdicts" || shared.Data != nil { // applied again, it keeps what is in it
			t.Errorf("%s: ConfigMap %v", kustomization, shared)
		}
		for _, w := range workloads(t, objects) {
			if w.name != "Deployment contour" {
				continue
			}
			c := w.pod.Containers[0]
			mounted := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == "/config" && m.SubPath == "" })
			if !mounted || !slices.Contains(c.Args, "--config-path=/config/contour.yaml") {
				t.Errorf("%s: mounts %v, arguments %q", kustomization, c.VolumeMounts, c.Args)
			}
		}
	}
}

// The Job's name has the version of its image, for it cannot be changed.
func TestCertgenIsNamedByVersion(t *testing.T) {
	t.Parallel()
	for _, j := range typed[batchv1.Job](t, load(t, base), "Job") {
		image := j.Spec.Template.Spec.Containers[0].Image
		tag := image[strings.LastIndex(image, ":")+1:]
		if want := "contour-certgen-" + strings.ReplaceAll(tag, ".", "-"); j.Name != want {
			t.Errorf("Job %s runs %s, want it to be called %s", j.Name, image, want)
		}
	}
}

// A kustomization of the user changes image and Job as documented in docs/install.md.
func TestImageOfOnesOwn(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(guide), "    apiVersion: kustomize")
	text, _, _ = strings.Cut("    apiVersion: kustomize"+text, "\n\n")
	dir := t.TempDir()
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Rel(dir, here)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\n    ", "\n"), "<this repository>", repository)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(strings.TrimSpace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered, err := render(dir)
	if err != nil {
		t.Fatal(err)
	}
	for want, n := range map[string]int{"image: registry.example.com/contour:v0.1.0": 4, "contour.example/contour": 0, "name: contour-certgen-v0-1-0": 1, "certgen-dev": 0} {
		if got := strings.Count(string(rendered), want); got != n {
			t.Errorf("%q occurs %d times, want %d", want, got, n)
		}
	}
}

// The overlay grants the rules of the ClusterRole in its namespaces, and the controller watches exactly those.
func TestWatchedNamespaces(t *testing.T) {
	t.Parallel()
	objects := load(t, watchedNamespaces)
	want := typed[rbacv1.ClusterRole](t, load(t, base), "ClusterRole")[0].Rules
	var namespaces []string
	for _, r := range typed[rbacv1.Role](t, objects, "Role") {
		if r.Name != "contour-watch" {
			continue
		}
		namespaces = append(namespaces, r.Namespace)
		if d := cmp.Diff(want, r.Rules); d != "" {
			t.Errorf("rules in %s (-want +got):\n%s", r.Namespace, d)
		}
	}
	slices.Sort(namespaces)
	for _, w := range workloads(t, objects) {
		if w.name != "Deployment contour" {
			continue
		}
		flag := w.pod.Containers[0].Args[len(w.pod.Containers[0].Args)-1]
		watched := strings.Split(strings.TrimPrefix(flag, "--watch-namespaces="), ",")
		slices.Sort(watched)
		if d := cmp.Diff(namespaces, watched); d != "" {
			t.Errorf("%s (-roles +watched):\n%s", flag, d)
		}
	}
}

// Two controllers have no object in common, so that each can be deleted without the other, and the second serves the class
// whose name is that of its IngressClass.
func TestAnotherClass(t *testing.T) {
	t.Parallel()
	first := map[string]bool{}
	for _, o := range load(t, base) {
		first[o.id()] = true
	}
	second, class := load(t, anotherClass), ""
	for _, o := range second {
		if first[o.id()] {
			t.Errorf("%s is in both", o.id())
		}
		if o.GetKind() == "IngressClass" {
			class = o.GetName()
		}
	}
	for _, w := range workloads(t, second) {
		if flag := "--ingress-class-name=" + class; w.name == "Deployment contour" && !slices.Contains(w.pod.Containers[0].Args, flag) {
			t.Errorf("%s: arguments %q, want %s among them", w.name, w.pod.Containers[0].Args, flag)
		}
	}
}

// Every generated CustomResourceDefinition is in the kustomization.
func TestAllCRDs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../manifests/crds/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, o := range load(t, base) {
		if o.GetKind() == "CustomResourceDefinition" {
			n++
		}
	}
	if n != len(files) || n == 0 {
		t.Errorf("%d CRDs are rendered, %d files exist", n, len(files))
	}
}

func TestInNamespace(t *testing.T) {
	t.Parallel()
	const rules = "---\nkind: %s\nmetadata:\n  name: a\nrules:\n- b\n---\nkind: Role\nmetadata:\n  name: a\n"
	got, err := inNamespace([]byte(strings.Replace(rules, "%s", "ClusterRole", 1)), "a")
	if want := "---\nkind: Role\nmetadata:\n  name: a-watch\nrules:\n- b\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := inNamespace([]byte(strings.Replace(rules, "%s", "Role", 1)), "a"); err == nil {
		t.Errorf("without ClusterRole: got %q", got)
	}
}

func TestRenderErrors(t *testing.T) {
	t.Parallel()
	if _, err := render(t.TempDir()); err == nil || !strings.Contains(err.Error(), "kustomization") {
		t.Errorf("a directory without kustomization: %v", err)
	}
}

// The permissions for the Gateway API are bound to the ServiceAccount of the controller.
func TestGatewayAPIPermissionsAreBound(t *testing.T) {
	t.Parallel()
	objects := load(t, "gateway-api")
	roles := typed[rbacv1.ClusterRole](t, objects, "ClusterRole")
	bindings := typed[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding")
	if len(roles) != 1 || len(bindings) != 1 || len(objects) != 2 {
		t.Fatalf("objects %v", objects)
	}
	b := bindings[0]
	subject := rbacv1.Subject{Kind: "ServiceAccount", Name: "contour", Namespace: namespaceOf(base)}
	if b.RoleRef.Kind != "ClusterRole" || b.RoleRef.Name != roles[0].Name || !slices.Equal(b.Subjects, []rbacv1.Subject{subject}) {
		t.Errorf("binding %v of role %s", b, roles[0].Name)
	}
}
