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

// world is the objects of the benchmark.
//
// Two backends answer for all Services, one for the even ones, one for the odd ones, so that an answer
// tells whether an edit has arrived. Object i leads its first path to Service i (modulo their number)
// and its second path to the Service beside that one (even to odd and odd to even).
type world struct {
	client   *client
	routing  routing
	services int // even
	backends [2]*backend.Server

	// second is the Service of each object's second route; one goroutine at a time edits.
	second []int
}

// setupWriters is how many clients make the Services at a time.
const setupWriters = 16

// newWorld starts the backends and makes the Services with their endpoints.
func newWorld(ctx context.Context, c *client, r routing, n int, addresses [2]netip.AddrPort) (*world, error) {
	w := &world{client: c, routing: r, services: max(1, n/20) * 2, second: make([]int, n)}
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

func (w *world) close() {
	for _, server := range w.backends {
		if server != nil {
			_ = server.Close()
		}
	}
}

func backendName(i int) string { return fmt.Sprintf("backend-%d", i%2) }
func serviceName(i int) string { return fmt.Sprintf("s-%d", i) }
func objectName(i int) string  { return fmt.Sprintf("p-%d", i) }

// host of an object; the namespace keeps it apart from those of others.
func (w *world) host(name string) string { return name + "." + w.client.namespace + ".example" }

// service describes a Service that leads to one of the two backends.
func (w *world) service(name string, server int) backend.ServiceSpec {
	return backend.ServiceSpec{Name: name, Port: servicePort, Servers: []*backend.Server{w.backends[server]}}
}

func (w *world) createService(ctx context.Context, name string, server int) error {
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

// moveService leads a Service to the other backend, by its endpoints only.
func (w *world) moveService(ctx context.Context, name string, server int) error {
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
func (w *world) deleteService(ctx context.Context, name string) error {
	return errors.Join(
		w.client.delete(ctx, services, name),
		w.client.delete(ctx, endpointSlices, w.service(name, 0).SliceName(0)))
}

// warmUp creates and deletes an object: the first of its kind costs the API server much more than all others.
func (w *world) warmUp(ctx context.Context) error {
	const name = "warm-up"
	if err := w.createRoute(ctx, w.plain(name, 0, 1)); err != nil {
		return err
	}
	return w.deleteRoute(ctx, name)
}

// create makes object i of those that are loaded.
func (w *world) create(ctx context.Context, i int) error {
	first := i % w.services
	w.second[i] = first ^ 1
	return w.createRoute(ctx, w.plain(objectName(i), first, first^1))
}

// plain describes a host without TLS that leads to two of the Services.
func (w *world) plain(name string, first, second int) routed {
	return routed{name: name, host: w.host(name), first: serviceName(first), second: serviceName(second)}
}

func (w *world) createRoute(ctx context.Context, o routed) error {
	return w.client.create(ctx, w.routing.kind(), w.routing.object(o))
}

// edit leads the second route of object i to the Service beside the one that it has; it returns the new generation.
func (w *world) edit(ctx context.Context, i int) (generation int64, err error) {
	next := w.second[i] ^ 1
	if generation, err = w.editRoute(ctx, objectName(i), serviceName(next)); err != nil {
		return 0, err
	}
	w.second[i] = next
	return generation, nil
}

func (w *world) editRoute(ctx context.Context, name, second string) (generation int64, err error) {
	body, err := w.routing.edit(second)
	if err != nil {
		return 0, fmt.Errorf("edit %s: %w", name, err)
	}
	return w.client.patch(ctx, w.routing.kind(), name, types.JSONPatchType, body)
}

func (w *world) deleteRoute(ctx context.Context, name string) error {
	return w.client.delete(ctx, w.routing.kind(), name)
}

// wants is what the second route of object i answers.
func (w *world) wants(i int) want {
	return want{host: w.host(objectName(i)), path: secondPath, backend: backendName(w.second[i])}
}

// wantsSeries is what the second route of an object of a series answers: these lead to an odd Service.
func (w *world) wantsSeries(scenario string, i int) want {
	return want{host: w.host(nth(scenario, i)), path: secondPath, backend: backendName(1)}
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
