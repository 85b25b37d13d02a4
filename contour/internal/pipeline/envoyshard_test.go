//go:build envoy

package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"contour.example/contour/internal/store"
)

// HTTP hosts are sharded, and no longer sharded, while clients send requests: no request fails, and no connection, each of
// which is kept alive, is closed.
func TestReshardingIsHitlessOnEnvoy(t *testing.T) {
	const hosts, clients, switches = 40, 4, 30
	f := startFleet(t)
	var batch []store.Change
	for i := range hosts {
		batch = append(batch, change(proxy(i))...)
		batch = append(batch, change(service(i))...)
		batch = append(batch, change(f.local(t, slice(i, "127.0.0.1")))...)
	}
	f.sys.Step(batch)
	f.waitIdle(t)
	f.switched(t, hosts, clients, switches, func(i int) {
		f.config.RouteTables.Hosts = []int{0, hosts}[i%2]
		f.sys.Configure(f.config)
	})
}

// switched makes n changes, one after the other, each while clients send requests to the first hosts, and requires that none of the requests
// failed, and that each client kept its connection.
func (f *fleet) switched(t *testing.T, hosts, clients, n int, change func(i int)) {
	t.Helper()
	var wg sync.WaitGroup
	stop, requests := make(chan struct{}), &atomic.Int64{}
	results := make([]tally, clients)
	for i := range results {
		wg.Go(func() { results[i] = f.request(hosts, stop, requests) })
	}
	for i := range n {
		change(i)
		f.waitIdle(t)
		enough := requests.Load() + int64(hosts)
		if !eventually(func() bool { return requests.Load() >= enough }) {
			t.Fatal("timeout waiting for requests")
		}
	}
	close(stop)
	wg.Wait()
	for _, r := range results {
		if r.failed != "" || r.connections != 1 || r.requests < n {
			t.Errorf("%d requests, %d connections; failed: %s", r.requests, r.connections, r.failed)
		}
	}
}

// tally is the result of one client.
type tally struct {
	requests, connections int
	failed                string // the first failure
}

// request sends requests to one host after the other until stop is closed, and counts the responses.
func (f *fleet) request(hosts int, stop <-chan struct{}, count *atomic.Int64) (r tally) {
	dialer := &net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		r.connections++
		return dialer.DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	for {
		select {
		case <-stop:
			return r
		default:
		}
		host := fmt.Sprintf("host-%d.example.com", r.requests%hosts)
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s:%d/", f.config.Listeners.HTTP.Host, f.config.Listeners.HTTP.Port), http.NoBody)
		if err != nil {
			r.failed = err.Error()
			return r
		}
		request.Host = host
		response, err := transport.RoundTrip(request)
		r.requests++
		if err != nil || response.StatusCode != http.StatusOK {
			r.failed = fmt.Sprint(host, response, err)
			return r
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			r.failed = err.Error()
			return r
		}
		count.Add(1)
	}
}
