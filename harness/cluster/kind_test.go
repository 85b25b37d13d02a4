//go:build kind

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"contour.example/harness/asset"
	"contour.example/harness/buildcache"
	"contour.example/harness/cluster"
	"contour.example/harness/clusterimage"
	"contour.example/harness/docker"
	"contour.example/harness/image"
	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/progress"
)

// output writes to the test's log.
type output struct{ t *testing.T }

func (o output) Write(b []byte) (int, error) {
	o.t.Logf("%s", b)
	return len(b), nil
}

// newKind prepares everything that a cluster needs.
func newKind(t *testing.T, name string) (*cluster.Kind, clusterimage.Source) {
	t.Helper()
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := buildcache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	log := progress.Log{W: output{t}}
	engine, err := docker.Ensure(t.Context(), filepath.Join(cache, "docker"), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := engine.Output(context.Background(), "ps", "--quiet"); err == nil && left == "" {
			err = engine.Stop(context.Background())
			if err != nil {
				t.Error(err)
			}
		}
	})
	source := clusterimage.Source{Builder: clusterimage.Builder{Cache: cache, Root: root, Log: log}, Engine: engine}
	k := &cluster.Kind{Name: name, Dir: t.TempDir(), Workers: 1, Engine: engine, Log: log}
	if k.NodeImage, k.NoCNI, err = source.Node(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.AddressWriter, k.Images = true, func(ctx context.Context, load cluster.Load) error {
		archive, err := source.Archive(ctx, image.AddressesName, k.Dir)
		if err != nil {
			return err
		}
		return load(ctx, archive)
	}
	return k, source
}

func TestKindServesRequests(t *testing.T) {
	k, source := newKind(t, "contour-test")
	c, err := k.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Delete(context.Background()); err != nil {
			t.Error(err)
		}
		nothingLeft(t, k)
	})
	if _, err := k.Create(t.Context()); !errors.Is(err, cluster.ErrExists) {
		t.Errorf("the same cluster once more: %v, want %v", err, cluster.ErrExists)
	}
	archive, err := source.Archive(t.Context(), image.EchoName, k.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Load(t.Context(), archive); err != nil {
		t.Fatal(err)
	}
	client, err := kube.New(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "echo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ApplyYAML(t.Context(), "default", string(text)); err != nil {
		t.Fatal(err)
	}
	balanced, err := c.Address(t.Context(), "default", "echo", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	answers(t, fmt.Sprintf("http://%s/", balanced))
	worker, err := k.NodeAddress(k.Name + "-worker")
	if err != nil {
		t.Fatal(err)
	}
	answers(t, fmt.Sprintf("http://%s:8088/", worker))
}

// answers waits until the URL answers 200 for the first time; then 20 more requests must succeed.
func answers(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(ctx context.Context) (bool, string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, "", err
		}
		response, err := client.Do(request)
		if err != nil {
			return false, err.Error(), nil
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK, response.Status, nil
	}
	if err := poll.Until(t.Context(), time.Minute, url, get); err != nil {
		t.Error(err)
		return
	}
	for range 20 {
		if ok, observation, err := get(t.Context()); !ok || err != nil {
			t.Errorf("%s: %s, %v", url, observation, err)
		}
	}
}

// nothingLeft looks for containers and files of the cluster.
func nothingLeft(t *testing.T, k *cluster.Kind) {
	t.Helper()
	left, err := k.Engine.Output(context.Background(), "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster="+k.Name)
	if left != "" || err != nil {
		t.Errorf("containers %q, %v", left, err)
	}
	if volumes, err := k.Engine.Output(context.Background(), "volume", "ls", "--quiet", "--filter", "dangling=true"); volumes != "" && k.Engine.Started || err != nil {
		t.Errorf("volumes %q, %v", volumes, err)
	}
}

func TestKindIsRemovedWhenItsContextEnds(t *testing.T) {
	k, _ := newKind(t, "contour-cancel")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := k.Create(ctx)
		ended <- err
	}()
	err := poll.Until(t.Context(), time.Minute, "first node", func(ctx context.Context) (bool, string, error) {
		nodes, err := k.Engine.Output(ctx, "ps", "--quiet", "--filter", "label=io.x-k8s.kind.cluster="+k.Name)
		return nodes != "", "none", err
	})
	cancel()
	if err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	nothingLeft(t, k)
}

func TestImagesThatFailEndTheNodes(t *testing.T) {
	k, _ := newKind(t, "contour-images")
	broken := errors.New("broken")
	k.Images = func(ctx context.Context, _ cluster.Load) error {
		return errors.Join(broken, poll.Until(ctx, time.Minute, "first node", func(ctx context.Context) (bool, string, error) {
			nodes, err := k.Engine.Output(ctx, "ps", "--quiet", "--filter", "label=io.x-k8s.kind.cluster="+k.Name)
			return nodes != "", "none", err
		}))
	}
	if _, err := k.Create(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	nothingLeft(t, k)
}
