// Package proc reads statistics of processes and of the machine from /proc.
//
// It takes a process id and returns the CPU time that it has used and the memory that it
// has. Figures are those of that moment; a difference needs two reads. It
// sees processes of other users and of containers on this machine, too.
package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times: user space always sees 100 a second.
const clockTick = 10 * time.Millisecond

// CPU is the time that the process has run, with all its threads, in steps of 10 ms.
func CPU(pid int) (time.Duration, error) { return cpuTime(fmt.Sprintf("/proc/%d/stat", pid)) }

// MainCPU is the CPU time of the first thread.
func MainCPU(pid int) (time.Duration, error) {
	return cpuTime(fmt.Sprintf("/proc/%[1]d/task/%[1]d/stat", pid))
}

// Memory is what the process has resident now, in MiB.
func Memory(pid int) (float64, error) { return memory(pid, "VmRSS") }

// AnonymousMemory is the part of Memory that is not of files, such as the program: what the process itself has allocated.
func AnonymousMemory(pid int) (float64, error) { return memory(pid, "RssAnon") }

// PeakMemory is the most that Memory has ever been.
func PeakMemory(pid int) (float64, error) { return memory(pid, "VmHWM") }

// cpuTime is the time that a process or thread has run, from its stat file (proc(5)).
func cpuTime(path string) (time.Duration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("CPU time: %w", err)
	}
	// The name, in parentheses, may have anything in it; the third field follows.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("CPU time: %s has %d fields", path, len(fields))
	}
	ticks := 0
	for _, field := range []int{utime, stime} {
		n, err := strconv.Atoi(fields[field])
		if err != nil {
			return 0, fmt.Errorf("CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// memory is a line of the process's status file, in MiB.
func memory(pid int, line string) (float64, error) {
	kB, _, _ := strings.Cut(field(fmt.Sprintf("/proc/%d/status", pid), line), " ")
	n, err := strconv.ParseFloat(kB, 64)
	if err != nil {
		return 0, fmt.Errorf("memory: process %d has no %s", pid, line)
	}
	return n / 1024, nil
}
