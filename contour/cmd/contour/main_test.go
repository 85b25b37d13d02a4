package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// inImage is set in a process that finds no certificates on its system, as in our image, which contains programs only.
const inImage = "CONTOUR_TEST_WITHOUT_SYSTEM_ROOTS"

func TestRootsExistWithoutThoseOfTheSystem(t *testing.T) {
	if os.Getenv(inImage) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRootsExistWithoutThoseOfTheSystem$")
		cmd.Env = append(os.Environ(), inImage+"=1", "SSL_CERT_FILE="+os.DevNull, "SSL_CERT_DIR="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	roots, err := x509.SystemCertPool()
	if err != nil || roots.Equal(x509.NewCertPool()) {
		t.Errorf("there are no roots: %v", err)
	}
}
