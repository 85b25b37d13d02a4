package app

import (
	"sync"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/xds/table"
)

// board is where the source and the pipeline leave news for the console. They never wait for it; what it
// has not taken yet is merged, so that it holds at most one state of each thing.
type board struct {
	changed chan struct{} // a value: there is news

	mu   sync.Mutex
	news news
}

// news is what changed since the last time.
type news struct {
	hosts    map[ir.HostKey]*ir.VirtualHost   // nil: not served any more
	said     map[kobj.Key][]report.Diagnostic // of the objects of which something else is said
	updated  int                              // xDS resources
	seq      uint64                           // of the last publish
	results  bool                             // the pipeline has come round at least once
	problems []dir.Problem                    // all
	refused  []table.Rejection                // all
	where    dir.Where
}

func newBoard() *board { return &board{changed: make(chan struct{}, 1)} }

// post changes the news.
func (b *board) post(f func(*news)) {
	b.mu.Lock()
	if b.news.hosts == nil {
		b.news.hosts, b.news.said = map[ir.HostKey]*ir.VirtualHost{}, map[kobj.Key][]report.Diagnostic{}
	}
	f(&b.news)
	b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// take hands over the news.
func (b *board) take() news {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.news
	b.news.hosts, b.news.said, b.news.updated = nil, nil, 0
	return n
}

func (b *board) files(batch dir.Batch) {
	b.post(func(n *news) { n.problems, n.where = batch.Problems, batch.Where })
}

func (b *board) result(r pipeline.Result, seq uint64, rejections []table.Rejection) {
	b.post(func(n *news) {
		n.seq, n.results, n.updated, n.refused = seq, true, n.updated+r.Published, rejections
		for _, h := range r.Hosts {
			n.hosts[h.Key] = nil
			if h.New != nil && !closed(*h.New) {
				n.hosts[h.Key] = *h.New
			}
		}
		for _, s := range r.Statuses {
			n.said[s.Key] = nil
			if s.New != nil && *s.New != nil {
				n.said[s.Key] = (*s.New).Diagnostics
			}
		}
	})
}

// closed reports whether the host is held only so that no other has it.
func closed(v *ir.VirtualHost) bool { return v != nil && v.TLS != nil && v.TLS.Refused }

// result is called by the pipeline.
func (a *standalone) result(r pipeline.Result) {
	a.board.result(r, a.table.Seq(), a.table.Rejections())
}
