package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/source/dir"
)

// fakeCluster is an API server that lists objects, and forbids some resources.
type fakeCluster struct {
	t         *testing.T
	forbidden map[string]bool // by resource
	denied    map[string]bool // permissions of other users, by resource
	absent    map[string]bool // resources that are not served
	logs      string          // of every container

	mu       sync.Mutex
	objects  map[string][]map[string]any // by path of the resource in all namespaces
	requests []string
}

// newCluster returns a cluster with the objects of manifests, and the path of its kubeconfig.
func newCluster(t *testing.T, paths ...string) (c *fakeCluster, kubeconfig string) {
	t.Helper()
	c = &fakeCluster{t: t, forbidden: map[string]bool{}, denied: map[string]bool{}, absent: map[string]bool{}, objects: map[string][]map[string]any{}}
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err != nil {
			t.Fatal(err)
		} else if info.IsDir() {
			files, _ = filepath.Glob(path + "/*.yaml")
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			c.add(routable(string(text)))
		}
	}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: c, context: {cluster: c}}]}`, s.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, kubeconfig
}

// add adds the objects of a text, with the defaults of an API server.
func (c *fakeCluster) add(text string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for document := range strings.SplitSeq(text, "\n---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			c.t.Fatal(err)
		}
		if o == nil {
			continue
		}
		version, name := o["apiVersion"].(string), o["kind"].(string)
		if objects, _ := dir.Decode([]byte(document)); len(objects) == 1 {
			completed, err := json.Marshal(objects[0].Object)
			if err == nil {
				err = json.Unmarshal(completed, &o)
			}
			if err != nil {
				c.t.Fatal(err)
			}
			o["apiVersion"], o["kind"] = version, name
		}
		meta := o["metadata"].(map[string]any)
		if meta["namespace"] == nil {
			meta["namespace"] = "default"
		}
		meta["creationTimestamp"] = "2020-01-01T00:00:00Z"
		resource := strings.ToLower(name) + "s"
		if d := kind.All().Get(kobj.Kind(name)); d != nil && d.Resource != "" {
			resource = d.Resource
		}
		group := "/apis/"
		if !strings.Contains(version, "/") {
			group = "/api/"
		}
		path := group + version + "/" + resource
		c.objects[path] = append(c.objects[path], o)
	}
}

// routable has addresses of endpoints that an API server accepts.
func routable(text string) string { return strings.ReplaceAll(text, "[127.0.0.1]", "[192.0.2.10]") }

func (c *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r.Method+" "+r.URL.Path)
	path, namespace, name := r.URL.Path, "", ""
	if before, after, ok := strings.Cut(path, "/namespaces/"); ok {
		p := append(strings.Split(after, "/"), "")
		path, namespace, name = before+"/"+p[1], p[0], p[2]
	}
	w.Header().Set("Content-Type", "application/json")
	refuse := func(code int, reason string) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason})
	}
	if c.other(w, r, refuse) {
		return
	}
	if c.forbidden[path[strings.LastIndex(path, "/")+1:]] {
		refuse(http.StatusForbidden, "Forbidden")
		return
	}
	items := []map[string]any{}
	for _, o := range c.objects[path] {
		meta := o["metadata"].(map[string]any)
		if name != "" && meta["name"] == name {
			_ = json.NewEncoder(w).Encode(o)
			return
		}
		if (namespace == "" || meta["namespace"] == namespace) && selected(meta, r.URL.Query().Get("labelSelector")) {
			items = append(items, o)
		}
	}
	if len(c.objects[path]) == 0 && strings.HasPrefix(path, "/apis/gateway") || name != "" {
		refuse(http.StatusNotFound, "NotFound")
		return
	}
	var kind, version string
	if len(items) > 0 {
		kind, version = items[0]["kind"].(string)+"List", items[0]["apiVersion"].(string)
	} else {
		version = strings.TrimPrefix(strings.TrimPrefix(path[:strings.LastIndex(path, "/")], "/apis/"), "/api/")
		kind = listKind(path)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]any{}, "items": items})
}

// other answers what is not about objects in namespaces; false if the request is.
func (c *fakeCluster) other(w http.ResponseWriter, r *http.Request, refuse func(int, string)) bool {
	const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	p := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/version":
		answer(map[string]any{"gitVersion": "v1.36.0"})
	case strings.HasSuffix(r.URL.Path, "/log"):
		_, _ = w.Write([]byte(c.logs))
	case strings.HasSuffix(r.URL.Path, "/portforward"):
		refuse(http.StatusInternalServerError, "InternalError")
	case strings.HasSuffix(r.URL.Path, "/subjectaccessreviews"):
		if c.forbidden["subjectaccessreviews"] {
			refuse(http.StatusForbidden, "Forbidden")
			return true
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			c.t.Error(err)
		}
		o, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
		if err != nil {
			c.t.Error(err)
			return false
		}
		review := o.(*authorizationv1.SubjectAccessReview)
		review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SubjectAccessReview"
		review.Status.Allowed = !c.denied[review.Spec.ResourceAttributes.Resource]
		answer(review)
	case strings.HasPrefix(r.URL.Path, definitions+"/"):
		for _, o := range c.objects[definitions] {
			if o["metadata"].(map[string]any)["name"] == p[len(p)-1] {
				answer(o)
				return true
			}
		}
		refuse(http.StatusNotFound, "NotFound")
	case p[0] == "api" && len(p) == 2, p[0] == "apis" && len(p) == 3:
		version, resources := strings.Join(p[1:], "/"), []any{}
		for _, d := range kind.All() {
			if d.GroupVersion.String() == version && !c.absent[d.Resource] {
				resources = append(resources, map[string]any{"name": d.Resource, "kind": d.Kind, "namespaced": !d.ClusterScoped})
			}
		}
		answer(map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources})
	default:
		return false
	}
	return true
}

// selected reports whether an object has the one label of a selector.
func selected(meta map[string]any, selector string) bool {
	name, value, ok := strings.Cut(selector, "=")
	labels, _ := meta["labels"].(map[string]any)
	return !ok || labels[name] == value
}

// listKind returns the kind of the list of a resource.
func listKind(path string) string {
	resource := path[strings.LastIndex(path, "/")+1:]
	if kind := map[string]string{"deployments": "DeploymentList", "daemonsets": "DaemonSetList", "pods": "PodList"}[resource]; kind != "" {
		return kind
	}
	for _, d := range kind.All() {
		if d.Resource == resource {
			return string(d.Kind) + "List"
		}
	}
	return ""
}

const deployed = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: contour, namespace: projectcontour, labels: {app: contour}}
spec:
  template:
    spec:
      containers:
      - {name: other, command: [sleep]}
      - name: contour
        command: [contour]
        args: [serve, --incluster, --config-path=/config/contour.yaml, --ingress-class-name, "$(CLASS)", --of-another-version, x, --insecure, --xds-address=127.0.0.1]
        env: [{name: CLASS, value: special}, {name: PASSWORD, value: planted-in-environment}]
        volumeMounts: [{name: config, mountPath: /config}]
      volumes: [{name: config, configMap: {name: settings, items: [{key: file, path: contour.yaml}]}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: projectcontour}
data: {file: "accesslog-format: json\n"}
`

