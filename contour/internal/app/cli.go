package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"contour.example/contour/internal/observer"
	"contour.example/contour/internal/xds/table"
)

// cliFlags are the flags of cli, with the names and defaults of Contour.
type cliFlags struct {
	address       string
	ca, cert, key string
	delta, nack   bool
	node          string
}

func cliCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &cliFlags{}
	c := &cobra.Command{
		Use:   "cli",
		Short: "Show what the controller sends to Envoys, as JSON, until interrupted.",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	fs := c.PersistentFlags()
	fs.StringVar(&f.address, "contour", "127.0.0.1:8001", "Address and port of the xDS server.")
	fs.StringVar(&f.ca, "cafile", s.Env("CLI_CAFILE"), "CA that signed the certificate of the xDS server.")
	fs.StringVar(&f.cert, "cert-file", s.Env("CLI_CERT_FILE"), "Certificate to show to the xDS server: that of an Envoy.")
	fs.StringVar(&f.key, "key-file", s.Env("CLI_KEY_FILE"), "Key of that certificate.")
	fs.BoolVar(&f.delta, "delta", false, "Receive what has changed, not all resources each time.")
	fs.BoolVar(&f.nack, "nack", false, "Answer each response with a rejection. The controller of this version ignores what the client answers.")
	node := "ContourCLI"
	if id := s.Env("CLI_NODE_ID"); id != "" {
		node = id
	}
	fs.StringVar(&f.node, "node-id", node, "Node id of the client.")
	for _, of := range []struct {
		t    table.Type
		what string
	}{
		{table.Cluster, "clusters"},
		{table.Endpoint, "endpoints"},
		{table.Listener, "listeners"},
		{table.Route, "route tables"},
		{table.Secret, "secrets, without what is private in them"},
		{table.Scope, "scopes, which lead requests to route tables"},
	} {
		c.AddCommand(&cobra.Command{
			Use:   strings.ToLower(of.t.String()) + " [NAME ...]",
			Short: "Show " + of.what + ".",
			RunE: func(c *cobra.Command, names []string) error {
				return f.run(c.Context(), s, logging, of.t, names)
			},
		})
	}
	return c
}

func (f *cliFlags) run(ctx context.Context, s Streams, logging *logFlags, t table.Type, names []string) error {
	secure, err := f.credentials()
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(f.address, grpc.WithTransportCredentials(secure))
	if err != nil {
		return usage(fmt.Errorf("--contour: %w", err))
	}
	defer func() { _ = conn.Close() }()
	err = observer.Run(ctx, conn, observer.Options{
		Type: t, Names: names, Node: f.node, Delta: f.delta, Reject: f.nack, Out: s.Out, Log: logger(s.Err, logging),
	})
	if ctx.Err() != nil {
		return nil // interrupted
	}
	return err
}

// serverName is the name in the certificate of the xDS server.
const serverName = "contour"

// credentials returns those of a client with a certificate, or of one without TLS.
func (f *cliFlags) credentials() (credentials.TransportCredentials, error) {
	if f.ca == "" && f.cert == "" && f.key == "" {
		return insecure.NewCredentials(), nil
	}
	if f.ca == "" || f.cert == "" || f.key == "" {
		return nil, usage(errors.New("--cafile, --cert-file and --key-file: give all three, or none for plain text"))
	}
	certificate, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("--cert-file, --key-file: %w", err)
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, fmt.Errorf("--cafile: %w", err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--cafile: %s has no certificate", f.ca)
	}
	return credentials.NewTLS(&tls.Config{
		ServerName: serverName, Certificates: []tls.Certificate{certificate}, RootCAs: trusted, MinVersion: tls.VersionTLS12,
	}), nil
}
