package envoybootstrap

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatalf("defaults: %v", err)
	}
	tooLong := "/" + strings.Repeat("x", maxSocketPath)
	tests := map[string]struct {
		edit func(*Config)
		want string
	}{
		"relative admin socket": {func(c *Config) { c.AdminSocket = "admin.sock" }, `admin address "admin.sock": want an absolute path`},
		"admin on TCP":          {func(c *Config) { c.AdminSocket = "127.0.0.1:9001" }, "admin address"},
		"long admin socket":     {func(c *Config) { c.AdminSocket = tooLong }, "at most 107 bytes, this has 108"},
		"port 0":                {func(c *Config) { c.XDSPort = 0 }, "xDS port 0: want 1 to 65535"},
		"port 65536":            {func(c *Config) { c.XDSPort = 65536 }, "xDS port 65536"},
		"no address":            {func(c *Config) { c.XDSAddress = "" }, `xDS address ""`},
		"address with port":     {func(c *Config) { c.XDSAddress = "contour:8001" }, `xDS address "contour:8001"`},
		"address with a space":  {func(c *Config) { c.XDSAddress = "con tour" }, `xDS address "con tour"`},
		"empty label":           {func(c *Config) { c.XDSAddress = "contour..svc" }, `xDS address "contour..svc"`},
		"long label":            {func(c *Config) { c.XDSAddress = strings.Repeat("x", 64) }, "xDS address"},
		"address with zone":     {func(c *Config) { c.XDSAddress = "fe80::1%eth0" }, "xDS address"},
		"relative xDS socket":   {func(c *Config) { c.XDSAddress = "unix:xds.sock" }, `xDS address "xds.sock": want an absolute path`},
		"lookup family":         {func(c *Config) { c.DNSLookupFamily = "v5" }, `DNS lookup family "v5": want auto, v4, v6 or all`},
		"no CA":                 {func(c *Config) { c.TLS = TLS{CertFile: "/c", KeyFile: "/k"} }, "CA file: missing"},
		"no certificate":        {func(c *Config) { c.TLS = TLS{CAFile: "/a", KeyFile: "/k"} }, "certificate file: missing"},
		"no key":                {func(c *Config) { c.TLS = TLS{CAFile: "/a", CertFile: "/c"} }, "key file: missing"},
		"relative key":          {func(c *Config) { c.TLS = TLS{CAFile: "/a", CertFile: "/c", KeyFile: "k"} }, `key file "k": want an absolute path`},
		"relative resources":    {func(c *Config) { c.ResourcesDir = "resources" }, `resources directory "resources"`},
		"negative connections":  {func(c *Config) { c.MaxDownstreamConnections = -1 }, "connections -1"},
		"statistics":            {func(c *Config) { c.Stats = "some" }, `statistics "some": want default, all or minimal`},
		"empty namespace":       {func(c *Config) { c.Namespace = "" }, "namespace: missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Default()
			tt.edit(&c)
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestValidateReturnsAllErrors(t *testing.T) {
	c := Default()
	c.XDSPort, c.AdminSocket, c.DNSLookupFamily = -1, "x", "y"
	err := c.Validate()
	for _, want := range []string{"xDS port -1", `admin address "x"`, `DNS lookup family "y"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want also %q", err, want)
		}
	}
}

func TestValidateAcceptsAddresses(t *testing.T) {
	for _, address := range []string{
		"contour", "contour.projectcontour.svc.cluster.local", "contour.svc.", "my_host", "10.0.0.1", "::1", "fd00::1",
		"unix:///run/xds.sock", "unix:/run/xds.sock",
	} {
		c := Default()
		c.XDSAddress = address
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
