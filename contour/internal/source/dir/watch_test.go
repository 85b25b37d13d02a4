package dir_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/source/dir"
)

// deadline limits the wait for a change, far above the usual time.
const deadline = 20 * time.Second

// observer follows a watched directory.
type observer struct {
	root    string
	batches chan dir.Batch
	objects map[kobj.Key]string // as in summary
	changes []string            // since the last call of changed
	last    dir.Batch
}

// watch watches a directory, and more paths, until the end of the test.
func watch(t *testing.T, root string, more ...string) *observer {
	t.Helper()
	o := &observer{root: root, batches: make(chan dir.Batch, 100), objects: map[kobj.Key]string{}}
	ended := make(chan error, 1)
	go func() {
		ended <- dir.Watch(t.Context(), dir.Watched{Paths: append([]string{root}, more...), Stdin: strings.NewReader(service("stdin", 1)), Log: slog.New(slog.DiscardHandler)}, func(b dir.Batch) { o.batches <- b })
	}()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	o.next(t)
	return o
}

// next receives one batch.
func (o *observer) next(t *testing.T) {
	t.Helper()
	select {
	case b := <-o.batches:
		o.last = b
		for i, text := range summary(b) {
			if k := b.Changes[i].Key; strings.HasPrefix(text, "-") {
				delete(o.objects, k)
			} else {
				o.objects[k] = text
			}
			o.changes = append(o.changes, text)
		}
	case <-time.After(deadline):
		t.Fatalf("no batch; objects %v, problems %v", o.objects, problems(o.root, o.last))
	}
}

// until receives batches until there are these objects, and problems that contain these texts, in this order.
func (o *observer) until(t *testing.T, objects, texts []string) {
	t.Helper()
	for !o.has(objects, texts) {
		o.next(t)
	}
}

func (o *observer) has(objects, texts []string) bool {
	have := []string{}
	for _, text := range o.objects {
		have = append(have, text)
	}
	slices.Sort(have)
	got := problems(o.root, o.last)
	return slices.Equal(have, objects) && len(got) == len(texts) &&
		!slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(got[slices.Index(texts, text)], text) })
}

// changed returns the changes since the last call.
func (o *observer) changed() []string {
	c := o.changes
	o.changes = nil
	return c
}

