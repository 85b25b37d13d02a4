package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"contour.example/harness/backend"
)

// workload is the objects of the benchmark.
//
// Two backends answer for all Services, one for the even ones, one for the odd ones, so that an answer
// shows whether an edit is effective. The first path of object i routes to Service i (modulo their number)
// and its second path to the Service beside that one (even to odd and odd to even).
type workload struct {
	client   *client
	routing  routing
	services int // even
	backends [2]*backend.Server

	// second is the Service of each object's second route; one goroutine at a time edits.
	second []int
}

// setupWriters is how many clients make the Services at a time.
const setupWriters = 16

// newWorkload starts the backends and creates the Services with their endpoints.
func newWorkload(ctx context.Context, c *client, r routing, n int, addresses [2]netip.AddrPort) (*workload, error) {
	w := &workload{client: c, routing: r, services: max(1, n/20) * 2, second: make([]int, n)}
	for i, address := range addresses {
		server, err := backend.HTTP(backend.Options{Service: backendName(i), Listen: address})
		if err != nil {
			w.close()
			return nil, fmt.Errorf("backend: %w", err)
		}
		w.backends[i] = server
	}
	err := parallel(ctx, setupWriters, w.services, func(ctx context.Context, i int) error {
		return w.createService(ctx, serviceName(i), i%2)
	})
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *workload) close() {
	for _, server := range w.backends {
		if server != nil {
			_ = server.Close()
		}
	}
}

func backendName(i int) string { return fmt.Sprintf("backend-%d", i%2) }
func serviceName(i int) string { return fmt.Sprintf("s-%d", i) }
func objectName(i int) string  { return fmt.Sprintf("p-%d", i) }

// host of an object; it contains the namespace, so that it differs from those of other runs.
func (w *workload) host(name string) string {
	if w.routing.shared {
		name = "shared"
	}
	return name + "." + w.client.namespace + ".example"
}

// below is the path that those of an object are below.
func (w *workload) below(name string) string {
	if w.routing.shared {
		return "/" + name
	}
	return ""
}

// want is the expected answer of the second route of an object: that of a backend, or with "", that of no route.
func (w *workload) want(name, backend string) want {
	return want{host: w.host(name), path: w.below(name) + secondPath, backend: backend}
}

// service describes a Service whose endpoint is one of the two backends.
func (w *workload) service(name string, server int) backend.ServiceSpec {
	return backend.ServiceSpec{Name: name, Port: servicePort, Servers: []*backend.Server{w.backends[server]}}
}

func (w *workload) createService(ctx context.Context, name string, server int) error {
	objects, err := w.service(name, server).Objects()
	if err != nil {
		return err
	}
	for i, k := range []kind{services, endpointSlices} {
		if err := w.client.create(ctx, k, objects[i].Object); err != nil {
			return err
		}
	}
	return nil
}

// moveService changes the backend of a Service, by its endpoints only.
func (w *workload) moveService(ctx context.Context, name string, server int) error {
	spec := w.service(name, server)
	objects, err := spec.Objects()
	if err != nil {
		return err
	}
	slice := objects[1].Object
	body, err := json.Marshal(object{"endpoints": slice["endpoints"], "ports": slice["ports"]})
	if err != nil {
		return fmt.Errorf("endpoints of %s: %w", name, err)
	}
	_, err = w.client.patch(ctx, endpointSlices, spec.SliceName(0), types.MergePatchType, body)
	return err
}

// deleteService deletes the Service and, as its controllers do then, its endpoints.
func (w *workload) deleteService(ctx context.Context, name string) error {
	return errors.Join(
		w.client.delete(ctx, services, name),
		w.client.delete(ctx, endpointSlices, w.service(name, 0).SliceName(0)))
}

// warmUp creates and deletes an object: the first of its kind costs the API server much more than all others.
func (w *workload) warmUp(ctx context.Context) error {
	const name = "warm-up"
	if err := w.createRoute(ctx, w.withoutTLS(name, 0, 1)); err != nil {
		return err
	}
	return w.deleteRoute(ctx, name)
}

// create makes object i of those that are loaded.
func (w *workload) create(ctx context.Context, i int) error {
	first := i % w.services
	w.second[i] = first ^ 1
	return w.createRoute(ctx, w.withoutTLS(objectName(i), first, first^1))
}

// withoutTLS describes a host without TLS that routes to two of the Services.
func (w *workload) withoutTLS(name string, first, second int) routed {
	return routed{name: name, host: w.host(name), below: w.below(name), first: serviceName(first), second: serviceName(second)}
}

func (w *workload) createRoute(ctx context.Context, o routed) error {
	return w.client.create(ctx, w.routing.kind(), w.routing.object(o))
}

// edit changes the second route of object i to the Service beside the one that it has; it returns the new generation.
func (w *workload) edit(ctx context.Context, i int) (generation int64, err error) {
	next := w.second[i] ^ 1
	if generation, err = w.editRoute(ctx, objectName(i), serviceName(next)); err != nil {
		return 0, err
	}
	w.second[i] = next
	return generation, nil
}

func (w *workload) editRoute(ctx context.Context, name, second string) (generation int64, err error) {
	body, err := w.routing.edit(second)
	if err != nil {
		return 0, fmt.Errorf("edit %s: %w", name, err)
	}
	return w.client.patch(ctx, w.routing.kind(), name, types.JSONPatchType, body)
}

func (w *workload) deleteRoute(ctx context.Context, name string) error {
	return w.client.delete(ctx, w.routing.kind(), name)
}

// wants is the expected answer of the second route of object i.
func (w *workload) wants(i int) want { return w.want(objectName(i), backendName(w.second[i])) }

// wantsSeries is the expected answer of the second route of an object of a series: it routes to an odd Service.
func (w *workload) wantsSeries(scenario string, i int) want {
	return w.want(nth(scenario, i), backendName(1))
}

// parallel calls do for 0 to n-1, in this order but several at a time; the first error ends it.
func parallel(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	group.Wait()
	return context.Cause(ctx)
}
