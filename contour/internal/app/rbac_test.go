package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/kind"
)

// What contour asks of an API server is what the rules in manifests/ allow: nothing more, or pods would fail, and
// nothing less, or the rules would allow what nobody needs.

// access is one thing to be allowed, as text: scope, verb, group, resource, and the name where a rule has one.
type access = string

// asked is a request as the rules of access see it.
type asked struct{ verb, group, version, namespace, resource, name string }

// parse reads /apis/<group>/<version>[/namespaces/<namespace>]/<resource>[/<name>[/<subresource>]].
func parse(q *http.Request) (a asked, ok bool) {
	path := strings.Split(strings.Trim(q.URL.Path, "/"), "/")
	switch {
	case len(path) >= 3 && path[0] == "api":
		a.version, path = path[1], path[2:]
	case len(path) >= 4 && path[0] == "apis":
		a.group, a.version, path = path[1], path[2], path[3:]
	default:
		return a, false
	}
	if len(path) > 2 && path[0] == "namespaces" {
		a.namespace, path = path[1], path[2:]
	}
	a.resource = path[0]
	if len(path) > 1 {
		a.name = path[1]
	}
	if len(path) > 2 {
		a.resource += "/" + path[2]
	}
	a.verb = verb(q, a.name != "")
	if one, found := strings.CutPrefix(q.URL.Query().Get("fieldSelector"), "metadata.name="); found {
		a.name = one // as authorization sees it
	}
	return a, true
}

func verb(q *http.Request, named bool) string {
	switch {
	case q.Method == http.MethodPost:
		return "create"
	case q.Method == http.MethodPut:
		return "update"
	case q.Method != http.MethodGet:
		return strings.ToLower(q.Method)
	case named:
		return "get"
	case q.URL.Query().Get("watch") != "":
		return "watch"
	default:
		return "list"
	}
}

// sent is the body of a request: JSON or Protobuf.
type sent struct {
	contentType string
	body        []byte
}

func (s sent) write(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", s.contentType)
	w.WriteHeader(code)
	_, _ = w.Write(s.body)
}

// recorder is an API server that notes what it is asked.
type recorder struct {
	lists  map[string]string        // resource -> JSON of the items of its list
	exists map[string]bool          // names that cannot be created, for they are there
	held   map[string]chan struct{} // by resource: its lists wait until it is closed

	secrets map[string][]byte // by name, as JSON

	mu       sync.Mutex
	asked    map[access]bool
	reviewed map[access]bool // what was asked about, in reviews
	denied   map[access]bool
	created  map[string]sent // by resource: what was created last
	changed  chan struct{}   // gets a value after each request, unless it is full
}

