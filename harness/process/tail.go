package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// tailBytes bounds how much of a log is read for its last lines.
const tailBytes = 64 << 10

// Tail returns at most the last n lines of the log, for messages.
func (p *Process) Tail(n int) string {
	content, err := readEnd(p.spec.Log, tailBytes)
	if err != nil {
		return fmt.Sprintf("(log: %v)", err)
	}
	lines := bytes.Split(bytes.TrimRight(content, "\n"), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

func readEnd(path string, size int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-size), size))
}
