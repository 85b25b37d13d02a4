package store

import (
	"math/bits"

	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// FewEndpoints is up to how many endpoints of a Service do not count: so that most changes of endpoints change no count.
const FewEndpoints = 16

// endpointCount is the endpoints of one EndpointSlice of a Service.
type endpointCount struct {
	service kobj.Name
	number  int
}

// countEndpoints keeps ManyEndpoints. The counts are sums, so that a change of an EndpointSlice costs no look at the others.
func (s *Store) countEndpoints(e *memo.Engine) {
	s.ManyEndpoints = memo.NewInput[kobj.Name](e, "store/many endpoints", func(a, b int) bool { return a == b })
	sums := map[kobj.Name]int{}
	memo.Follow(s.slices.Input, func(_ kobj.Name, o *discoveryv1.EndpointSlice) []endpointCount {
		service, ok := s.slices.kind.Owner(o)
		if !ok || len(o.Endpoints) == 0 {
			return nil
		}
		return []endpointCount{{service, len(o.Endpoints)}}
	}, func(c endpointCount, present bool) {
		if present {
			sums[c.service] += c.number
		} else if sums[c.service] -= c.number; sums[c.service] == 0 {
			delete(sums, c.service)
		}
		if n := sums[c.service]; n > FewEndpoints {
			s.ManyEndpoints.Set(c.service, 1<<bits.Len(uint(n-1)))
		} else {
			s.ManyEndpoints.Delete(c.service)
		}
	})
}