func newRecorder() *recorder {
	return &recorder{lists: map[string]string{}, exists: map[string]bool{}, held: map[string]chan struct{}{}, asked: map[access]bool{}, reviewed: map[access]bool{}, denied: map[access]bool{}, created: map[string]sent{}, changed: make(chan struct{}, 1)}
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	info, ok := parse(q)
	if !ok {
		http.Error(w, "unexpected "+q.URL.String(), http.StatusTeapot)
		return
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	object := sent{q.Header.Get("Content-Type"), body}
	if info.resource == "selfsubjectaccessreviews" { // which every user may create
		r.review(w, object)
		return
	}
	listing := q.URL.Query().Get("sendInitialEvents") != "" // it does not know of lists that are watches; not every cluster does
	if !listing {
		r.note(info)
	}
	if info.verb == "list" && !r.wait(q.Context(), info.resource) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch info.verb {
	case "list":
		fmt.Fprintf(w, `{"kind": %q, "apiVersion": %q, "metadata": {"resourceVersion": "1"}, "items": [%s]}`,
			listKinds()[info.resource], strings.TrimPrefix(info.group+"/"+info.version, "/"), r.lists[info.resource])
	case "watch":
		if listing {
			fail(w, http.StatusUnprocessableEntity, "Invalid")
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-q.Context().Done()
	case "create":
		r.create(w, info, object)
	case "get":
		r.get(w, info)
	case "patch":
		if info.resource == "configmaps" {
			sent{"application/json", []byte(`{"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "leader-elect-verdicts"}}`)}.write(w, http.StatusOK)
			return
		}
		patched(info).write(w, http.StatusOK)
	default:
		object.write(w, http.StatusOK)
	}
}

// review answers whether an access is allowed.
func (r *recorder) review(w http.ResponseWriter, object sent) {
	var review authorizationv1.SelfSubjectAccessReview
	if err := json.Unmarshal(object.body, &review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	of := review.Spec.ResourceAttributes
	resource := of.Resource
	if of.Subresource != "" {
		resource += "/" + of.Subresource
	}
	about := text(of.Namespace, of.Verb, of.Group, resource, of.Name)
	r.mu.Lock()
	r.reviewed[about] = true
	review.Status.Allowed = !r.denied[about]
	r.mu.Unlock()
	body, err := json.Marshal(review)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sent{"application/json", body}.write(w, http.StatusCreated)
	r.signal()
}

// hold delays the lists of a resource until it is released.
func (r *recorder) hold(resource string) { r.held[resource] = make(chan struct{}) }

func (r *recorder) release(resource string) { close(r.held[resource]) }

// wait waits until the lists of the resource are not held back. It returns false if the client does not wait any longer.
func (r *recorder) wait(ctx context.Context, resource string) bool {
	held := r.held[resource]
	if held == nil {
		return true
	}
	select {
	case <-held:
		return true
	case <-ctx.Done():
		return false
	}
}

// get knows what was created.
func (r *recorder) get(w http.ResponseWriter, info asked) {
	r.mu.Lock()
	object, ok := r.created[info.resource]
	r.mu.Unlock()
	if secret := r.secrets[info.name]; info.resource == "secrets" && secret != nil {
		sent{"application/json", secret}.write(w, http.StatusOK)
		return
	}
	if !ok {
		fail(w, http.StatusNotFound, "NotFound")
		return
	}
	object.write(w, http.StatusOK)
}

// create says of the names that exist that they do.
func (r *recorder) create(w http.ResponseWriter, info asked, object sent) {
	for name := range r.exists {
		if bytes.Contains(object.body, []byte(name)) {
			fail(w, http.StatusConflict, "AlreadyExists")
			return
		}
	}
	r.mu.Lock()
	r.created[info.resource] = object
	r.mu.Unlock()
	object.write(w, http.StatusCreated)
}

// patched is the metadata that a patch answers with.
func patched(info asked) sent {
	return sent{"application/json", fmt.Appendf(nil,
		`{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": %q, "namespace": %q, "resourceVersion": "2"}}`, info.name, info.namespace)}
}

func fail(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": %q, "code": %d}`, reason, code)
}

func listKinds() map[string]string {
	lists := map[string]string{"contourconfigurations": "ContourConfigurationList", "configmaps": "ConfigMapList"}
	for _, d := range kind.All() {
		lists[d.Resource] = string(d.Kind) + "List"
	}
	return lists
}

func (r *recorder) note(a asked) {
	r.mu.Lock()
	r.asked[text(a.namespace, a.verb, a.group, a.resource, a.name)] = true
	r.mu.Unlock()
	r.signal()
}

func (r *recorder) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// text leaves out a name where a rule has none: of objects of users, of what is created, and of what a flag names.
func text(namespace, verb, group, resource, name string) access {
	if namespace != "projectcontour" {
		namespace, name = "everywhere", ""
	}
	if verb == "create" || strings.HasPrefix(resource, "contourconfigurations") {
		name = ""
	}
	return strings.Join(strings.Fields(strings.Join([]string{namespace, verb, group, resource, name}, " ")), " ")
}

func (r *recorder) all(of map[access]bool) []access {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(of))
}

// until waits until the accesses have been asked for, and returns all that were.
func (r *recorder) until(ctx context.Context, want []access) []access {
	return r.untilIn(ctx, r.asked, want)
}

// untilIn waits until the accesses are in asked or reviewed, and returns all that are.
func (r *recorder) untilIn(ctx context.Context, of map[access]bool, want []access) []access {
	for {
		got := r.all(of)
		if !slices.ContainsFunc(want, func(a access) bool { return !slices.Contains(got, a) }) {
			return got
		}
		select {
		case <-r.changed:
		case <-ctx.Done():
			return got
		}
	}
}

// serve runs the recorder and returns the path of a kubeconfig for it.
func (r *recorder) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	k := clientcmdapi.NewConfig()
	k.Clusters["a"] = &clientcmdapi.Cluster{Server: s.URL}
	k.Contexts["a"] = &clientcmdapi.Context{Cluster: "a"}
	k.CurrentContext = "a"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*k, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// allowed is what the rules in a file of manifests/ allow.
func allowed(t *testing.T, file string) []access {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "manifests", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	var all []access
	for documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			slices.Sort(all)
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var role rbacv1.Role // a ClusterRole is one without a namespace
		if err := yaml.UnmarshalStrict(document, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			all = append(all, accesses(role.Namespace, rule)...)
		}
	}
}

func accesses(namespace string, rule rbacv1.PolicyRule) (all []access) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, verb := range rule.Verbs {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, name := range names {
					all = append(all, text(namespace, verb, group, resource, name))
				}
			}
		}
	}
	return all
}

