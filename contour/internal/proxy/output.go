package proxy

import (
	"bytes"
	"strings"
	"sync"
)

// The bounds of what is remembered of Envoy's output.
const (
	tailLines    = 20
	maxLineBytes = 4 << 10 // Envoy may quote a whole resource
	maxUntaken   = 1000    // lines
)

// output takes what Envoy prints apart into lines, hands them on and remembers the last ones. It never waits
// for whoever takes the lines: that would hold up Envoy, and its end. What is not taken in time is dropped.
type output struct {
	lines chan string

	mu   sync.Mutex
	rest []byte // of a line whose end has not come
	last []string
}

func newOutput() *output { return &output{lines: make(chan string, maxUntaken)} }

// Write takes the next bytes; it never fails.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(b)
	for {
		line, rest, found := bytes.Cut(b, []byte("\n"))
		o.keep(line)
		if !found {
			return n, nil
		}
		o.end()
		b = rest
	}
}

// close takes an unfinished last line for a line. There are no more after it.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rest) > 0 {
		o.end()
	}
	close(o.lines)
}

// tail is the last lines, joined.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.last, "\n")
}

// keep adds to the line as far as there is room in it.
func (o *output) keep(b []byte) {
	room := maxLineBytes - len(o.rest)
	o.rest = append(o.rest, b[:min(len(b), room)]...)
}

func (o *output) end() {
	line := strings.ToValidUTF8(string(o.rest), "\uFFFD")
	o.rest = o.rest[:0]
	o.last = append(o.last, line)
	if len(o.last) > tailLines {
		o.last = append(o.last[:0], o.last[1:]...)
	}
	select {
	case o.lines <- line:
	default:
	}
}