func TestWatchFollowsFiles(t *testing.T) {
	root := files(t, map[string]string{"a.yaml": service("a", 1), "b.yaml": service("b", 1) + "---\n" + service("c", 1)})
	o := watch(t, root)
	o.until(t, []string{"Service default/a:1", "Service default/b:1", "Service default/c:1"}, nil)
	o.changed()

	write(t, filepath.Join(root, "b.yaml"), service("b", 2)+"---\n"+service("c", 1))
	o.until(t, []string{"Service default/a:1", "Service default/b:2", "Service default/c:1"}, nil)
	write(t, filepath.Join(root, "new", "deeper", "d.yaml"), service("d", 1))
	o.until(t, []string{"Service default/a:1", "Service default/b:2", "Service default/c:1", "Service default/d:1"}, nil)
	write(t, filepath.Join(root, "new", "deeper", "d.yaml"), service("d", 2))
	o.until(t, []string{"Service default/a:1", "Service default/b:2", "Service default/c:1", "Service default/d:2"}, nil)
	if err := os.Remove(filepath.Join(root, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	o.until(t, []string{"Service default/b:2", "Service default/c:1", "Service default/d:2"}, nil)
	if err := os.RemoveAll(filepath.Join(root, "new")); err != nil {
		t.Fatal(err)
	}
	o.until(t, []string{"Service default/b:2", "Service default/c:1"}, nil)

	want := []string{"Service default/b:2", "Service default/d:1", "Service default/d:2", "-Service default/a", "-Service default/d"}
	if diff := cmp.Diff(want, o.changed()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestWatchReportsReplacedFiles(t *testing.T) {
	root := files(t, map[string]string{"a.yaml": service("a", 1)})
	o := watch(t, root)
	for i := range 5 {
		replace(t, filepath.Join(root, "a.yaml"), service("a", i+2))
		o.until(t, []string{summaryOf("a", i+2)}, nil)
	}
}

// replace writes a draft beside the file and renames it, as editors do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	draft := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".draft")
	write(t, draft, text)
	if err := os.Rename(draft, path); err != nil {
		t.Fatal(err)
	}
}

func summaryOf(name string, port int) string {
	return "Service default/" + name + ":" + string(rune('0'+port))
}

func TestWatchKeepsTheLastValidFile(t *testing.T) {
	root := files(t, map[string]string{"a.yaml": service("a", 1) + "---\n" + service("b", 1), "c.yaml": service("c", 1)})
	all := []string{"Service default/a:1", "Service default/b:1", "Service default/c:1"}
	file := filepath.Join(root, "a.yaml")
	kept := "The 2 objects of the last valid version of the file remain in use."
	o := watch(t, root)
	o.until(t, all, nil)
	o.changed()
	for _, row := range []struct {
		text     string
		problems []string
	}{
		{service("a", 9) + "---\napiVersion: v1\nki", []string{kept, "not YAML"}},
		{service("a", 9) + "---\napiVersion: v1\nkind: Service\nmetadata:\n", []string{kept, "no name"}},
		{service("a", 9) + "---\napiVersion: v1\n", []string{kept, "no kind"}},
		{"a: {", []string{kept, "not YAML"}},
		{"", []string{kept, "The file is empty."}},
		{"#" + strings.Repeat("x", 16<<20), []string{kept, "The file is larger"}},
	} {
		replace(t, file, row.text)
		o.until(t, all, row.problems)
	}
	write(t, file, service("a", 1)+"---\n"+service("b", 1))
	o.until(t, all, nil)
	if c := o.changed(); len(c) > 0 {
		t.Errorf("unexpected changes: %v", c)
	}
	write(t, file, "# nothing any more\n")
	o.until(t, []string{"Service default/c:1"}, nil)
}

func TestWatchKeepsTheLastValidObject(t *testing.T) {
	root := files(t, map[string]string{"a.yaml": service("a", 1) + "---\n" + service("b", 1)})
	file := filepath.Join(root, "a.yaml")
	wrong := strings.Replace(service("a", 1), "port: 1", "port: one", 1)
	o := watch(t, root)
	write(t, file, wrong+"---\n"+service("b", 2))
	o.until(t, []string{"Service default/a:1", "Service default/b:2"}, []string{"remains in use", "found a string"})
	write(t, file, service("a", 3)+"  ports: []\n---\n"+service("b", 2))
	o.until(t, []string{"Service default/a:1", "Service default/b:2"}, []string{"remains in use", "duplicated"})

	if err := os.Rename(file, filepath.Join(root, "moved.yaml")); err != nil {
		t.Fatal(err)
	}
	o.until(t, []string{"Service default/a:1", "Service default/b:2"}, []string{"moved.yaml:1", "moved.yaml:8"})
	write(t, filepath.Join(root, "moved.yaml"), service("b", 2))
	o.until(t, []string{"Service default/b:2"}, nil)
	write(t, filepath.Join(root, "moved.yaml"), wrong)
	o.until(t, []string{}, []string{"found a string"})
}

// A condition with a mistake in its name would make a route serve every path.
func TestWatchKeepsAnObjectWithAnUnknownField(t *testing.T) {
	proxy := func(conditions string) string {
		return "apiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: web}\nspec:\n  routes:\n  - " + conditions +
			": [{prefix: /public}]\n    services: [{name: a, port: 80}]\n"
	}
	root := files(t, map[string]string{"a.yaml": proxy("conditions")})
	o := watch(t, root)
	all := []string{"HTTPProxy default/web"}
	o.until(t, all, nil)
	o.changed()
	write(t, filepath.Join(root, "a.yaml"), proxy("condition"))
	o.until(t, all, []string{"a.yaml:1 [HTTPProxy default/web] : The last valid version of the object remains in use.", "a.yaml:6 [HTTPProxy default/web] spec.routes[0].condition: The field is unknown; the object is not loaded."})
	if c := o.changed(); len(c) > 0 {
		t.Errorf("nothing was to change, but %v did", c)
	}
}

func TestMovedObjectDoesNotChange(t *testing.T) {
	root := files(t, map[string]string{"a.yaml": service("a", 1), "b.yaml": service("b", 1)})
	o := watch(t, root)
	o.changed()
	if err := os.Rename(filepath.Join(root, "a.yaml"), filepath.Join(root, "z.yaml")); err != nil {
		t.Fatal(err)
	}
	at := dir.Position{}
	for at.File != filepath.Join(root, "z.yaml") {
		o.next(t)
		at, _ = o.last.Positions.Position(kobj.Of(kobj.Service, "default", "a"), "")
	}
	write(t, filepath.Join(root, "b.yaml"), "# moved\n"+service("b", 1))
	for at.Line != 2 {
		o.next(t)
		at, _ = o.last.Positions.Position(kobj.Of(kobj.Service, "default", "b"), "")
	}
	if c := o.changed(); len(c) > 0 {
		t.Errorf("unexpected changes: %v", c)
	}
}

func TestWatchFollowsAMountedConfigMap(t *testing.T) {
	root := t.TempDir()
	generation := func(name string, port int) {
		write(t, filepath.Join(root, name, "a.yaml"), service("a", port))
		write(t, filepath.Join(root, name, "sub", "b.yaml"), service("b", port))
		link := filepath.Join(root, "..data_tmp")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(root, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	generation("..2024_1", 1)
	for _, name := range []string{"a.yaml", "sub"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	o := watch(t, root)
	o.until(t, []string{"Service default/a:1", "Service default/b:1"}, nil)
	for i, name := range []string{"..2024_2", "..2024_3"} {
		former, err := os.Readlink(filepath.Join(root, "..data"))
		if err != nil {
			t.Fatal(err)
		}
		generation(name, i+2)
		if err := os.RemoveAll(filepath.Join(root, former)); err != nil {
			t.Fatal(err)
		}
		o.until(t, []string{summaryOf("a", i+2), summaryOf("b", i+2)}, nil)
	}
	write(t, filepath.Join(root, "..2024_3", "sub", "b.yaml"), service("b", 7))
	o.until(t, []string{"Service default/a:3", "Service default/b:7"}, nil)
}

func TestWatchSurvivesTheRemovalOfItsDirectory(t *testing.T) {
	root := files(t, map[string]string{"conf/a.yaml": service("a", 1)})
	conf := filepath.Join(root, "conf")
	o := watch(t, conf)
	if err := os.Rename(conf, conf+".old"); err != nil {
		t.Fatal(err)
	}
	o.until(t, []string{"Service default/a:1"}, []string{"The directory cannot be read: no such file or directory."})
	write(t, filepath.Join(conf, "a.yaml"), service("a", 2))
	o.until(t, []string{"Service default/a:2"}, nil)
	write(t, filepath.Join(conf, "a.yaml"), service("a", 3))
	o.until(t, []string{"Service default/a:3"}, nil)
}

func TestWatchFollowsALinkToItsDirectory(t *testing.T) {
	root := files(t, map[string]string{"v1/a.yaml": service("a", 1), "v2/a.yaml": service("a", 2)})
	link := filepath.Join(root, "current")
	if err := os.Symlink("v1", link); err != nil {
		t.Fatal(err)
	}
	o := watch(t, link)
	o.until(t, []string{"Service default/a:1"}, nil)
	if err := os.Symlink("v2", link+".next"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".next", link); err != nil {
		t.Fatal(err)
	}
	o.until(t, []string{"Service default/a:2"}, nil)
	write(t, filepath.Join(root, "v2", "a.yaml"), service("a", 3))
	o.until(t, []string{"Service default/a:3"}, nil)
}

func TestWatchOfNoDirectoryIsAnError(t *testing.T) {
	o := dir.Watched{Paths: []string{t.TempDir(), filepath.Join(t.TempDir(), "gone")}, Log: slog.New(slog.DiscardHandler)}
	err := dir.Watch(t.Context(), o, func(dir.Batch) {
		t.Error("unexpected batch")
	})
	if err == nil {
		t.Error("want an error")
	}
}

// Several directories, files of any extension, and standard input are one set of objects.
func TestWatchOfSeveralPaths(t *testing.T) {
	root, other, files := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(root, "a.yaml"), service("a", 1))
	write(t, filepath.Join(other, "b.yaml"), service("b", 1))
	file := filepath.Join(files, "c.conf")
	write(t, file, service("c", 1))
	write(t, filepath.Join(files, "sibling.yaml"), service("sibling", 1))
	o := watch(t, root, other, file, "-", file)
	all := func(a, b, c int) []string {
		return []string{fmt.Sprint("Service default/a:", a), fmt.Sprint("Service default/b:", b), fmt.Sprint("Service default/c:", c), "Service default/stdin:1"}
	}
	o.until(t, all(1, 1, 1), nil)
	write(t, filepath.Join(other, "b.yaml"), service("b", 2))
	o.until(t, all(1, 2, 1), nil)
	write(t, file, service("c", 2))
	o.until(t, all(1, 2, 2), nil)
	replacement := filepath.Join(files, "c.new")
	write(t, replacement, service("c", 3))
	if err := os.Rename(replacement, file); err != nil {
		t.Fatal(err)
	}
	o.until(t, all(1, 2, 3), nil)
}
