// Command release makes the files of a release, and publishes its image if asked to.
//
//	release -version v1.2.3 -repository registry.example.com/contour [-o DIR] [-push]
//	release -version v1.2.3 -repository registry.example.com/contour [-o DIR] -publish
//
// The second form only publishes the image that the first one made. The reference of the image is printed, and progress on standard error. Credentials of the registry are those of docker login.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"contour.example/harness/asset"
	"contour.example/harness/image"
	"contour.example/harness/progress"
	"contour.example/harness/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(stderr)
	version := flags.String("version", "", "the `version`, for example v1.2.3")
	repository := flags.String("repository", "", "the `repository` of the image, for example registry.example.com/contour")
	out := flags.String("o", filepath.Join("dist", "release"), "the `directory` to write to, which is replaced")
	push := flags.Bool("push", false, "publish the image, too")
	publish := flags.Bool("publish", false, "publish the image that was made before, and make nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := asset.Root()
	if err != nil {
		return err
	}
	r := release.Release{
		Version: *version, Repository: *repository, Root: root, Dir: *out,
		Image: image.Contour(), Arches: []string{"amd64", "arm64"},
		Programs: []string{"contour/cmd/contour", "conformance/cmd/conformance"},
		Log:      progress.Log{W: stderr},
	}
	if !*publish {
		ref, err := r.Make(ctx)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(stdout, ref); err != nil {
			return err
		}
	}
	if !*push && !*publish {
		return nil
	}
	return r.Log.Run(ctx, "push "+r.Repository+":"+r.Version, func(ctx context.Context) error {
		return r.Push(ctx, remote.WithAuthFromKeychain(authn.DefaultKeychain))
	})
}
