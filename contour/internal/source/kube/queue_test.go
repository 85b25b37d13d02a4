package kube

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

func change(name string, version int) store.Change {
	return store.Change{
		Key:    kobj.Of(kobj.Service, "default", name),
		Object: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: fmt.Sprint(version)}},
	}
}

func drained(t *testing.T, q *queue) (out chan []store.Change) {
	t.Helper()
	out = make(chan []store.Change)
	ctx, cancel := context.WithCancel(t.Context())
	var draining sync.WaitGroup
	draining.Go(func() { q.drain(ctx, out) })
	t.Cleanup(func() { cancel(); draining.Wait() })
	return out
}

func TestFirstBatchIsSentEvenIfEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(kind.All())
		out := drained(t, q)
		if b := <-out; len(b) != 0 {
			t.Errorf("first batch %v", b)
		}
		synctest.Wait()
		select {
		case b := <-out:
			t.Errorf("an empty second batch %v", b)
		default:
		}
		q.put(change("a", 1))
		if b := <-out; len(b) != 1 {
			t.Errorf("batch %v", b)
		}
	})
}

func TestChangesWhileTheReceiverIsBusyAreOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(kind.All())
		out := drained(t, q)
		<-out
		for i := range 1000 {
			q.put(change("a", i))
			q.put(change(fmt.Sprint("b", i%10), i))
			if i%100 == 0 {
				synctest.Wait() // the changes are added to the offered batch
			}
		}
		deleted := change("b3", 0)
		deleted.Object = nil
		q.put(deleted)
		time.Sleep(deletionDelay) // of the bubble's clock
		synctest.Wait()
		b := <-out
		if len(b) != 11 || b[0].Key.Name.Name != "a" || b[0].Object.GetResourceVersion() != "999" {
			t.Fatalf("%d changes, the first %+v, want a and b0 to b9, the newest of each", len(b), b[0])
		}
		if b[4].Key.Name.Name != "b3" || b[4].Object != nil {
			t.Errorf("change %+v, want the deletion of b3", b[4])
		}
	})
}

// The deletion of a Service is delayed, so that it does not precede the change of an object that referred to it. It is
// dropped if the Service is created again within the delay.
func TestDeletionOfReferencedObjectIsDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(kind.All())
		out := drained(t, q)
		<-out
		deleted, recreated := change("deleted", 1), change("recreated", 1)
		deleted.Object, recreated.Object = nil, nil
		start := time.Now()
		q.put(deleted)
		q.put(recreated)
		q.put(change("other", 1))
		if b := <-out; len(b) != 1 || b[0].Key.Name.Name != "other" || time.Since(start) > 0 {
			t.Errorf("after %s: %+v, want the other change at once", time.Since(start), b)
		}
		q.put(change("recreated", 2))
		if b := <-out; len(b) != 1 || b[0].Object == nil {
			t.Errorf("%+v, want the object that is created again", b)
		}
		if b := <-out; len(b) != 1 || b[0].Key != deleted.Key || b[0].Object != nil || time.Since(start) != deletionDelay {
			t.Errorf("after %s: %+v, want the deletion", time.Since(start), b)
		}
		synctest.Wait()
		if len(q.delayed) != 0 || q.len() != 0 {
			t.Errorf("%v delayed, %d pending, want none", q.delayed, q.len())
		}
	})
}
