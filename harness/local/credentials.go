package local

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"contour.example/harness/pki"
)

// credentials are the files that the API server reads, and the administrator's certificate.
type credentials struct {
	ca, serverCert, serverKey string
	caPEM                     []byte
	admin                     pki.Pair
}

func writeCredentials(dir string) (credentials, error) {
	ca, err := pki.New("local cluster")
	if err != nil {
		return credentials{}, err
	}
	c := credentials{ca: filepath.Join(dir, "ca.crt"), caPEM: ca.Cert}
	if err := os.WriteFile(c.ca, ca.Cert, 0o644); err != nil {
		return credentials{}, fmt.Errorf("CA certificate: %w", err)
	}
	server, err := ca.Server("kubernetes", "kubernetes.default.svc", "localhost", "127.0.0.1")
	if err != nil {
		return credentials{}, err
	}
	if c.serverCert, c.serverKey, err = server.Write(dir, "apiserver"); err != nil {
		return credentials{}, err
	}
	c.admin, err = ca.Issue(pki.Request{CommonName: "admin", Organization: []string{"system:masters"}})
	return c, err
}

func (c credentials) config(host string) *rest.Config {
	return &rest.Config{
		Host: host,
		QPS:  -1, // no client-side limit
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.caPEM, CertData: c.admin.Cert, KeyData: c.admin.Key,
		},
	}
}

func writeKubeconfig(dir string, config *rest.Config) (string, error) {
	const name = "local"
	k := clientcmdapi.NewConfig()
	k.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	k.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	k.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	k.CurrentContext = name
	path := filepath.Join(dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*k, path); err != nil {
		return "", fmt.Errorf("kubeconfig: %w", err)
	}
	return path, nil
}
