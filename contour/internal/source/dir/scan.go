package dir

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// listing is the contents of a directory.
type listing struct {
	files    []stamped // sorted by path
	watch    []string  // real paths of the directories to watch, sorted
	problems []Problem
}

// stamped is the path of a manifest file with its stamp.
type stamped struct {
	path  string // below the root as configured
	real  string // without symbolic links
	stamp stamp
}

// stamp distinguishes versions of a file, unless it is written twice within the resolution of its clock.
type stamp struct {
	real     string
	size     int64
	modified time.Time
}

// scan lists files, and directories and those below them. It ignores names that start with a dot, such as drafts of editors and
// versions of a mounted ConfigMap, and follows symbolic links.
func scan(roots ...string) (listing, error) {
	s := scanner{}
	for _, root := range roots {
		if err := s.root(root); err != nil {
			return listing{}, fmt.Errorf("read directory: %w", err)
		}
	}
	slices.SortFunc(s.files, func(a, b stamped) int { return strings.Compare(a.path, b.path) })
	s.files = slices.CompactFunc(s.files, func(a, b stamped) bool { return a.path == b.path })
	if len(s.files) > maxFiles {
		s.problem(roots[0], "There are %d files; the first %d by path are read.", len(s.files), maxFiles)
	}
	s.files = s.files[:min(len(s.files), maxFiles)]
	slices.Sort(s.watch)
	s.watch = slices.Compact(s.watch)
	return s.listing, nil
}

type scanner struct{ listing }

func (s *scanner) problem(path, format string, args ...any) {
	s.problems = append(s.problems, Problem{File: path, Message: fmt.Sprintf(format, args...)})
}

// root lists a directory, or one file of any extension.
func (s *scanner) root(path string) error {
	actual, err := resolve(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(actual)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return s.directory(path, nil)
	}
	home, err := resolve(filepath.Dir(path))
	if err != nil {
		return err
	}
	s.watch = append(s.watch, home)
	s.file(path, actual, info, []string{home})
	return nil
}

// directory lists one directory; above are the real paths of its parents.
func (s *scanner) directory(path string, above []string) error {
	actual, err := resolve(path)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(actual)
	if err != nil {
		return err
	}
	s.watch = append(s.watch, actual)
	above = append(above, actual)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			s.entry(filepath.Join(path, e.Name()), above)
		}
	}
	return nil
}

// resolve returns the absolute path without symbolic links.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

func (s *scanner) entry(path string, above []string) {
	actual, err := resolve(path)
	if err != nil { // removed meanwhile, or a link without a target
		s.unreadable(path)
		return
	}
	info, err := os.Stat(actual)
	switch {
	case err != nil:
		s.unreadable(path)
	case info.IsDir():
		s.below(path, actual, above)
	case info.Mode().IsRegular() && manifest(path):
		s.file(path, actual, info, above)
	}
}

func (s *scanner) unreadable(path string) {
	if _, err := os.Lstat(path); err == nil && manifest(path) {
		s.problem(path, "The file cannot be read: the target of the link does not exist.")
	}
}

func (s *scanner) below(path, actual string, above []string) {
	switch {
	case slices.Contains(above, actual):
		s.problem(path, "The directory is a link to one of its parents; it is not read.")
	case len(above) >= maxDepth:
		s.problem(path, "The directory is more than %d levels deep; it is not read.", maxDepth)
	default:
		if err := s.directory(path, slices.Clip(above)); err != nil {
			s.problem(path, "The directory cannot be read: %s.", cause(err))
		}
	}
}

func (s *scanner) file(path, actual string, info fs.FileInfo, above []string) {
	if home := filepath.Dir(actual); home != above[len(above)-1] {
		s.watch = append(s.watch, home)
	}
	s.files = append(s.files, stamped{
		path: path, real: actual,
		stamp: stamp{real: actual, size: info.Size(), modified: info.ModTime()},
	})
}

func manifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
