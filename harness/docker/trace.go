package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// forwarding is the kernel's setting that dockerd enables.
const forwarding = "/proc/sys/net/ipv4/ip_forward"

// before is the settings that dockerd changes on a machine and does not restore.
type before struct {
	// Forwarding is the content of the file of that name.
	Forwarding string `json:"forwarding"`
	// Policy is the default rule of iptables for forwarded packets.
	Policy string `json:"policy"`
}

func traceFile(dir string) string { return filepath.Join(dir, "before.json") }

// remember stores the settings before the engine starts. An older file, of an engine
// that was killed, takes precedence.
func remember(ctx context.Context, dir string) error {
	if _, err := os.Stat(traceFile(dir)); err == nil {
		return nil
	}
	content, err := os.ReadFile(forwarding)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	b := before{Forwarding: strings.TrimSpace(string(content)), Policy: "-P FORWARD ACCEPT"}
	rules, err := exec.CommandContext(ctx, "iptables", "-S", "FORWARD").Output()
	if err != nil {
		return fmt.Errorf("engine: iptables: %w", err)
	}
	b.Policy, _, _ = strings.Cut(string(rules), "\n")
	text, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return os.WriteFile(traceFile(dir), text, 0o644)
}

// forget restores what the engine has changed: its rules in the packet filter, and the settings.
func forget(ctx context.Context, dir string) error {
	text, err := os.ReadFile(traceFile(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var b before
	if err := errors.Join(err, json.Unmarshal(text, &b)); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	rules, err := exec.CommandContext(ctx, "iptables-save").Output()
	if err != nil {
		return fmt.Errorf("engine: iptables-save: %w", err)
	}
	restore := exec.CommandContext(ctx, "iptables-restore")
	restore.Stdin = strings.NewReader(withoutDocker(string(rules), b.Policy))
	if out, err := restore.CombinedOutput(); err != nil {
		return fmt.Errorf("engine: iptables-restore: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.WriteFile(forwarding, []byte(b.Forwarding), 0o644); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return os.Remove(traceFile(dir))
}

// withoutDocker is the text of iptables-save without Docker's chains and the rules that jump
// to them. policy is a rule like "-P FORWARD ACCEPT".
func withoutDocker(rules, policy string) string {
	var kept strings.Builder
	for line := range strings.Lines(rules) {
		if strings.Contains(line, "DOCKER") {
			continue
		}
		if counters, ok := strings.CutPrefix(line, ":FORWARD DROP"); ok && strings.HasSuffix(policy, "ACCEPT") {
			line = ":FORWARD ACCEPT" + counters
		}
		kept.WriteString(line)
	}
	return kept.String()
}
