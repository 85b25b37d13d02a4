package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// attack is what a hostile tenant does. Each function may be nil.
type attack struct {
	name string
	// create makes the objects.
	create func(context.Context, *tenant) error
	// edit changes them for the i-th time, at most rate times a second, one after another; a write that the API server
	// refuses is counted.
	edit func(ctx context.Context, t *tenant, i int) error
	rate float64
	// send is one action of clients of the tenant's hosts, sendRate times a second; it returns the kind of the answer.
	send     func(ctx context.Context, t *tenant, i int) string
	sendRate float64
	// after undoes what is not an object.
	after func(context.Context, *tenant) error
}

// attacks are all, in the order in which they run.
func attacks() []attack {
	return slices.Concat(controlAttacks(), expressionAttacks(), inclusionAttacks(), endpointAttacks(), secretAttacks(), tlsHostAttacks(),
		rejectionAttacks(), claimAttacks(), clientAttacks())
}

// Attacks are the names of all attacks.
func Attacks() (names []string) {
	for _, a := range attacks() {
		names = append(names, a.name)
	}
	return names
}

// chooseAttacks returns those with these names, or all.
func chooseAttacks(names []string) ([]attack, error) {
	for _, name := range names {
		if !slices.Contains(Attacks(), name) {
			return nil, fmt.Errorf("no attack %q; there are %s", name, strings.Join(Attacks(), ", "))
		}
	}
	return slices.DeleteFunc(attacks(), func(a attack) bool { return len(names) > 0 && !slices.Contains(names, a.name) }), nil
}

// tenant is the hostile one.
type tenant struct {
	*client
	bench  *bench
	victim *honest

	bundle []byte // of one attack

	mu     sync.Mutex
	report attackReport
}

// newTenant creates its namespace and a Service that answers.
func (b *bench) newTenant(ctx context.Context, victim *honest) (*tenant, error) {
	c := *b.client
	if err := c.createNamespace(ctx); err != nil {
		return nil, err
	}
	return &tenant{client: &c, bench: b, victim: victim}, nil
}

// takeReport returns what was done since the last call.
func (t *tenant) takeReport() attackReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.report
	t.report = attackReport{}
	return r
}

// carryOut creates, edits for the duration, and deletes.
func (t *tenant) carryOut(ctx context.Context, a attack, duration time.Duration) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	err := t.createBackend(ctx)
	if err == nil && a.create != nil {
		err = a.create(ctx, t)
	}
	var doing sync.WaitGroup
	if err == nil && a.send != nil {
		doing.Go(func() { t.sendSteadily(running, a) })
	}
	if err == nil && a.edit != nil {
		doing.Go(func() { t.editSteadily(running, a) })
	}
	err = errors.Join(err, pause(ctx, duration))
	cancel()
	doing.Wait()
	if a.after != nil {
		err = errors.Join(err, a.after(ctx, t))
	}
	return errors.Join(err, t.clear(ctx))
}

// editSteadily edits at the rate; what an API server that is slow does not manage is left out.
func (t *tenant) editSteadily(ctx context.Context, a attack) {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / a.rate))
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := a.edit(context.WithoutCancel(ctx), t, i)
		t.mu.Lock()
		if err == nil {
			t.report.writes++
		} else if t.report.refused++; t.report.firstRefusal == nil {
			t.report.firstRefusal = err
		}
		t.mu.Unlock()
	}
}

// maxSending bounds the hostile requests that wait for an answer.
const maxSending = 64

// sendSteadily sends at the rate, whatever the answers.
func (t *tenant) sendSteadily(ctx context.Context, a attack) {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / a.sendRate))
	defer ticker.Stop()
	slots := make(chan struct{}, maxSending)
	var sending sync.WaitGroup
	defer sending.Wait()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case slots <- struct{}{}:
		default:
			t.answered("not sent")
			continue
		}
		sending.Go(func() {
			defer func() { <-slots }()
			t.answered(a.send(ctx, t, i))
		})
	}
}

func (t *tenant) answered(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.report.answers == nil {
		t.report.answers = map[string]int{}
	}
	t.report.answers[kind]++
}

// clear deletes all objects of the tenant.
func (t *tenant) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deletionTimeout)
	defer cancel()
	var errs []error
	for _, k := range []kind{httpProxies, ingresses, secrets, endpointSlices} {
		if _, err := t.rest.Delete().AbsPath(t.path(k)...).DoRaw(ctx); err != nil {
			errs = append(errs, fmt.Errorf("delete all %s: %w", k.plural, err))
		}
	}
	return errors.Join(append(errs, t.clearServices(ctx))...)
}

// clearServices deletes them one by one: they have no deletion as a collection.
func (t *tenant) clearServices(ctx context.Context) error {
	answer, err := t.rest.Get().AbsPath(t.path(services)...).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("list services: %w", err)
	}
	var list struct{ Items []answered }
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("list services: %w", err)
	}
	for _, s := range list.Items {
		if err := ignoreMissing(t.delete(ctx, services, s.Metadata.Name)); err != nil {
			return err
		}
	}
	return nil
}

// backendService is the tenant's Service, whose endpoint is one of the backends of the benchmark.
const backendService = "s"

func (t *tenant) createBackend(ctx context.Context) error {
	w := *t.victim.workload
	w.client = t.client
	return w.createService(ctx, backendService, 0)
}

// host of a name; it contains the namespace.
func (t *tenant) host(name string) string { return name + "." + t.namespace + ".hostile.example" }

// proxy makes an HTTPProxy.
func (t *tenant) proxy(ctx context.Context, name string, spec object) error {
	return t.create(ctx, httpProxies, object{
		"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
		"metadata": object{"name": name}, "spec": t.bench.routing.classified(maps.Clone(spec)),
	})
}

// root makes an HTTPProxy with a host of its own.
func (t *tenant) root(ctx context.Context, name string, spec object) error {
	spec = maps.Clone(spec)
	if spec["virtualhost"] == nil {
		spec["virtualhost"] = object{"fqdn": t.host(name)}
	}
	return t.proxy(ctx, name, spec)
}

// replace changes one value of an object, at a JSON pointer.
func (t *tenant) replace(ctx context.Context, k kind, name, pointer string, value any) error {
	return t.replaceAll(ctx, k, name, map[string]any{pointer: value})
}

// replaceAll changes several.
func (t *tenant) replaceAll(ctx context.Context, k kind, name string, values map[string]any) error {
	var ops []object
	for _, pointer := range slices.Sorted(maps.Keys(values)) {
		ops = append(ops, object{"op": "replace", "path": pointer, "value": values[pointer]})
	}
	body, err := json.Marshal(ops)
	if err != nil {
		return fmt.Errorf("patch %s: %w", name, err)
	}
	_, err = t.patch(ctx, k, name, types.JSONPatchType, body)
	return err
}

// route is a route of an HTTPProxy to the tenant's Service.
func route(conditions ...object) object {
	return object{"conditions": conditions, "services": []any{object{"name": backendService, "port": servicePort}}}
}

// each makes n of something.
func each(n int, one func(i int) any) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = one(i)
	}
	return all
}
