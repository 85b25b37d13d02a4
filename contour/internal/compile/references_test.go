package compile_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

var seed = flag.Uint64("seed", 0, "seed of the random objects; 0 selects a different one in each run")

// The references of the objects that the derivation of a root visited include each object that it read and did not find,
// and each object that it was not permitted to use. Edits wait only for references.
func TestReferencesIncludeMissingObjects(t *testing.T) {
	t.Parallel()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay with: go test ./internal/compile -run '^%s$' -seed %d", t.Name(), s)
	pairs, err := stagetest.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	random := stagetest.NewRandom(rand.NewPCG(s, 1), pairs)
	engine := memo.New(func(f memo.Fault) { t.Errorf("fault in %s, key %v: %s", f.Table, f.Key, f.Reason) })
	objects := store.New(engine, config.Default())
	c := compile.New(engine, objects)
	found := map[string]int{} // the number of missing objects by kind
	for range 500 {
		objects.Apply(random.Batch(5))
		engine.Run()
		for _, root := range c.Roots() {
			checkMissing(t, objects, c, root, found)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("missing: %v", found)
	for _, what := range []string{"service", "secret", "httpproxy", "extensionservice", "permission"} {
		if found[what] == 0 {
			t.Errorf("no derivation read a missing %s", what)
		}
	}
}

func checkMissing(t *testing.T, objects *store.Store, c *compile.Compile, root kobj.Key, found map[string]int) {
	t.Helper()
	rep := c.Root(root).Report
	referenced := map[kobj.Key]bool{root: true} // a root that was deleted derives nothing
	denied := map[kobj.Key]bool{}
	visited := append(gatewaysOf(objects, root), rep.Visited...)
	for _, v := range visited {
		visited = append(visited, policiesOf(objects, c, v)...)
	}
	for _, v := range visited {
		for _, r := range c.References(v.Kind, objects.Peek(v)) {
			referenced[r.To] = true
			denied[v] = denied[v] || r.Permission != "" && !objects.Permitted(r)
			for _, next := range c.References(r.To.Kind, ofExtension(objects, r.To)) { // whose edits wait for them
				referenced[next.To] = true
			}
		}
	}
	c.Missing(root, func(input string, key any) {
		table, ofKind := strings.CutPrefix(input, "store/")
		d := kindNamed(table)
		if !ofKind || d == nil {
			return // an input without objects
		}
		found[table]++
		if slices.Contains([]kobj.Kind{kobj.GatewayClass, kobj.Gateway, kobj.ListenerSet, kobj.Namespace}, d.Kind) {
			return // by which an object is attached: nothing is served there that an edit could interrupt
		}
		if k := (kobj.Key{Kind: d.Kind, Name: key.(kobj.Name)}); !referenced[k] {
			t.Errorf("%s read %s, which is not among the references of %v", root, k, rep.Visited)
		}
	})
	for _, d := range rep.Diagnostics {
		if d.Reason == report.DelegationNotPermitted || d.Reason == report.CACertificateNotDelegated {
			found["permission"]++
			if !denied[d.Object] {
				t.Errorf("%s may not use a Secret (%s), but all its references are permitted", d.Object, d.Message)
			}
		}
	}
}

// gatewaysOf returns the Gateways and ListenerSets to which a route or a ListenerSet is attached: it reads whether their listeners are valid.
func gatewaysOf(objects *store.Store, k kobj.Key) (out []kobj.Key) {
	var parents []gatewayv1.ParentReference
	switch o := objects.Peek(k).(type) {
	case *gatewayv1.HTTPRoute:
		parents = o.Spec.ParentRefs
	case *gatewayv1.GRPCRoute:
		parents = o.Spec.ParentRefs
	case *gatewayv1.TLSRoute:
		parents = o.Spec.ParentRefs
	case *gatewayv1.TCPRoute:
		parents = o.Spec.ParentRefs
	case *gatewayv1.ListenerSet:
		parents = []gatewayv1.ParentReference{{Name: o.Spec.ParentRef.Name, Namespace: o.Spec.ParentRef.Namespace}}
	}
	for _, p := range parents {
		namespace := k.Namespace
		if p.Namespace != nil {
			namespace = string(*p.Namespace)
		}
		if p.Kind != nil && kobj.Kind(*p.Kind) == kobj.ListenerSet {
			set := kobj.Of(kobj.ListenerSet, namespace, string(p.Name))
			out = append(append(out, set), gatewaysOf(objects, set)...)
			continue
		}
		out = append(out, kobj.Of(kobj.Gateway, namespace, string(p.Name)))
	}
	return out
}

// policiesOf returns the policies in the namespaces to which an object refers, any of which can be that of its backend.
func policiesOf(objects *store.Store, c *compile.Compile, k kobj.Key) (out []kobj.Key) {
	namespaces := map[string]bool{}
	for _, r := range c.References(k.Kind, objects.Peek(k)) {
		namespaces[r.To.Namespace] = namespaces[r.To.Namespace] || r.To.Kind == kobj.Service
	}
	for _, root := range c.Roots() {
		if root.Kind == kobj.BackendTLSPolicy && namespaces[root.Namespace] {
			out = append(out, root)
		}
	}
	return out
}

// ofExtension returns the ExtensionService of the key; nil for other kinds.
func ofExtension(objects *store.Store, k kobj.Key) metav1.Object {
	if k.Kind != kobj.ExtensionService {
		return nil
	}
	return objects.Peek(k)
}

func kindNamed(lower string) *kind.Descriptor {
	for _, d := range kind.All() {
		if strings.ToLower(string(d.Kind)) == lower {
			return &d
		}
	}
	return nil
}
