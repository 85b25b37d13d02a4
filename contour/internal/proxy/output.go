package proxy

import (
	"bytes"
	"strings"
	"sync"
)

// The bounds of the output of Envoy that is kept.
const (
	tailLines    = 20
	maxLineBytes = 4 << 10 // Envoy may quote a whole resource
	maxUntaken   = 1000    // lines
)

// output splits Envoy's output into lines, passes them on and keeps the last ones. It never waits
// for the reader of the lines: that would block Envoy, and its exit. Lines that are not read in time are dropped.
type output struct {
	lines chan string

	mu   sync.Mutex
	rest []byte // of an incomplete line
	last []string
}

func newOutput() *output { return &output{lines: make(chan string, maxUntaken)} }

// Write adds the next bytes; it never fails.
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

// close completes an unfinished last line. There are no lines after it.
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

// keep appends to the line up to its maximum length.
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
