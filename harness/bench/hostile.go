package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/yaml"

	"contour.example/harness/asset"
	"contour.example/harness/bench/target"
)

// Attacked specifies the hostile scenario.
type Attacked struct {
	// Duration is that of each attack, between its creation and its deletion; Quiet that of the phase without one.
	Duration, Quiet time.Duration
	// Edits and Requests of the honest tenant, per second.
	Edits, Requests float64
	// Only are names of attacks; empty is all.
	Only []string
	// Open keeps the controller's settings; otherwise a controller of ours gets those of the manifests.
	Open bool
}

const (
	// deletionTimeout bounds the deletion of what a hostile tenant has made.
	deletionTimeout = 30 * time.Second
	// attackAftermath is how long the honest tenant is still measured after the deletion.
	attackAftermath = 2 * time.Second
	// settling is the wait after that until memory is read.
	settling = 3 * time.Second
)

// hostile measures what an honest tenant observes while another one does its worst, and what that makes of the two processes.
func (b *bench) hostile(ctx context.Context) error {
	chosen, err := chooseAttacks(b.Attacked.Only)
	if err != nil {
		return err
	}
	if err := b.closeSettings(ctx); err != nil {
		return err
	}
	h, err := b.newHonest(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	t, err := b.newTenant(ctx, h)
	if err != nil {
		return err
	}
	quiet, err := h.attacked(ctx, t, attack{name: quietPhase}, b.Attacked.Quiet)
	b.recordPhase(quietPhase, quiet, quiet, attackReport{})
	var errs []error
	for _, a := range chosen {
		if err != nil || ctx.Err() != nil {
			break
		}
		p, err := h.attacked(ctx, t, a, b.Attacked.Duration)
		b.recordPhase(a.name, p, quiet, t.takeReport())
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.name, err))
		}
	}
	return errors.Join(append(errs, err, b.openSettings(ctx))...)
}

// closeSettings starts a controller of ours with the configuration of the manifests.
func (b *bench) closeSettings(ctx context.Context) error {
	if !b.closes() {
		return b.rest(ctx)
	}
	text, err := closedConfiguration()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-closed-")
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	path := filepath.Join(dir, "contour.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	b.closed = dir
	if err := b.startAnew(ctx, "--config-path="+path); err != nil {
		return err
	}
	return b.rest(ctx)
}

// openSettings starts the controller as it was.
func (b *bench) openSettings(ctx context.Context) error {
	if b.closed == "" || ctx.Err() != nil {
		return nil
	}
	return errors.Join(b.startAnew(ctx), os.RemoveAll(b.closed))
}

// closes says whether the controller is one whose settings are closed.
func (b *bench) closes() bool {
	return !b.Attacked.Open && b.target.Lifecycle != nil && b.target.Controller.Ours
}

// closedConfiguration is the configuration file in the manifests.
func closedConfiguration() (string, error) {
	root, err := asset.Root()
	if err != nil {
		return "", err
	}
	manifest, err := os.ReadFile(filepath.Join(root, "manifests", "base", "configuration.yaml"))
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.Unmarshal(manifest, &configMap); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	text := configMap.Data["contour.yaml"]
	if text == "" {
		return "", errors.New("configuration: the manifests have none")
	}
	return text, nil
}

// attacked measures the honest tenant from before an attack until after the deletion of what it made.
// An error is of the attack; the measurement is complete without it.
func (h *honest) attacked(ctx context.Context, t *tenant, a attack, duration time.Duration) (p phase, err error) {
	measured, cancel := context.WithCancel(ctx)
	defer cancel()
	before := h.target.Used(ctx)
	var peak map[sampled]float64
	var watching sync.WaitGroup
	watching.Go(func() { peak = watchMemory(ctx, h.target, measured.Done()) })
	watching.Go(func() { p.edits = h.edits(ctx, measured.Done()) })
	loads := h.requests(ctx)
	err = t.carryOut(ctx, a, duration)
	_ = pause(ctx, h.Attacked.atMost(attackAftermath)) // the end of the context ends the phase
	cancel()
	for _, l := range loads {
		p.loads = append(p.loads, l.Stop())
	}
	watching.Wait()
	p.used = h.target.Used(ctx).Since(before)
	_ = pause(ctx, h.Attacked.atMost(settling))
	after := memoryNow(ctx, h.target)
	p.memory = memory{higher(peak, after), after}
	return p, err
}

// atMost is a wait that is shorter where attacks are short.
func (a Attacked) atMost(d time.Duration) time.Duration { return min(d, a.Duration/2) }

// quietPhase is the name of the phase without an attack.
const quietPhase = "quiet"

// recordPhase records the figures of a phase; their names begin with that of the attack.
func (b *bench) recordPhase(name string, p, quiet phase, done attackReport) {
	r := b.recorder
	r.Latencies(name+": edit", p.edits.served)
	r.Latencies(name+": edit, after a watch had it", p.edits.handled)
	r.Latencies(name+": edit written by the API server", p.edits.written)
	r.Value(name+": edits late or missed", "", float64(p.edits.late(editBound)+p.edits.missed),
		fmt.Sprintf("of %d due: %d above %s, %d missed", p.edits.due, p.edits.late(editBound), editBound, p.edits.missed))
	for i, load := range []string{"request", "TLS request"}[:len(p.loads)] {
		l := p.loads[i]
		r.Distribution(name+": "+load, l.Latency(0.5), l.Latency(0.99), l.Latency(1), l.Sent)
		r.Value(name+": "+load+" p99 to quiet", "", float64(p.p99(i))/float64(max(1, quiet.p99(i))), "")
	}
	failed, notSent, kinds := p.failed()
	r.Value(name+": requests failed", "", float64(failed+notSent), kinds)
	for _, u := range []target.Resource{target.ControllerCPU, target.EnvoyCPU, target.EnvoyMainCPU, target.XDSBytes, target.Derivations} {
		if v, ok := p.used[u]; ok {
			r.Value(name+": "+string(u), u.Unit(), v, "")
		}
	}
	for _, s := range allSampled() {
		if v, ok := p.memory.peak[s]; ok {
			r.Value(name+": "+string(s)+", highest", "MiB", v, "")
		}
		if v, ok := p.memory.after[s]; ok {
			r.Value(name+": "+string(s)+", after", "MiB", v, "")
		}
	}
	if name != quietPhase {
		r.Value(name+": hostile writes", "", float64(done.writes), done.detail())
	}
	r.Verdict(name+": bounds exceeded", slices.Clip(p.exceeded(quiet)))
}

// attackReport is what a hostile tenant could do.
type attackReport struct {
	writes, refused int
	firstRefusal    error
	answers         map[string]int
}

func (a attackReport) detail() string {
	text := ""
	if a.refused > 0 {
		text = fmt.Sprintf("%d more refused by the API server: %.120s", a.refused, a.firstRefusal)
	}
	if len(a.answers) > 0 {
		text = fmt.Sprintf("%s answers of Envoy: %v", text, a.answers)
	}
	return text
}