func noEnv(string) string { return "" }

func TestServeAsksWhatItsRulesAllow(t *testing.T) {
	t.Parallel()
	base := allowed(t, "base/role.yaml")
	t.Run("without a need", func(t *testing.T) { t.Parallel(); serveAsks(t, base) })
	t.Run("with Gateway API", func(t *testing.T) {
		t.Parallel()
		serveAsks(t, slices.Concat(base, allowed(t, "gateway-api/role.yaml")), kind.GatewayAPI)
	})
}

// The permissions for fleets are those of the rules of the package that writes them.
func TestFleetPermissionsAreThoseOfTheRules(t *testing.T) {
	t.Parallel()
	var asked []access
	for _, n := range (&serveFlags{}).fleetPermissions() {
		asked = append(asked, text(n.Namespace, n.Verb, n.Group, n.Resource, n.Name))
	}
	slices.Sort(asked)
	if d := cmp.Diff(allowed(t, "gateway-provisioner/role.yaml"), asked); d != "" {
		t.Errorf("accesses (-allowed +asked about):\n%s", d)
	}
	var namespaces []string
	for _, n := range (&serveFlags{watchNamespaces: []string{"a", "b"}}).fleetPermissions() {
		namespaces = append(namespaces, n.Namespace)
	}
	slices.Sort(namespaces)
	if d := cmp.Diff([]string{"", "a", "b"}, slices.Compact(namespaces)); d != "" {
		t.Errorf("namespaces (-want +got):\n%s", d)
	}
}

