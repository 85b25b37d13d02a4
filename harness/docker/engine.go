package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Errors that callers test for; their message contains the remedy.
var (
	ErrNoEngine = errors.New("no Docker engine answers: start Docker, or be root on Debian, where it is installed and started for you")
	ErrDenied   = errors.New("permission to use Docker denied: add yourself to the group docker and log in again, or be root")
	ErrDisk     = errors.New("too little disk space: free some; images and caches of this repository are stored in $CONTOUR_CACHE")
)

// Engine is a Docker engine that answers.
type Engine struct {
	// Host is its address as in $DOCKER_HOST; empty for the docker command's own choice.
	Host string
	// Started reports whether this package started it, now or earlier.
	Started bool

	dir string
}

// Find returns the engine that runs: the one that the docker command finds, or else
// the one that was started in dir. It returns ErrNoEngine or ErrDenied if there is none.
func Find(ctx context.Context, dir string) (*Engine, error) {
	usual := &Engine{Started: os.Getenv("DOCKER_HOST") == socket(dir), dir: dir}
	err := usual.answers(ctx)
	if err == nil {
		return usual, nil
	}
	own := &Engine{Host: socket(dir), Started: true, dir: dir}
	if own.answers(ctx) == nil {
		return own, nil
	}
	return nil, err
}

// answers is nil if the engine does.
func (e *Engine) answers(ctx context.Context) error {
	_, err := e.Output(ctx, "info", "--format", "{{.ServerVersion}}")
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(err.Error(), "permission denied"):
		return ErrDenied
	default:
		return ErrNoEngine
	}
}

// Output runs the docker command and returns what it prints.
func (e *Engine) Output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := e.run(ctx, nil, &out, args...)
	return strings.TrimSpace(out.String()), err
}

func (e *Engine) run(ctx context.Context, in io.Reader, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "docker", args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = e.env(), in, out, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("docker %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return nil
}

func (e *Engine) env() []string {
	if e.Host == "" {
		return os.Environ()
	}
	return append(os.Environ(), "DOCKER_HOST="+e.Host)
}

// Use makes this process, and the programs that it starts, use the engine.
func (e *Engine) Use() error {
	if e.Host == "" {
		return nil
	}
	return os.Setenv("DOCKER_HOST", e.Host)
}

// Has reports whether the engine has the image.
func (e *Engine) Has(ctx context.Context, image string) bool {
	_, err := e.Output(ctx, "image", "inspect", "--format", "{{.Id}}", image)
	return err == nil
}

// Pull gets the image from its registry.
func (e *Engine) Pull(ctx context.Context, image string) error {
	_, err := e.Output(ctx, "pull", "--quiet", image)
	return err
}

// Tag gives an image of the engine another name.
func (e *Engine) Tag(ctx context.Context, image, name string) error {
	_, err := e.Output(ctx, "tag", image, name)
	return err
}

// Load loads an image archive, which write writes, into the engine.
func (e *Engine) Load(ctx context.Context, write func(io.Writer) error) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err)
		written <- err
	}()
	err := e.run(ctx, r, io.Discard, "load")
	_ = r.CloseWithError(err) // so that write ends too
	return errors.Join(err, ignoreClosed(<-written))
}

// Save writes the image as an archive.
func (e *Engine) Save(ctx context.Context, w io.Writer, image string) error {
	return e.run(ctx, nil, w, "save", image)
}

func ignoreClosed(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// NeedDisk returns ErrDisk unless so many bytes are free where the engine has its
// images. Nothing is known about an engine on another machine.
func (e *Engine) NeedDisk(ctx context.Context, bytes uint64) error {
	root, err := e.Output(ctx, "info", "--format", "{{.DockerRootDir}}")
	if err != nil {
		return err
	}
	return NeedDisk(root, bytes)
}

// NeedDisk returns ErrDisk unless so many bytes are free in the directory, or in the
// nearest one above that exists.
func NeedDisk(dir string, bytes uint64) error {
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("disk space of %s: %w", dir, err)
	}
	const giga = 1 << 30
	if free := fs.Bavail * uint64(fs.Bsize); free < bytes {
		return fmt.Errorf("%s has %.1f GiB free, %.1f GiB are needed: %w", dir, float64(free)/giga, float64(bytes)/giga, ErrDisk)
	}
	return nil
}
