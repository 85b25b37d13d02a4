package store

import (
	"fmt"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// A Service with more than a few endpoints is counted, by a number that rarely changes.
func TestManyEndpoints(t *testing.T) {
	t.Parallel()
	s := New(memo.New(nil), config.Default())
	service := kobj.Name{Namespace: "a", Name: "s"}
	slice := func(i, endpoints int) Change {
		name := fmt.Sprint("slice-", i)
		o := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
			Namespace: "a", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "s"},
		}}
		o.Endpoints = make([]discoveryv1.Endpoint, endpoints)
		return Change{Key: kobj.Of(kobj.EndpointSlice, "a", name), Object: o}
	}
	gone := slice(2, 0)
	gone.Object = nil
	for _, step := range []struct {
		change Change
		want   int
	}{
		{slice(1, 12), 0}, {slice(2, 4), 0}, {slice(2, 5), 32}, {slice(1, 123), 128}, {slice(1, 1000), 1024}, {gone, 1024}, {slice(1, 16), 0},
	} {
		s.Apply([]Change{step.change})
		if got, _ := s.ManyEndpoints.Peek(service); got != step.want {
			t.Errorf("after %s: %d, want %d", step.change.Key, got, step.want)
		}
	}
}