// serveAsks checks that serve, with those needs, asks for exactly these accesses.
func serveAsks(t *testing.T, want []access, needs ...kind.Need) {
	t.Helper()
	slices.Sort(want)
	r := newRecorder()
	r.lists["extensionservices"] = `{"metadata": {"name": "unusable", "namespace": "a", "uid": "2", "resourceVersion": "1"}, "spec": {}}`
	r.lists["httpproxies"] = `{"metadata": {"name": "orphan", "namespace": "a", "uid": "1", "resourceVersion": "1"}, "spec": {}}`
	r.lists["ingresses"] = `{"metadata": {"name": "mistaken", "namespace": "a", "uid": "2", "resourceVersion": "1"}, "spec": {"rules": [
  {"host": "a.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "none", "port": {"number": 80}}}}]}}]}}`
	r.lists["configmaps"] = `{"metadata": {"name": "leader-elect-verdicts", "namespace": "projectcontour", "uid": "4", "resourceVersion": "1"}, "data": {
  "00000000000000000000000000000000.0000000000000000": "what nobody renews"}}`
	r.lists["gatewayclasses"] = `{"metadata": {"name": "contour", "uid": "5", "resourceVersion": "1", "generation": 1}, "spec": {"controllerName": "projectcontour.io/gateway-controller"}}`
	r.lists["gateways"] = `{"metadata": {"name": "web", "namespace": "a", "uid": "6", "resourceVersion": "1", "generation": 1}, "spec": {
  "gatewayClassName": "contour", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}`
	r.lists["listenersets"] = `{"metadata": {"name": "web", "namespace": "a", "uid": "22", "resourceVersion": "1", "generation": 1}, "spec": {
  "parentRef": {"name": "web"}, "listeners": [{"name": "http", "port": 81, "protocol": "HTTP"}]}}`
	for i, of := range []string{"httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"} {
		r.lists[of] = fmt.Sprintf(`{"metadata": {"name": "web", "namespace": "a", "uid": "%d", "resourceVersion": "1", "generation": 1}, "spec": {"parentRefs": [{"name": "web"}], "hostnames": ["%[1]d.example"], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}}`, 7+i)
	}
	r.lists["services"] = `{"metadata": {"name": "web", "namespace": "a", "uid": "20", "resourceVersion": "1"}, "spec": {"ports": [{"port": 80}]}}`
	r.lists["backendtlspolicies"] = `{"metadata": {"name": "web", "namespace": "a", "uid": "21", "resourceVersion": "1", "generation": 1}, "spec": {
  "targetRefs": [{"group": "", "kind": "Service", "name": "web"}], "validation": {"hostname": "a.example", "wellKnownCACertificates": "System"}}}`
	r.lists["contourconfigurations"] = `{"metadata": {"name": "contour", "namespace": "projectcontour", "uid": "3", "resourceVersion": "1", "generation": 1}, "spec": {}}`

	r.secrets = expiring(t)

	f := &serveFlags{logging: &logFlags{}, needs: needs}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.add(flags, noEnv)
	if err := flags.Parse([]string{
		"--kubeconfig=" + r.serve(t), "--contour-config-name=contour", "--insecure", "--xds-address=127.0.0.1", "--xds-port=0", "--health-port=0", "--http-port=0", "--debug-http-port=0", "--ingress-status-address=192.0.2.1",
		"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s", "--leader-election-retry-period=100ms",
		"--renew-certificates=contourcert,envoycert",
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop, end := context.WithCancel(ctx)
	var log bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- f.run(stop, slog.New(slog.NewTextHandler(&log, nil))) }()
	r.until(ctx, want)
	r.untilIn(ctx, r.reviewed, want)
	end()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	if d := cmp.Diff(want, r.all(r.asked)); d != "" {
		t.Errorf("accesses (-allowed +asked):\n%s\n%s", d, &log)
	}
	if d := cmp.Diff(want, r.all(r.reviewed)); d != "" {
		t.Errorf("accesses (-allowed +asked about):\n%s\n%s", d, &log)
	}
}

// expiring returns the Secrets of certgen, whose certificates are to be renewed.
func expiring(t *testing.T) map[string][]byte {
	t.Helper()
	b, err := certs.Generate(certs.Options{Namespace: "projectcontour", LifetimeDays: 1, Now: time.Now().Add(-20 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, s := range b.Secrets(certs.SecretOptions{Namespace: "projectcontour", Format: certs.Compact, Version: "v1"}) {
		if all[s.Name], err = json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestCertgenAsksWhatItsRulesAllow(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.exists["contourcert"], r.exists["envoycert"], r.exists["contourfleetca"] = true, true, true // but not to a reader, as if they were created a moment later
	var out, errs bytes.Buffer
	args := []string{"certgen", "--kube", "--renew", "--fleet-authority", "--secrets-format=compact", "--namespace=projectcontour", "--kubeconfig=" + r.serve(t)}
	if code := Main(args, Streams{Out: &out, Err: &errs, Env: noEnv}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	if d := cmp.Diff(allowed(t, "base/certgen-role.yaml"), r.all(r.asked)); d != "" {
		t.Errorf("accesses (-allowed +asked):\n%s", d)
	}
}
