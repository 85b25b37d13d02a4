package stagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/yaml"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
)

// The files of a case.
const (
	inFile     = "in.yaml"
	configFile = "config.yaml"
	expectFile = "expect.yaml"
)

// fuzzDir is the directory of the inputs of fuzz tests.
const fuzzDir = "fuzz"

// Case is one case.
type Case struct {
	Name    string // area/case
	Dir     string
	Proves  string // the sentence at the top of in.yaml
	Config  config.Config
	Objects []store.Change
	Checks  []Check
}

// Check is a request and the expected answer.
type Check struct {
	semantic.Request
	Answer Expectation `json:"answer"`
}

// settings is the content of config.yaml.
type settings struct {
	IngressClassNames     []string `json:"ingressClassNames,omitempty"`
	RootNamespaces        []string `json:"rootNamespaces,omitempty"`
	DisablePermitInsecure bool     `json:"disablePermitInsecure,omitempty"`
	// The settings for tenants, closed.
	RootNamespacesBindIngress bool     `json:"rootNamespacesBindIngress,omitempty"`
	NamespacesOwnHosts        bool     `json:"namespacesOwnHosts,omitempty"`
	InclusionNeedsConsent     bool     `json:"inclusionNeedsConsent,omitempty"`
	MinTLS                    string   `json:"minTLS,omitempty"`
	MaxTLS                    string   `json:"maxTLS,omitempty"`
	StatusAddresses           []string `json:"statusAddresses,omitempty"`
	// FallbackCertificate is a Secret, as namespace/name.
	FallbackCertificate string `json:"fallbackCertificate,omitempty"`
	// ClientCertificate is a Secret, as namespace/name.
	ClientCertificate string `json:"clientCertificate,omitempty"`
	// ExternalServices permits Services of type ExternalName.
	ExternalServices bool `json:"externalServices,omitempty"`
	// Tracing has the fields of config.Tracing, from lower case on.
	Tracing *config.Tracing `json:"tracing,omitempty"`
	// Budgets has the fields of config.Budgets, from lower case on.
	Budgets *config.Budgets `json:"budgets,omitempty"`
	// GlobalExtAuth is that of a ContourConfiguration.
	GlobalExtAuth *contourv1.AuthorizationServer `json:"globalExtAuth,omitempty"`
	// RateLimitService is that of the configuration.
	RateLimitService *rateLimitService `json:"rateLimitService,omitempty"`
	// LogText is the format of access logs.
	LogText string `json:"logText,omitempty"`
	// Headers has the fields of config.Headers, from lower case on.
	Headers config.Headers `json:"headers,omitzero"`
	// GatewayAddresses are the ranges of addresses of Gateways.
	GatewayAddresses []netip.Prefix `json:"gatewayAddresses,omitempty"`
	// Provision gives Gateways fleets of their own.
	Provision bool `json:"provision,omitempty"`
}

// rateLimitService is the settings of global rate limits.
type rateLimitService struct {
	Service  kobj.Name                        `json:"service"`
	FailOpen bool                             `json:"failOpen,omitempty"`
	Headers  bool                             `json:"headers,omitempty"`
	Default  *contourv1.GlobalRateLimitPolicy `json:"default,omitempty"`
}

func (s *rateLimitService) config() (config.RateLimits, error) {
	if s == nil {
		return config.RateLimits{}, nil
	}
	descriptors, problems := ratelimit.Descriptors(s.Default, func(expr string) validate.Problem { return validate.Regex(expr).Problem })
	if len(problems) > 0 {
		return config.RateLimits{}, fmt.Errorf("default rate limit: %v", problems)
	}
	return config.RateLimits{Service: s.Service, Domain: "cases", FailOpen: s.FailOpen, Headers: s.Headers, Default: descriptors}, nil
}

