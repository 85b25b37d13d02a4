package drain_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/drain"
)

var errConnectionRefused = errors.New("connection refused")

// fakeEnvoy records the times of its calls. Its connections are those of the first count, the second and so on; the last stay.
type fakeEnvoy struct {
	start       time.Time
	log         []string
	failsFirst  int // attempts to make the readiness fail
	connections []int
	exited      bool
}

func (f *fakeEnvoy) note(what string) {
	f.log = append(f.log, fmt.Sprintf("%s %s", time.Since(f.start), what))
}

func (f *fakeEnvoy) Fail(context.Context) error {
	f.note("fail")
	if f.failsFirst--; f.exited || f.failsFirst >= 0 {
		return errConnectionRefused
	}
	return nil
}

func (f *fakeEnvoy) Open(context.Context) (int, error) {
	open := f.connections[0]
	if len(f.connections) > 1 {
		f.connections = f.connections[1:]
	}
	if open < 0 {
		f.note("open ?")
		return 0, errConnectionRefused
	}
	f.note(fmt.Sprint("open ", open))
	return open, nil
}

func (f *fakeEnvoy) Close(ctx context.Context) error {
	f.note("close")
	return ctx.Err()
}

func TestRun(t *testing.T) {
	t.Parallel()
	options := drain.Options{Delay: 2 * time.Second, CheckDelay: 10 * time.Second, Interval: 5 * time.Second, Timeout: time.Minute}
	for name, test := range map[string]struct {
		envoy   fakeEnvoy
		minOpen int
		want    drain.Result
		wantErr error
		wantLog []string
	}{
		"readiness fails first, listeners close last": {
			envoy:   fakeEnvoy{connections: []int{3, 1, 0}},
			wantLog: []string{"2s fail", "12s open 3", "17s open 1", "22s open 0", "22s close", "22s open 0"},
		},
		"some connections may be left": {
			envoy: fakeEnvoy{connections: []int{3, 1, 0}}, minOpen: 1,
			wantLog: []string{"2s fail", "12s open 3", "17s open 1", "17s close", "17s open 0"},
		},
		"an attempt that fails is repeated": {
			envoy:   fakeEnvoy{connections: []int{-1, -1, 2, -1, -1, 0}, failsFirst: 2},
			wantLog: []string{"2s fail", "2.2s fail", "3.2s fail", "13.2s open ?", "18.2s open ?", "23.2s open 2", "28.2s open ?", "33.2s open ?", "38.2s open 0", "38.2s close", "38.2s open 0"},
		},
		"a connection that is accepted before the listeners close is waited for": {
			envoy:   fakeEnvoy{connections: []int{0, 2, 0}},
			wantLog: []string{"2s fail", "12s open 0", "12s close", "12s open 2", "17s open 0"},
		},
		"an Envoy that does not answer is not waited for": {
			envoy:   fakeEnvoy{exited: true},
			wantErr: errConnectionRefused,
			wantLog: []string{"2s fail", "2.2s fail", "3.2s fail", "8.2s fail"},
		},
		"an Envoy that ends is not waited for": {
			envoy:   fakeEnvoy{connections: []int{4, -1}},
			want:    drain.Result{Open: 4},
			wantErr: errConnectionRefused,
			wantLog: []string{"2s fail", "12s open 4", "17s open ?", "22s open ?", "27s open ?"},
		},
		"connections that stay are cut at the limit": {
			envoy: fakeEnvoy{connections: []int{7}},
			want:  drain.Result{Open: 7, Late: true},
			wantLog: []string{
				"2s fail", "12s open 7", "17s open 7", "22s open 7", "27s open 7", "32s open 7",
				"37s open 7", "42s open 7", "47s open 7", "52s open 7", "57s open 7", "1m0s close",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				envoy, o, counts := test.envoy, options, 0
				envoy.start, o.MinOpen, o.Observe = time.Now(), test.minOpen, func(int, error) { counts++ }
				got, err := drain.Run(t.Context(), &envoy, o)
				if !errors.Is(err, test.wantErr) {
					t.Errorf("got error %v, want %v", err, test.wantErr)
				}
				if d := cmp.Diff(test.want, got); d != "" {
					t.Errorf("result (-want +got):\n%s", d)
				}
				if d := cmp.Diff(test.wantLog, envoy.log); d != "" {
					t.Errorf("calls (-want +got):\n%s", d)
				}
				if len(test.envoy.connections) > 0 && counts == 0 {
					t.Error("Observe was not called")
				}
			})
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		envoy := &fakeEnvoy{start: time.Now(), connections: []int{1}}
		r, err := drain.Run(ctx, envoy, drain.Options{Interval: time.Second, Timeout: time.Minute})
		if !errors.Is(err, context.DeadlineExceeded) || r.Late {
			t.Errorf("got %+v, %v, want the error of the context", r, err)
		}
		if took := time.Since(envoy.start); took != 7*time.Second {
			t.Errorf("took %s, want 7s", took)
		}
	})
}
