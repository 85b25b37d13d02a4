//go:build kind

package kind

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// lookout is the interval at which the controllers' pods are observed.
const lookout = 500 * time.Millisecond

// watch records all controllers, deleted ones included: their logs, as files, and their restarts.
type watch struct {
	api       kubernetes.Interface
	namespace string
	dir       string
	stop      func()

	mu       sync.Mutex
	restarts map[string]int32 // by name of the pod
}

// watchPods starts with those of the namespace; each pod has a file in dir.
func watchPods(ctx context.Context, api kubernetes.Interface, namespace, dir string) (*watch, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{api: api, namespace: namespace, dir: dir, restarts: map[string]int32{}}
	var done sync.WaitGroup
	w.stop = func() { cancel(); done.Wait() }
	done.Go(func() { w.run(ctx, &done) })
	return w, nil
}

func (w *watch) run(ctx context.Context, done *sync.WaitGroup) {
	known := map[types.UID]bool{}
	for ctx.Err() == nil {
		pods, err := w.api.CoreV1().Pods(w.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=contour"})
		if err == nil { // otherwise it is retried, as after an outage
			for _, pod := range pods.Items {
				w.note(pod)
				if !known[pod.UID] {
					known[pod.UID] = true
					done.Go(func() { w.follow(ctx, pod.Name, pod.UID) })
				}
			}
		}
		pause(ctx, lookout)
	}
}

func (w *watch) note(pod corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Waiting != nil && s.RestartCount == 0 {
			continue // it has not run yet, and may never
		}
		w.restarts[pod.Name] = max(w.restarts[pod.Name], s.RestartCount)
	}
}

// follow copies the log until the pod is deleted; when the connection ends before, from the start again.
func (w *watch) follow(ctx context.Context, pod string, uid types.UID) {
	for ctx.Err() == nil {
		_ = w.copyLog(ctx, pod) // it ended, or there is none yet
		now, err := w.api.CoreV1().Pods(w.namespace).Get(ctx, pod, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && now.UID != uid {
			return
		}
		pause(ctx, lookout)
	}
}

func (w *watch) copyLog(ctx context.Context, pod string) (err error) {
	log, err := w.api.CoreV1().Pods(w.namespace).GetLogs(pod, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	file, err := os.Create(w.file(pod))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, log)
	return err
}

func (w *watch) file(pod string) string { return filepath.Join(w.dir, pod+".log") }

// problems are restarts and lines that were logged as errors, except those that are allowed.
func (w *watch) problems(allowed func(line string) bool) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, pod := range slices.Sorted(maps.Keys(w.restarts)) {
		if n := w.restarts[pod]; n > 0 {
			all = append(all, fmt.Sprintf("%s: %d restarts", pod, n))
		}
		lines, err := errorLines(w.file(pod), allowed)
		if err != nil {
			all = append(all, err.Error())
		}
		for _, line := range lines {
			all = append(all, pod+": "+line)
		}
	}
	return all
}

func errorLines(path string, allowed func(line string) bool) (found []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Text(); strings.Contains(line, "level=error") && !allowed(line) {
			found = append(found, line)
		}
	}
	return found, lines.Err()
}

// pause returns after the time, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