// Load reads all cases under a directory, ordered by name. goldens are the names of the generated files
// of a case; any file that is neither generated nor an input of the case is an error.
func Load(root string, goldens ...string) ([]Case, error) {
	dirs, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, dir := range dirs {
		if filepath.Base(filepath.Dir(dir)) == fuzzDir {
			continue
		}
		c, err := load(root, dir, goldens)
		if err != nil {
			return nil, fmt.Errorf("case %s: %w", dir, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func load(root, dir string, goldens []string) (Case, error) {
	name, err := filepath.Rel(root, dir)
	if err != nil {
		return Case{}, err
	}
	c := Case{Name: filepath.ToSlash(name), Dir: dir}
	return c, errors.Join(checkFiles(dir, goldens), c.readObjects(), c.readConfig(), c.readChecks())
}

// checkFiles returns an error for a file that is not a file of a case.
func checkFiles(dir string, goldens []string) error {
	known := append([]string{inFile, configFile, expectFile}, goldens...)
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !slices.Contains(known, f.Name()) {
			return fmt.Errorf("%s is not a file of a case", f.Name())
		}
	}
	return nil
}

func (c *Case) readObjects() error {
	in, err := os.ReadFile(filepath.Join(c.Dir, inFile))
	if err != nil {
		return err
	}
	first, _, _ := bytes.Cut(in, []byte("\n"))
	sentence, ok := bytes.CutPrefix(first, []byte("# "))
	if !ok || !bytes.HasSuffix(sentence, []byte(".")) {
		return errors.New("in.yaml does not start with a comment of one sentence that describes what the case proves")
	}
	c.Proves = string(sentence)
	if c.Objects, err = Decode(in); err != nil {
		return fmt.Errorf("%s: %w", inFile, err)
	}
	for i := range c.Objects {
		c.Objects[i] = resolved(c.Objects[i])
	}
	return nil
}

// resolved makes an EndpointSlice called externalname.<service> that of the source of names, whose name no manifest can have.
func resolved(c store.Change) store.Change {
	slice, ok := c.Object.(*discoveryv1.EndpointSlice)
	if !ok {
		return c
	}
	service, ok := strings.CutPrefix(slice.Name, "externalname.")
	if !ok {
		return c
	}
	n := kind.ExternalSlice(kobj.Name{Namespace: slice.Namespace, Name: service})
	slice.Name = n.Name
	return store.Change{Key: kobj.Key{Kind: kobj.EndpointSlice, Name: n}, Object: slice}
}

func (c *Case) readConfig() error {
	c.Config = config.Default()
	in, err := os.ReadFile(filepath.Join(c.Dir, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s settings
	if err == nil {
		err = yaml.UnmarshalStrict(in, &s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", configFile, err)
	}
	c.Config.Objects.IngressClassNames, c.Config.Objects.RootNamespaces = s.IngressClassNames, s.RootNamespaces
	c.Config.Objects.DisablePermitInsecure, c.Config.Objects.NamespacesOwnHosts = s.DisablePermitInsecure, s.NamespacesOwnHosts
	c.Config.Objects.RootNamespacesBindIngress, c.Config.Objects.InclusionNeedsConsent = s.RootNamespacesBindIngress, s.InclusionNeedsConsent
	c.Config.Status.Addresses = s.StatusAddresses
	if namespace, name, ok := strings.Cut(s.FallbackCertificate, "/"); ok {
		c.Config.Objects.FallbackCertificate = kobj.Name{Namespace: namespace, Name: name}
	}
	if namespace, name, ok := strings.Cut(s.ClientCertificate, "/"); ok {
		c.Config.Objects.ClientCertificate = kobj.Name{Namespace: namespace, Name: name}
	}
	if c.Config.RateLimits, err = s.RateLimitService.config(); err != nil {
		return err
	}
	c.Config.Authorization.Server, c.Config.Names.ExternalServices = s.GlobalExtAuth, s.ExternalServices
	c.Config.Headers, c.Config.AccessLog.Text = s.Headers, s.LogText
	if s.Tracing != nil {
		c.Config.Tracing = *s.Tracing
	}
	c.Config.Gateways.Addresses, c.Config.Gateways.Provision = s.GatewayAddresses, s.Provision
	if s.Budgets != nil {
		c.Config.Budgets = *s.Budgets
	}
	versions := map[string]ir.TLSVersion{"1.2": ir.TLS12, "1.3": ir.TLS13}
	if v, ok := versions[s.MinTLS]; ok {
		c.Config.TLS.Min = v
	}
	if v, ok := versions[s.MaxTLS]; ok {
		c.Config.TLS.Max = v
	}
	return nil
}

func (c *Case) readChecks() error {
	in, err := os.ReadFile(filepath.Join(c.Dir, expectFile))
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(in, &c.Checks); err != nil {
		return fmt.Errorf("%s: %w", expectFile, err)
	}
	for i := range c.Checks {
		if name := c.Checks[i].ClientCertificate; name != "" {
			if c.Checks[i].ClientChain, err = Client(name); err != nil {
				return fmt.Errorf("%s: %w", expectFile, err)
			}
		}
	}
	if len(c.Checks) == 0 {
		return fmt.Errorf("%s contains no requests", expectFile)
	}
	return nil
}
