package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"contour.example/harness/address"
	"contour.example/harness/asset"
	"contour.example/harness/poll"
	"contour.example/harness/process"
)

// startTimeout is for one server on a machine that runs other tests at the same time.
const startTimeout = 90 * time.Second

// Cluster is a running API server.
type Cluster struct {
	// Config is a client configuration of a user with all rights, without client-side rate limits.
	Config *rest.Config
	// Kubeconfig is the path of a kubeconfig file for the same user.
	Kubeconfig string
	// Dir has data, certificates and logs (*.log).
	Dir string

	ports     *address.Claims
	etcd      *process.Process
	spec      process.Spec // of the API server
	apiserver *process.Process
}

// Start returns when the API server is ready. All files go below dir, which
// must exist; the programs come from package asset.
func Start(ctx context.Context, dir string) (*Cluster, error) {
	ports, err := address.New()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, ports: ports}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("local cluster: %w", err), c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	etcdURL, err := c.startEtcd(ctx)
	if err != nil {
		return err
	}
	port, err := c.ports.Port()
	if err != nil {
		return err
	}
	files, err := writeCredentials(c.Dir)
	if err != nil {
		return err
	}
	c.Config = files.config("https://127.0.0.1:" + strconv.Itoa(port))
	if c.Kubeconfig, err = writeKubeconfig(c.Dir, c.Config); err != nil {
		return err
	}
	return c.prepareAPIServer(ctx, etcdURL, port, files)
}

func (c *Cluster) startEtcd(ctx context.Context) (url string, err error) {
	path, err := asset.Get(ctx, "etcd")
	if err != nil {
		return "", err
	}
	client, err := c.ports.Port()
	if err != nil {
		return "", err
	}
	peer, err := c.ports.Port()
	if err != nil {
		return "", err
	}
	url = "http://127.0.0.1:" + strconv.Itoa(client)
	peers := "http://127.0.0.1:" + strconv.Itoa(peer)
	c.etcd, err = process.Start(process.Spec{
		Name: "etcd", Path: path, Log: filepath.Join(c.Dir, "etcd.log"),
		Args: []string{
			"--name=local",
			"--data-dir=" + filepath.Join(c.Dir, "etcd"),
			"--listen-client-urls=" + url, "--advertise-client-urls=" + url,
			"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers,
			"--initial-cluster=local=" + peers,
			"--unsafe-no-fsync", "--quota-backend-bytes=8589934592", "--log-level=warn",
		},
	})
	if err != nil {
		return "", err
	}
	return url, ready(ctx, c.etcd, http.DefaultTransport, url+"/readyz")
}

func (c *Cluster) prepareAPIServer(ctx context.Context, etcdURL string, port int, files credentials) error {
	path, err := asset.Get(ctx, "kube-apiserver")
	if err != nil {
		return err
	}
	c.spec = process.Spec{
		Name: "kube-apiserver", Path: path, Log: filepath.Join(c.Dir, "kube-apiserver.log"),
		Args: apiServerFlags(etcdURL, port, files),
	}
	return c.StartAPIServer(ctx)
}

func apiServerFlags(etcdURL string, port int, files credentials) []string {
	return []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port),
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.96.0.0/12",
		"--tls-cert-file=" + files.serverCert, "--tls-private-key-file=" + files.serverKey,
		"--client-ca-file=" + files.ca,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + files.serverCert, "--service-account-signing-key-file=" + files.serverKey,
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount",
		"--enable-priority-and-fairness=false", "--max-requests-inflight=0", "--max-mutating-requests-inflight=0",
		"--event-ttl=10m",
	}
}

// StopAPIServer kills the API server; its data stay, and so does its address.
func (c *Cluster) StopAPIServer() error { return c.apiserver.Kill() }

// StartAPIServer starts it again after StopAPIServer and returns when it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	var err error
	if c.apiserver, err = process.Start(c.spec); err != nil {
		return err
	}
	transport, err := rest.TransportFor(c.Config)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return ready(ctx, c.apiserver, transport, c.Config.Host+"/readyz")
}

// Stop kills both servers and returns when they have exited. The files stay.
func (c *Cluster) Stop() error {
	var errs []error
	for _, p := range []*process.Process{c.apiserver, c.etcd} {
		if p != nil {
			errs = append(errs, p.Kill())
		}
	}
	return errors.Join(append(errs, c.ports.Close())...)
}

// ready waits until the URL answers 200, or the process has exited.
func ready(ctx context.Context, p *process.Process, transport http.RoundTripper, url string) error {
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	return poll.Until(ctx, startTimeout, "readiness of "+url, func(ctx context.Context) (bool, string, error) {
		if !p.Running() {
			return false, "", fmt.Errorf("ended: %w", errors.Join(p.Err(), errors.New(p.Tail(5))))
		}
		return get(ctx, client, url)
	})
}

func get(ctx context.Context, client *http.Client, url string) (ok bool, observation string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, "", fmt.Errorf("request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return false, err.Error(), nil
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false, err.Error(), nil
	}
	return response.StatusCode == http.StatusOK, response.Status + " " + string(body), nil
}
