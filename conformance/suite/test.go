package suite

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Level is who must support a feature.
type Level string

const (
	// Core features are those that every controller with the API must have.
	Core Level = "core"
	// Extended features are optional: Runner.Features are those that the controller claims.
	Extended Level = "extended"
)

// Feature is a part of an API. Its name is unique among all suites.
type Feature struct {
	Name  string
	Level Level
}

// Suite is the tests of one API.
type Suite struct {
	// Name is the first part of the names of its tests.
	Name string
	// Kind is served by every cluster that has the API.
	Kind schema.GroupVersionKind
	// Probe is passed by every controller that serves the class at all; its failure explains why others cannot pass.
	Probe Test
	Tests []Test
}

// Test is one test. In Manifests, and in all texts that its function passes to T, ${NAMESPACE} and
// ${DOMAIN} are replaced by the test's own, and ${ADDRESS:name} by host:port of the started backend of that name, for what does
// not use its Service; in manifests ${CA} by the CA of Certificates, PEM in base64.
type Test struct {
	// Name is suite/name, lower case with hyphens.
	Name string
	// Sentence is what is true if the test passes.
	Sentence string
	// Features are what the controller needs for it; the test is extended if one of them is.
	Features []Feature
	// Improvement is what the documented API leaves open or answers worse; such a test is only run
	// when requested. Empty for most.
	Improvement string
	// Alone is for tests that change the answers for unknown hosts: no other test runs at the same time.
	Alone bool
	// RateLimits is that the test needs the rate limit service of the controller's configuration, Runner.RateLimitService: it is
	// made of a backend while the test runs. There can be only one such test.
	RateLimits bool
	// Namespaces are made besides ${NAMESPACE}: each is ${NAMESPACE}-<name>.
	Namespaces []string
	// Backends are started, and Certificates made, before Manifests are applied.
	Backends     []Backend
	Certificates []Certificate
	// Manifests is YAML; objects without a namespace go to ${NAMESPACE}, and Ingresses and
	// HTTPProxies without a class get Runner.Class.
	Manifests string
	// Run checks the effects; it is called when the manifests are applied.
	Run func(*T)
}

// Level is Extended if one of the features is.
func (t Test) Level() Level {
	if slices.ContainsFunc(t.Features, func(f Feature) bool { return f.Level == Extended }) {
		return Extended
	}
	return Core
}

// Backend is a Service with endpoints that answer as package backend of the harness describes.
type Backend struct {
	Name string
	// Namespace is one of Test.Namespaces, empty for ${NAMESPACE}.
	Namespace string
	// Port of the Service, 80 if 0, and its name and application protocol.
	Port                  int
	PortName, AppProtocol string
	// Annotations of the Service.
	Annotations map[string]string
	// DeadPort is a second port of the Service, named dead, on which nothing listens; 0 for none.
	DeadPort int
	// Endpoints is how many, 1 if 0.
	Endpoints int
	// TLS makes the endpoints speak TLS, with a certificate for the host.
	TLS string
	// Bytes makes them echo raw bytes instead of HTTP.
	Bytes bool

	absolute bool // Namespace is the full name
}

// Certificate is a Secret of type kubernetes.io/tls with a certificate, signed by the suite's CA.
type Certificate struct {
	Name string
	// Namespace is as that of a Backend.
	Namespace string
	Hosts     []string
	// Opaque makes the Secret one of that type.
	Opaque bool
}

// Load sets the manifests of the tests that have none: the file <name>.yaml, where name is what follows
// the slash in the test's name. Each of these tests needs a file, and every file a test.
func Load(files fs.FS, tests []Test) ([]Test, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	loaded := slices.Clone(tests)
	for i, t := range loaded {
		if t.Manifests != "" {
			continue
		}
		file := path.Base(t.Name) + ".yaml"
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, fmt.Errorf("test %s: manifests: %w", t.Name, err)
		}
		loaded[i].Manifests = string(text)
		names = slices.DeleteFunc(names, func(name string) bool { return name == file })
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("manifests without a test: %s", strings.Join(names, ", "))
	}
	return loaded, nil
}
