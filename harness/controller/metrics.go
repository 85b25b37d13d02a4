package controller

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Metrics is the samples of a metrics page: name, or name{labels} as the page has it, to value.
type Metrics map[string]float64

// parseMetrics reads the Prometheus text format; comments are left out.
func parseMetrics(text []byte) (Metrics, error) {
	m := Metrics{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil || i < 0 {
			return nil, fmt.Errorf("metrics: line %q is not a sample", line)
		}
		m[line[:i]] = value
	}
	return m, lines.Err()
}

// Sum adds up all samples of a metric whose labels contain each of the given ones, written name="value".
func (m Metrics) Sum(name string, labels ...string) float64 {
	sum := 0.0
	for sample, value := range m {
		rest, ok := strings.CutPrefix(sample, name)
		if ok && (rest == "" || rest[0] == '{') && containsAll(rest, labels) {
			sum += value
		}
	}
	return sum
}

// Sub is the change from before to m; samples that are missing in m count as 0.
func (m Metrics) Sub(before Metrics) Metrics {
	change := Metrics{}
	for sample, value := range m {
		change[sample] = value - before[sample]
	}
	for sample, value := range before {
		if _, ok := m[sample]; !ok {
			change[sample] = -value
		}
	}
	return change
}

func containsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}
