package proc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCPUTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stat")
	const stat = "42 (a) b) S 1 42 42 0 -1 4194560 9 9 0 0 150 25 9 9 20 0 7 0 100 1 1\n"
	if err := os.WriteFile(path, []byte(stat), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := cpuTime(path)
	if err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %s, %v, want 1.75s", got, err)
	}
	if err := os.WriteFile(path, []byte("42 (a) S 1 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cpuTime(path); err == nil {
		t.Error("no error for a line that is too short")
	}
}

// This process is known well enough to compare with.
func TestThisProcess(t *testing.T) {
	t.Parallel()
	now, err := Memory(os.Getpid())
	if err != nil || now < 1 {
		t.Errorf("memory is %v MiB, %v", now, err)
	}
	own, err := AnonymousMemory(os.Getpid())
	if err != nil || own <= 0 || own > now+64 {
		t.Errorf("anonymous memory is %v of %v MiB, %v", own, now, err)
	}
	peak, err := PeakMemory(os.Getpid())
	if err != nil || peak < 1 {
		t.Errorf("peak is %v MiB, %v", peak, err)
	}
	all, err := CPU(os.Getpid())
	for err == nil && all < clockTick { // a busy machine may not let this process run for long
		_ = strings.Repeat("work", 1000)
		all, err = CPU(os.Getpid())
	}
	if err != nil {
		t.Errorf("CPU time: %v", err)
	}
	first, err := MainCPU(os.Getpid())
	if err != nil || first > all+clockTick*10 {
		t.Errorf("CPU time of the first thread is %s of %s, %v", first, all, err)
	}
}

func TestNoProcess(t *testing.T) {
	t.Parallel()
	if _, err := Memory(-1); err == nil {
		t.Error("memory: no error")
	}
	if _, err := CPU(-1); err == nil {
		t.Error("CPU: no error")
	}
}

func TestThisMachine(t *testing.T) {
	t.Parallel()
	m := ThisMachine()
	if m.Cores < 1 || m.MemoryMiB < 1 || m.Kernel == "" || m.Arch == "" || strings.ContainsAny(m.Kernel, "\n") {
		t.Errorf("incomplete: %+v", m)
	}
}