const added = `
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: added}
spec:
  virtualhost: {fqdn: added.example.com}
  routes:
  - services: [{name: web, port: 80}]
`

// Commands say of a cluster whose objects they list what they say of the same objects in files.
func TestFromAPIIsAsFiles(t *testing.T) {
	t.Parallel()
	_, kubeconfig := newCluster(t, quickstart)
	without := func(text string) any {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return withoutPositions(v)
	}
	for _, args := range [][]string{
		{"explain", "http://www.example.com/api/users"},
		{"explain", "https://shop.example.com/x"},
		{"explain", "http://none.example/"},
		{"routes"},
		{"validate"},
	} {
		code, of, errs := runMain(append(args, "-o", "json", "--from=api", "--kubeconfig="+kubeconfig)...)
		_, files, _ := runMain(append(args, "-o", "json", "-f", quickstart)...)
		if d := cmp.Diff(without(files), without(of)); d != "" || code != 0 || !strings.Contains(errs, "there is no Deployment of a controller") {
			t.Errorf("%v: exit code %d, %s (-files +cluster): %s", args, code, errs, d)
		}
	}
}

// Files are evaluated over the objects of the cluster, with the settings of its controller, and nothing is written.
func TestOverCluster(t *testing.T) {
	t.Parallel()
	c, kubeconfig := newCluster(t, quickstart)
	path := manifest(t, added)
	run := func(args ...string) (int, string, string) {
		return runMain(append(args, "--kubeconfig="+kubeconfig)...)
	}
	check := func(code int, out string, args ...string) {
		t.Helper()
		if got, text, errs := run(args...); got != code || !strings.Contains(text, out) {
			t.Errorf("%v: exit code %d, want %d with %q\n%s%s", args, got, code, out, text, errs)
		}
	}
	if code, _, _ := runMain("validate", "-f", path); code != 3 {
		t.Errorf("the file alone has no error: %d", code)
	}
	check(0, "", "validate", "-f", path, "--over-cluster")
	check(3, "", "validate", "-f", path, "--over-cluster", "--root-namespaces=none")
	check(0, "answered by Service default/web", "explain", "http://added.example.com/", "-f", path, "--over-cluster")
	check(0, "http://added.example.com", "routes", "added.example.com", "-f", path, "--over-cluster")
	check(3, "+ http://added.example.com", "diff", "-f", path, "--exit-code")
	check(3, "- answered by Service default/", "diff", "-f", manifest(t, broken), "--exit-code")
	same, err := os.ReadFile(quickstart + "/services.yaml")
	if err != nil {
		t.Fatal(err)
	}
	check(0, "", "diff", "-f", manifest(t, routable(string(same))), "--exit-code")
	// The older of two objects with the same host keeps it: that of the cluster.
	check(3, "HTTPProxy default/added", "validate", "-f", manifest(t, strings.Replace(added, "added.example", "www.example", 1)), "--over-cluster")

	c.add(deployed)
	check(0, "is not served", "validate", "--from=api")
	check(0, "HTTPProxy default/added: ", "validate", "-f", path, "--over-cluster")
	if _, out, _ := run("validate", "--from=api", "-n", "none"); out != "" {
		t.Errorf("findings of no namespace: %s", out)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.requests {
		if !strings.HasPrefix(r, "GET ") {
			t.Errorf("not only read: %s", r)
		}
	}
}

// The settings of the controller are those of its Deployment and its file.
func TestInstalled(t *testing.T) {
	t.Parallel()
	c, kubeconfig := newCluster(t)
	c.add(deployed)
	f := &lookFlags{}
	f.live.Kubeconfig, f.live.Namespace, f.live.Selector = kubeconfig, "projectcontour", "app=contour"
	api, err := clusterConfig(false, kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	in, err := f.live.installed(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	if c := in.config; c.AccessLog.Format != "json" || strings.Join(c.Objects.IngressClassNames, " ") != "special" || !c.Process.Server.Insecure {
		t.Errorf("%+v", c)
	}
	if d := cmp.Diff([]string{"--of-another-version"}, in.ignored); d != "" {
		t.Error(d)
	}
	c.forbidden["deployments"] = true
	if code, _, errs := runMain("validate", "--from=api", "--kubeconfig="+kubeconfig); code != 1 || !strings.Contains(errs, "the settings of the controller cannot be read; give them with") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, errs := runMain("validate", "--from=api", "--kubeconfig="+kubeconfig, "--ingress-class-name=a"); code != 0 {
		t.Errorf("exit code %d with settings: %s", code, errs)
	}
}

// Without permission for Secrets, references to them are assumed to be good, which is said once; no Secret is printed with it.
func TestSecretsAreNotNeeded(t *testing.T) {
	t.Parallel()
	c, kubeconfig := newCluster(t, quickstart)
	c.forbidden["secrets"] = true
	code, out, errs := runMain("explain", "https://shop.example.com/", "--expect=200", "--from=api", "--kubeconfig="+kubeconfig)
	if code != 0 || strings.Count(errs, "listing Secrets is not permitted: cannot tell whether") != 1 {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	c.forbidden["services"] = true
	if code, _, errs := runMain("validate", "--from=api", "--kubeconfig="+kubeconfig); code != 1 || !strings.Contains(errs, "listing is not permitted: Service;") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// The ClusterRole for users permits to list every kind but Secrets.
func TestViewerMayListAllKinds(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../manifests/viewer/clusterrole.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role struct {
		Rules []struct{ APIGroups, Resources, Verbs []string }
	}
	if err := yaml.Unmarshal(text, &role); err != nil {
		t.Fatal(err)
	}
	got, want := map[string]bool{}, map[string]bool{}
	for _, r := range role.Rules {
		for _, resource := range r.Resources {
			got[r.APIGroups[0]+"/"+resource] = true
		}
		if strings.Join(r.Verbs, " ") != "list" {
			t.Errorf("verbs %q", r.Verbs)
		}
	}
	for _, d := range kind.All().Watched(kind.GatewayAPI) {
		if d.Kind != kobj.Secret {
			want[d.GroupVersion.Group+"/"+d.Resource] = true
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-kinds +role: %s", d)
	}
}

// planted has the canary wherever an object, a Deployment or its configuration may have a secret.
func planted(canary string) string {
	return strings.ReplaceAll(`
apiVersion: v1
kind: Secret
metadata: {name: pair, annotations: {kubectl.kubernetes.io/last-applied-configuration: CANARY}}
type: kubernetes.io/tls
stringData: {note: CANARY}
data: {tls.crt: Q0FOQVJZ, tls.key: Q0FOQVJZ}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: planted, annotations: {kubectl.kubernetes.io/last-applied-configuration: CANARY}, labels: {label: CANARY}}
spec:
  virtualhost: {fqdn: planted.example.com, tls: {secretName: pair}}
  routes:
  - conditions:
    - {prefix: /}
    - {header: {name: x-api-key, exact: CANARY}}
    - {queryParameter: {name: token, exact: CANARY}}
    requestHeadersPolicy: {set: [{name: Authorization, value: Bearer CANARY}]}
    services: [{name: web, port: 80}]
  - conditions: [{prefix: /open}]
    permitInsecure: true
    requestHeadersPolicy: {set: [{name: Authorization, value: Bearer CANARY}]}
    responseHeadersPolicy: {set: [{name: Set-Cookie, value: CANARY}]}
    services: [{name: web, port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: contour, namespace: projectcontour, labels: {app: contour}}
spec:
  template:
    spec:
      containers:
      - name: contour
        image: contour
        args: [serve, --incluster, --config-path=/config/contour.yaml, --token=CANARY, --password, CANARY, --insecure, --xds-address=127.0.0.1]
        env: [{name: PASSWORD, value: CANARY}]
        volumeMounts: [{name: config, mountPath: /config}]
      volumes: [{name: config, configMap: {name: settings}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: projectcontour, annotations: {a: CANARY}}
data:
  contour.yaml: "accesslog-format: json\npolicy:\n  request-headers:\n    set:\n      Authorization: Bearer CANARY\n"
  other: CANARY
`, "CANARY", canary)
}

// What commands that list a cluster print has nothing secret of its objects, and of its controller.
func TestNothingSecretOfClusters(t *testing.T) {
	t.Parallel()
	const canary = "CANARY7b1f0c5d9e2a4468"
	c, kubeconfig := newCluster(t, quickstart)
	c.add(strings.ReplaceAll(planted(canary), "Q0FOQVJZ", base64.StdEncoding.EncodeToString([]byte(canary))))
	path := manifest(t, strings.ReplaceAll(added, "- services", "- requestHeadersPolicy: {set: [{name: Authorization, value: Bearer "+canary+"}]}\n    services"))
	seen := ""
	for _, args := range [][]string{
		{"validate", "--from=api"},
		{"validate", "--over-cluster", "-f", path},
		{"routes", "--from=api"},
		{"routes", "--from=api", "-o", "json"},
		{"explain", "--from=api", "http://planted.example.com/open"},
		{"explain", "--from=api", "http://planted.example.com/open", "-o", "json"},
		{"diff", "-f", path},
		{"diff", "-f", path, "-o", "json"},
	} {
		_, out, errs := runMain(append(args, "--kubeconfig="+kubeconfig)...)
		if seen += out + errs; strings.Contains(out+errs, canary) || strings.Contains(out+errs, base64.StdEncoding.EncodeToString([]byte(canary))) {
			t.Errorf("%v shows a secret: %s%s", args, out, errs)
		}
	}
	for _, part := range []string{"planted.example.com", "added.example.com", "SecretNotValid"} { // else the test proves nothing
		if !strings.Contains(seen, part) {
			t.Errorf("nothing has %s in\n%s", part, seen)
		}
	}
}
