package app

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/settings"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// followed is a controller without a source that follows a file.
type followed struct {
	t      *testing.T
	path   string
	core   *core
	log    *logged
	follow *follower
	built  chan config.Config // each configuration that was taken over
}

func follow(t *testing.T, text string) *followed {
	t.Helper()
	f := &followed{t: t, path: filepath.Join(t.TempDir(), "contour.yaml"), log: &logged{}, built: make(chan config.Config, 10)}
	f.write(text)
	l := newLayers(pflag.NewFlagSet("", pflag.ContinueOnError), config.Default())
	l.path = f.path
	d, read, err := l.read()
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.build(d)
	if err != nil {
		t.Fatal(err)
	}
	f.core = newCore(c, slog.New(slog.NewTextHandler(f.log, nil)))
	f.follow = &follower{layers: &l, log: f.core.log, metrics: f.core.metrics, apply: func(ctx context.Context, c config.Config) bool {
		ok := f.core.pipeline.Reconfigure(ctx, c)
		f.built <- c
		return ok
	}}
	f.follow.begin(c, d)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	batches := make(chan []store.Change)
	running.Go(func() { _ = f.core.run(ctx, batches, func(pipeline.Result) {}) })
	running.Go(func() { _ = f.follow.followFile(ctx, read) })
	t.Cleanup(func() { cancel(); running.Wait() })
	batches <- nil
	return f
}

func (f *followed) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path+".new", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		f.t.Fatal(err)
	}
}

// listener is the resource of the HTTP listener after all that was taken over, as text.
func (f *followed) listener() string {
	f.t.Helper()
	var body string
	f.core.pipeline.Inspect(f.t.Context(), func(*pipeline.Pipeline) {
		for _, v := range f.core.fleets.Get(ir.DefaultFleet).All() {
			if v.Ref == (table.Ref{Type: table.Listener, Name: "ingress_http"}) {
				body = string(v.Body())
			}
		}
	})
	return body
}

// A change of the file is taken over while the controller runs; a broken one leaves the last good one in force, and both
// are counted. What has no effect, or none before a restart, is said.
func TestFileIsFollowed(t *testing.T) {
	t.Parallel()
	f := follow(t, "featureFlags: [a]\n")
	if !strings.Contains(f.log.String(), "featureFlags") {
		t.Errorf("a setting without effect is not in the log: %s", f.log)
	}
	f.write("accesslog-format: json\njson-fields: [\"followed=%PROTOCOL%\"]\nmetrics:\n  contour: {port: 9999}\n")
	c := f.next()
	if c.AccessLog.Format != "json" || !strings.Contains(f.listener(), "followed") {
		t.Errorf("%+v; the listener does not log so", c.AccessLog)
	}
	f.says("restart the controller")
	f.write("accesslog-format: xml\n")
	f.says(f.path + ":1: accesslog-format")
	f.write("")
	f.says("The file is empty")
	if !strings.Contains(f.listener(), "followed") {
		t.Error("a broken file has changed the listener")
	}
	f.write("timeouts: {request-timeout: 7s}\n")
	if c := f.next(); c.Timeouts.Request.Duration != 7*time.Second || strings.Contains(f.listener(), "followed") {
		t.Errorf("%+v; the listener logs as before", c.Timeouts)
	}
	f.says("configuration has changed")
	want := `
# HELP contour_configuration_reloads_total Changes of the configuration file or object, by outcome (applied or rejected).
# TYPE contour_configuration_reloads_total counter
contour_configuration_reloads_total{outcome="applied"} 2
contour_configuration_reloads_total{outcome="rejected"} 2
`
	if err := testutil.GatherAndCompare(f.core.metrics.Registry, strings.NewReader(want), "contour_configuration_reloads_total", "contour_configuration_setting_without_effect"); err != nil {
		t.Error(err)
	}
}

// next is the next configuration that is taken over.
func (f *followed) next() config.Config {
	f.t.Helper()
	select {
	case c := <-f.built:
		return c
	case <-time.After(time.Minute):
		f.t.Fatalf("no change was taken over: %s", f.log)
		return config.Config{}
	}
}

// says waits for a text in the log.
func (f *followed) says(text string) {
	f.t.Helper()
	for end := time.After(time.Minute); !strings.Contains(f.log.String(), text); {
		select {
		case <-end:
			f.t.Fatalf("%q is not in the log: %s", text, f.log)
		case <-time.After(time.Millisecond):
		}
	}
}

// A flag that overrides what the file sets is named, and one that agrees with it is not.
func TestOverridingFlags(t *testing.T) {
	t.Parallel()
	d, err := settings.File("f", []byte("accesslog-format: json\ningress-status-address: 192.0.2.1\n"))
	if err != nil {
		t.Fatal(err)
	}
	f := serving(t, "--accesslog-format=envoy", "--ingress-status-address=192.0.2.1", "--root-namespaces=a")
	if diff := cmp.Diff([]string{"--accesslog-format"}, f.overriding(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An object that is deleted and created again is applied, although its generation is 1 again.
func TestCreatedAgain(t *testing.T) {
	t.Parallel()
	f := follow(t, "")
	o := newOperatorObject(nil, kobj.Name{Namespace: "projectcontour", Name: "contour"})
	object := func(uid types.UID, format v1alpha1.AccessLogType) *v1alpha1.ContourConfiguration {
		c := &v1alpha1.ContourConfiguration{ObjectMeta: metav1.ObjectMeta{UID: uid, Generation: 1}}
		c.Spec.Envoy = &v1alpha1.EnvoyConfig{Logging: &v1alpha1.EnvoyLogging{AccessLogFormat: format}}
		return c
	}
	first := object("a", "json")
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = o.follow(ctx, f.follow, specVersionOf(first)) })
	t.Cleanup(func() { cancel(); running.Wait() })
	o.changes <- first // as the controller started with it
	o.changes <- nil
	o.changes <- object("b", "json")
	if c := f.next(); c.AccessLog.Format != "json" {
		t.Errorf("%+v, want the format of the object that was created again", c.AccessLog)
	}
	o.changes <- object("c", "envoy") // without the deletion having been seen
	if c := f.next(); c.AccessLog.Format != "envoy" {
		t.Errorf("%+v, want the format of the third object", c.AccessLog)
	}
}

// The status of the object says what is wrong, what has no effect, and what waits for a restart.
func TestConditionsOfTheObject(t *testing.T) {
	t.Parallel()
	d := settings.Object("o", v1alpha1.ContourConfigurationSpec{FeatureFlags: []string{"useEndpointSlices=true"}})
	good := conditions(3, outcome{missing: d.Ignored(), restart: []string{"xDS server"}})[0]
	if good.Type != "Valid" || good.Status != "True" || good.ObservedGeneration != 3 || len(good.Warnings) != 2 || len(good.Errors) != 0 {
		t.Errorf("%+v", good)
	}
	if w := good.Warnings; !strings.Contains(w[0].Message, "spec.featureFlags") || !strings.Contains(w[1].Message, "xDS server") {
		t.Errorf("%+v", w)
	}
	_, err := settings.Object("o", v1alpha1.ContourConfigurationSpec{Envoy: &v1alpha1.EnvoyConfig{DefaultHTTPVersions: []v1alpha1.HTTPVersionType{"HTTP/3"}}}).Apply(config.Default())
	if bad := conditions(3, outcome{err: err})[0]; bad.Status != "False" || len(bad.Errors) != 1 || !strings.Contains(bad.Errors[0].Message, "spec.envoy.defaultHTTPVersions") {
		t.Errorf("%+v", bad)
	}
}
