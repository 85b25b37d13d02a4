package proc

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where the benchmark ran.
type Machine struct {
	Cores     int    `json:"cores"`
	CPU       string `json:"cpu"`
	MemoryMiB uint64 `json:"memoryMiB"`
	Kernel    string `json:"kernel"`
	Arch      string `json:"arch"`
}

// ThisMachine describes this machine; what it cannot find out is empty.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Arch: runtime.GOARCH, CPU: field("/proc/cpuinfo", "model name")}
	kB, _, _ := strings.Cut(field("/proc/meminfo", "MemTotal"), " ")
	if n, err := strconv.ParseUint(kB, 10, 64); err == nil {
		m.MemoryMiB = n >> 10
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	return m
}

// field is the value of the first "name: value" line of a file, empty if there is none.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
