package console

import (
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/xds/table"
)

// update is what has changed since the console printed last, and the present state of what is replaced as a whole.
type update struct {
	hosts       map[ir.HostKey]*ir.VirtualHost   // nil: not served any more
	diagnostics map[kobj.Key][]report.Diagnostic // of the objects whose diagnostics have changed
	resources   int                              // xDS resources set or removed
	seq         uint64                           // of the last publish
	published   bool                             // there was a publish
	problems    []dir.Problem                    // all
	rejections  []table.Rejection                // all
	positions   dir.Positions
}

// SetFiles records the problems of the files of the directory, and the positions of objects.
func (c *Console) SetFiles(b dir.Batch) {
	c.merge(func(u *update) { u.problems, u.positions = b.Problems, b.Positions })
}

// SetResult records what a turn of the pipeline has changed, the table's sequence number after it and everything that
// Envoy rejects.
func (c *Console) SetResult(r pipeline.Result, seq uint64, rejections []table.Rejection) {
	c.merge(func(u *update) {
		u.seq, u.published, u.resources, u.rejections = seq, true, u.resources+r.Published, rejections
		for _, h := range r.Hosts {
			u.hosts[h.Key] = nil
			if h.New != nil && !tlsRefused(*h.New) {
				u.hosts[h.Key] = *h.New
			}
		}
		for _, s := range r.Statuses {
			u.diagnostics[s.Key] = nil
			if s.New != nil && *s.New != nil {
				u.diagnostics[s.Key] = (*s.New).Diagnostics
			}
		}
	})
}

// tlsRefused reports whether the host closes every connection: it exists only to keep the hostname from others.
func tlsRefused(v *ir.VirtualHost) bool { return v != nil && v.TLS != nil && v.TLS.CloseConnections }

// merge changes the update that is printed next. It does not wait for printing.
func (c *Console) merge(change func(*update)) {
	c.mu.Lock()
	if c.next.hosts == nil {
		c.next.hosts, c.next.diagnostics = map[ir.HostKey]*ir.VirtualHost{}, map[kobj.Key][]report.Diagnostic{}
	}
	change(&c.next)
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// takeUpdate returns the update that is printed next, and starts another.
func (c *Console) takeUpdate() update {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.next
	c.next.hosts, c.next.diagnostics, c.next.resources = nil, nil, 0
	return u
}
