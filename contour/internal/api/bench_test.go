package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"contour.example/contour/internal/api"
	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/store"
)

// BenchmarkEdits edits one of 10,000 proxies at a time, in alternating rounds of 100: alone; while another goroutine uses as much of the processors and of
// memory as readers do, without the controller; and while every list is read page by page and requests are explained in a loop. It reports the
// time until an edit is published and known, in milliseconds: the median and the 99th percentile of each. What pages cost edits is
// the difference of the last two; that of the first two is the machine's.
func BenchmarkEdits(b *testing.B) {
	const hosts, round = 10_000, 100
	c := start(b, hosts, func(p *pipeline.Pipeline, _ inspector) inspector {
		return func(ctx context.Context, f func(api.View)) bool {
			return p.Inspect(ctx, func(p *pipeline.Pipeline) { f(view(p)) })
		}
	})
	batches, done := make(chan []store.Change), make(chan struct{})
	go c.pipeline.Run(b.Context(), batches, nil, func(r pipeline.Result) {
		c.record(r)
		done <- struct{}{}
	})
	names := []string{"alone", "busy", "read"}
	took := map[string][]time.Duration{}
	pages := 0
	for n := 0; b.Loop(); n++ {
		what := names[n%len(names)]
		ctx, stop := context.WithCancel(b.Context())
		var readers sync.WaitGroup
		switch what {
		case "busy":
			readers.Go(func() { encode(ctx) })
			readers.Go(func() { encode(ctx) })
		case "read":
			readers.Go(func() { pages += c.readAll(ctx) })
		}
		for i := range round {
			time.Sleep(5 * time.Millisecond)
			began := time.Now()
			batches <- []store.Change{proxy(i*97, fmt.Sprint("/", n))}
			<-done
			took[what] = append(took[what], time.Since(began))
		}
		stop()
		readers.Wait()
	}
	for _, name := range names {
		all := took[name]
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
	b.ReportMetric(float64(pages)/float64(max(1, len(took["read"])/round)), "pages/round")
}

// readAll reads pages until the context ends, and returns their number.
func (c *controller) readAll(ctx context.Context) (pages int) {
	paths := append(lists(), "explain?url=http://p00007.example.com/")
	for ctx.Err() == nil {
		for _, path := range paths {
			for next := path; next != "" && ctx.Err() == nil; {
				pages++
				next = c.nextPage(ctx, path, next)
			}
		}
	}
	return pages
}

// nextPage reads a page and returns the path of the next one, "" after the last.
func (c *controller) nextPage(ctx context.Context, path, page string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.URL+"/api/v1/"+page, http.NoBody)
	if err != nil {
		return ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	var list apiv1.List[struct{}]
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil || list.Page == nil || list.Page.Continue == "" {
		return ""
	}
	separator := "?"
	if slices.Contains([]byte(path), '?') {
		separator = "&"
	}
	return path + separator + "continue=" + list.Page.Continue
}

// encode encodes and decodes a page in a loop until the context ends.
func encode(ctx context.Context) {
	list := apiv1.List[apiv1.Change]{Items: make([]apiv1.Change, 500)}
	for ctx.Err() == nil {
		text, err := json.Marshal(list)
		if err == nil {
			err = json.Unmarshal(text, &list)
		}
		if err != nil {
			return
		}
	}
}
