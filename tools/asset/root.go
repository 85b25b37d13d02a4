package asset

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root finds the root of the repository that contains the directory from: the
// nearest one above that has the wrapper modules.
func Root(from string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", fmt.Errorf("repository: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "tools", "k8s", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("repository: no tools/k8s/go.mod in or above %s", from)
		}
	}
}
