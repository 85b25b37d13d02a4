// Command image makes container images without a container engine.
//
//	image [-o DIR] [-arch amd64,arm64] contour echo ...   OCI layouts in DIR/NAME, to publish
//	image -archive [-o DIR] contour|echo|envoy|node ...   archives DIR/NAME.tar for this machine's engine
//
// It prints the name and digest (of an archive: the path) of each image, and progress on
// standard error. The same commit gives the same digests. "node" needs root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"contour.example/harness/asset"
	"contour.example/harness/buildcache"
	"contour.example/harness/clusterimage"
	"contour.example/harness/image"
	"contour.example/harness/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", "dist", "the `directory` to write to")
	arches := flags.String("arch", "amd64,arm64", "architectures of a layout")
	archive := flags.Bool("archive", false, "write an archive for this machine instead of a layout")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no image named: want contour, echo, envoy or node")
	}
	root, err := asset.Root()
	if err != nil {
		return err
	}
	log := progress.Log{W: stderr}
	for _, name := range flags.Args() {
		if *archive {
			err = writeArchive(ctx, log, root, *out, name, stdout)
		} else {
			err = writeLayout(ctx, log, root, *out, name, strings.Split(*arches, ","), stdout)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeLayout(ctx context.Context, log progress.Log, root, out, name string, arches []string, stdout io.Writer) error {
	static, ok := map[string]image.Static{"contour": image.Contour(), "echo": image.Echo()}[name]
	if !ok {
		return fmt.Errorf("%q: layouts are made of contour and echo", name)
	}
	binaries, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	var images []v1.Image
	for _, arch := range arches {
		err := log.Run(ctx, name+" for "+arch, func(ctx context.Context) error {
			img, err := static.Image(ctx, root, binaries, arch)
			images = append(images, img)
			return err
		})
		if err != nil {
			return err
		}
	}
	dir := filepath.Join(out, name)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	hash, err := image.WriteLayout(dir, static.Name, images...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s %s\n", static.Name, hash)
	return err
}

func writeArchive(ctx context.Context, log progress.Log, root, out, name string, stdout io.Writer) error {
	ref, ok := map[string]string{
		"contour": image.ContourName, "echo": image.EchoName, "envoy": image.EnvoyName, "node": clusterimage.Node,
	}[name]
	if !ok {
		return fmt.Errorf("%q: want contour, echo, envoy or node", name)
	}
	cache, err := buildcache.Dir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	binaries, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	ref, img, err := clusterimage.Builder{Cache: cache, Root: root, Binaries: binaries, Log: log}.Build(ctx, ref, runtime.GOARCH)
	if err != nil {
		return err
	}
	path := filepath.Join(out, name+".tar")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(image.WriteArchive(file, ref, img), file.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s %s\n", ref, path)
	return err
}
