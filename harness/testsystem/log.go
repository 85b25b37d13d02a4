package testsystem

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
)

// enough is how many errors of one log are quoted.
const enough = 5

// checkLogs returns an error that contains the first errors which the controllers logged.
func (s *System) checkLogs() error {
	var errs []error
	for _, log := range s.started {
		errs = append(errs, checkLog(log, s.options.MayLog))
	}
	return errors.Join(errs...)
}

func checkLog(path string, allowed func(line string) bool) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	var errs []error
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for lines.Scan() && len(errs) < enough {
		line := lines.Text()
		if bytes.Contains(lines.Bytes(), []byte("level=error")) && (allowed == nil || !allowed(line)) {
			errs = append(errs, fmt.Errorf("%s: %s", path, line))
		}
	}
	return errors.Join(append(errs, lines.Err())...)
}
