package app

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// unpacked returns the files of a report.
func unpacked(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	files, from := map[string]string{}, tar.NewReader(zipped)
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(from)
		if err != nil || h.Mode != 0o600 {
			t.Fatal(err, h.Mode)
		}
		files[strings.TrimPrefix(h.Name, "contour-bug-report/")] = string(body)
	}
}

const controllerPod = `
apiVersion: v1
kind: Pod
metadata: {name: contour-1, namespace: projectcontour, labels: {app: contour}, annotations: {a: CANARY}}
spec:
  containers: [{name: contour, image: contour, env: [{name: PASSWORD, value: CANARY}], args: [serve, --token=CANARY]}]
status:
  phase: Running
  containerStatuses: [{name: contour, ready: true, restartCount: 1, state: {waiting: {reason: Error, message: "password=CANARY"}}}]
`

const plantedLog = `level=INFO msg="batch processed" objects=7
level=WARN msg=rejected error="Authorization: Bearer CANARY" token=CANARY
{"msg":"x","password": "CANARY","url":"https://user:CANARY@host/"}
-----BEGIN EC PRIVATE KEY-----
CANARY
`

// A report has what a cluster knows even if no controller answers, and nothing secret.
func TestBugReportOfCluster(t *testing.T) {
	t.Parallel()
	const canary = "CANARY7b1f0c5d9e2a4468"
	plant := func(text string) string { return strings.ReplaceAll(text, "CANARY", canary) }
	c, kubeconfig := newCluster(t, quickstart)
	c.add(planted(canary))
	c.add(plant(controllerPod))
	c.logs = plant(plantedLog)
	path := filepath.Join(t.TempDir(), "report.tar.gz")
	args := []string{"bug-report", "--kubeconfig=" + kubeconfig, "--output=" + path}
	code, out, errs := runMain(args...)
	if code != 0 || out != "" || strings.Count(errs, "\n") != 1 {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	files := unpacked(t, path)
	for name, part := range map[string]string{
		"version.json": `"revision"`, "kubernetes.json": "v1.36.0", "settings.json": "--config-path=/config/contour.yaml", "pods.json": "contour-1", "envoy-pods.json": "[]",
		"logs/contour-1-contour.log": "batch processed", "logs/contour-1-contour-previous.log": "batch processed", "errors.txt": "controllers: no running controller can be asked",
	} {
		if !strings.Contains(files[name], part) {
			t.Errorf("%s has no %q: %s", name, part, files[name])
		}
	}
	for name, text := range files {
		if strings.Contains(text, canary) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(canary))) || strings.Contains(text, "BEGIN EC PRIVATE") {
			t.Errorf("%s shows a secret: %s", name, text)
		}
	}
	if len(files) != 8 {
		t.Errorf("%d files", len(files))
	}
	if code, _, errs := runMain(args...); code != 1 {
		t.Errorf("a file is overwritten: exit code %d: %s", code, errs)
	}
}

// A report has the pages of a controller, without secrets of the objects.
func TestBugReportOfController(t *testing.T) {
	t.Parallel()
	const canary = "CANARY7b1f0c5d9e2a4468"
	r := startRunning(t, quickstart, manifest(t, strings.ReplaceAll(broken, "www", "broken")), manifest(t, planted(canary)))
	path := filepath.Join(t.TempDir(), "report.tar.gz")
	if code, _, errs := r.ask("bug-report", "--output="+path); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	files, at := unpacked(t, path), "controllers/"+fileName(r.address)+"/"
	for name, part := range map[string]string{
		"info.json": `"role"`, "envoys.json": "[]", "rejections.json": "[]", "changes.json": "HTTPProxy", "resources.json": "ingress_http", "diagnostics.json": "ServiceUnresolvedReference",
		"objects.json": `"broken"`, "statuses.json": `"conditions"`,
	} {
		if !strings.Contains(files[at+name], part) {
			t.Errorf("%s has no %q: %s", name, part, files[at+name])
		}
	}
	for name, text := range files {
		if strings.Contains(text, canary) || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s shows a secret: %s", name, text)
		}
	}
	if files["errors.txt"] != "" {
		t.Errorf("errors: %s", files["errors.txt"])
	}
}

// A file in the report is cut at its limit, and all files together are.
func TestBugReportIsBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &archive{to: tar.NewWriter(&out), now: time.Unix(0, 0)}
	large := bytes.Repeat([]byte("x"), maxReportFile+1)
	for range maxReport/maxReportFile + 2 {
		a.add("large", large)
	}
	a.finish()
	if a.failure != nil || a.size > maxReport+maxReportFile || len(a.errors) != maxReport/maxReportFile+2 || out.Len() > maxReport+maxReportFile {
		t.Errorf("%v: %d bytes, %d errors", a.failure, a.size, len(a.errors))
	}
}
