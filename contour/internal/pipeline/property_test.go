package pipeline_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

const (
	batchSize   = 20  // edits at once, at most
	checkPeriod = 200 // edits between checks, about
)

// After any sequence of edits the result equals a build from scratch, of the same objects in another order.
func TestIncrementalEqualsFromScratch(t *testing.T) {
	random, source := newRandom(t)
	cfg := withGateways(config.Default())
	sys := newSystem(t, cfg)
	for done, next := 0, checkPeriod; done < *edits && !t.Failed(); {
		batch := random.Batch(batchSize)
		done += len(batch)
		sys.Step(batch)
		if done < next {
			continue
		}
		next += checkPeriod
		sets := random.KeySets()
		sys.SetKeySets(sets)
		sys.waitForShards()
		fresh := newSystem(t, cfg)
		fresh.SetKeySets(sets)
		fresh.Step(random.Objects())
		if !sameState(t, fresh.state(), sys.state()) {
			t.Fatalf("after %d edits the result is not that of a build from scratch", done)
		}
		checkPublished(t, sys)
		cfg = withGateways(randomConfig(t, source))
		sys.Configure(cfg)
	}
}

// The removal of added objects restores the former state.
func TestRemovalRestoresTheFormerState(t *testing.T) {
	random, source := newRandom(t)
	base := random.Batch(100)
	sys := newSystem(t, withGateways(config.Default()))
	sys.Step(base)
	before := sys.state()
	former := map[kobj.Key]store.Change{}
	for _, c := range base {
		former[c.Key] = c
	}
	for range 20 {
		added := random.Batch(batchSize)
		sys.Step(added)
		var undo []store.Change
		for _, c := range added {
			undo = append(undo, store.Change{Key: c.Key, Object: former[c.Key].Object})
		}
		source.Shuffle(len(undo), func(i, j int) { undo[i], undo[j] = undo[j], undo[i] })
		sys.Step(undo)
		if !sameState(t, before, sys.state()) {
			t.FailNow()
		}
	}
}

// withGateways returns a configuration with which the random Gateways have their addresses, whatever they had before.
func withGateways(c config.Config) config.Config {
	c.Gateways.Addresses, c.Budgets.Addresses = []netip.Prefix{netip.MustParsePrefix(stagetest.GatewayAddresses)}, 0
	return c
}

// newRandom returns random edits that can be replayed with the flag -seed, and another source of randomness.
func newRandom(t *testing.T) (*stagetest.Random, *rand.Rand) {
	t.Helper()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay with: go test ./internal/pipeline -run '^%s$' -seed %d -edits %d", t.Name(), s, *edits)
	pairs := must(stagetest.Pairs())(t)
	return stagetest.NewRandom(rand.NewPCG(s, 1), pairs), rand.New(rand.NewPCG(s, 2))
}

// checkPublished checks the invariants for any input: no published resource is invalid, and all needs exist.
func checkPublished(t testing.TB, sys *system) {
	t.Helper()
	for _, r := range sys.table.Rejections() {
		t.Errorf("validation rejects %s, part %q: %s", r.Ref, r.Part, r.ErrorDetail)
	}
	for _, v := range sys.table.All() {
		for _, need := range v.Needs {
			if sys.table.Get(need) == nil {
				t.Errorf("%s needs %s, which does not exist", v.Ref, need)
			}
		}
	}
	checkClusters(t, sys)
	checkHeaders(t, sys)
	checkStatuses(t, sys)
}

// checkHeaders finds routes that set or remove a header of the connection, or of the framing of messages.
func checkHeaders(t testing.TB, sys *system) {
	t.Helper()
	for _, v := range sys.table.All() {
		if v.Ref.Type != table.Route {
			continue
		}
		var rc routev3.RouteConfiguration
		if err := proto.Unmarshal(v.Body(), &rc); err != nil {
			t.Fatal(err)
		}
		for _, name := range editedHeaders(t, &rc) {
			if problem := validate.EditableHeader(name); problem != "" {
				t.Errorf("%s edits %q, which %s", v.Ref, name, problem)
			}
		}
	}
}

// editedHeaders is the names of the headers that any part of a message sets or removes, those of filters included.
func editedHeaders(t testing.TB, m proto.Message) (names []string) {
	t.Helper()
	err := protorange.Range(m.ProtoReflect(), func(at protopath.Values) error {
		last := at.Index(-1)
		if last.Step.Kind() == protopath.FieldAccessStep && strings.HasSuffix(string(last.Step.FieldDescriptor().Name()), "_headers_to_remove") {
			for i := range last.Value.List().Len() {
				names = append(names, last.Value.List().Get(i).String())
			}
		}
		if message, ok := last.Value.Interface().(protoreflect.Message); ok {
			if option, ok := message.Interface().(*corev3.HeaderValueOption); ok {
				names = append(names, option.GetHeader().GetKey())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// checkClusters finds routes to clusters that do not exist, and names that are not unique.
func checkClusters(t testing.TB, sys *system) {
	t.Helper()
	for _, v := range sys.table.All() {
		if v.Ref.Type != table.Route {
			continue
		}
		var rc routev3.RouteConfiguration
		if err := proto.Unmarshal(v.Body(), &rc); err != nil {
			t.Fatal(err)
		}
		if vhs := rc.GetVirtualHosts(); len(vhs) == 1 && vhs[0].GetName() == "dispatch" { // dispatches to the shards, not to a cluster
			continue
		}
		domains := map[string]bool{}
		for _, vh := range rc.GetVirtualHosts() {
			for _, d := range vh.GetDomains() {
				if domains[d] {
					t.Errorf("%s has domain %s twice", v.Ref, d)
				}
				domains[d] = true
			}
			for _, name := range clustersOf(vh) {
				if name != "unresolved" && sys.table.Get(table.Ref{Type: table.Cluster, Name: name}) == nil {
					t.Errorf("%s refers to cluster %s, which does not exist", v.Ref, name)
				}
			}
		}
	}
}

func clustersOf(vh *routev3.VirtualHost) []string {
	var names []string
	for _, r := range vh.GetRoutes() {
		if c := r.GetRoute().GetCluster(); c != "" {
			names = append(names, c)
		}
		for _, w := range r.GetRoute().GetWeightedClusters().GetClusters() {
			names = append(names, w.GetName())
		}
	}
	return names
}

// checkStatuses finds HTTPProxies whose status contradicts their diagnostics, and incomplete diagnostics.
func checkStatuses(t testing.TB, sys *system) {
	t.Helper()
	for k, d := range values(sys.Status.Desired) {
		if d == nil || d.HTTPProxy() == nil {
			continue
		}
		hasErrors := false
		for _, x := range d.Diagnostics {
			hasErrors = hasErrors || x.Severity == report.Error
			if x.Object != k || x.Message == "" || x.Reason == "" || x.Type == "" {
				t.Errorf("%s has the diagnostic %+v", k, x)
			}
		}
		if valid := d.HTTPProxy().CurrentStatus == "valid"; valid == hasErrors {
			t.Errorf("%s is %s with the diagnostics %v", k, d.HTTPProxy().CurrentStatus, d.Diagnostics)
		}
	}
}
