// Package ratelimit runs the rate limit service of the Envoy project, with the Redis in which it counts.
//
// In goes the configuration of the service and the address at which it serves gRPC; both programs end with this process. The
// service is built from its module; Redis is Debian's package, which is installed if need be, which only root can do.
package ratelimit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"contour.example/harness/address"
	"contour.example/harness/asset"
	"contour.example/harness/debian"
	"contour.example/harness/process"
	"contour.example/harness/progress"
)

// Options specify a service.
type Options struct {
	// Dir has the configuration and the logs.
	Dir string
	// Configuration is a domain with its descriptors, as YAML.
	Configuration string
	// Addresses are for what the programs listen on.
	Addresses *address.Claims
}

// Service is a service that runs. It can be stopped and started again, and forgets no count by that.
type Service struct {
	// Address is where it serves gRPC, without TLS.
	Address netip.AddrPort

	path, log string
	env       []string
	redis     *process.Process

	redisAddress string
	server       *process.Process
}

// grace is how long a program has to end.
const grace = 2 * time.Second

// Start returns when the service accepts connections.
func Start(ctx context.Context, o Options) (*Service, error) {
	if err := debian.Need(ctx, progress.Log{}, map[string]string{"redis-server": "redis-server"}); err != nil {
		return nil, err
	}
	path, err := asset.Get(ctx, "ratelimit")
	if err != nil {
		return nil, err
	}
	s := &Service{path: path, log: filepath.Join(o.Dir, "ratelimit.log")}
	if err := s.configure(o); err != nil {
		return nil, fmt.Errorf("rate limit service: %w", err)
	}
	if err := s.Resume(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// configure writes the configuration, allocates addresses and starts Redis.
func (s *Service) configure(o Options) error {
	config := filepath.Join(o.Dir, "ratelimit", "config")
	if err := os.MkdirAll(config, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(config, "config.yaml"), []byte(o.Configuration), 0o644); err != nil {
		return err
	}
	ip, err := o.Addresses.IP()
	if err != nil {
		return err
	}
	var ports [4]int
	for i := range ports {
		if ports[i], err = o.Addresses.Port(); err != nil {
			return err
		}
	}
	s.Address = netip.AddrPortFrom(ip, uint16(ports[0]))
	redis := strconv.Itoa(ports[1])
	s.env = []string{
		"USE_STATSD=false", "DISABLE_STATS=true", "LOG_LEVEL=warn",
		"REDIS_SOCKET_TYPE=tcp", "REDIS_URL=127.0.0.1:" + redis,
		"RUNTIME_ROOT=" + filepath.Dir(config), "RUNTIME_SUBDIRECTORY=", "RUNTIME_APPDIRECTORY=config", "RUNTIME_WATCH_ROOT=false",
		"GRPC_HOST=" + ip.String(), "GRPC_PORT=" + strconv.Itoa(ports[0]),
		"HOST=127.0.0.1", "PORT=" + strconv.Itoa(ports[2]), "DEBUG_HOST=127.0.0.1", "DEBUG_PORT=" + strconv.Itoa(ports[3]),
	}
	s.redisAddress = net.JoinHostPort("127.0.0.1", redis)
	s.redis, err = process.Start(process.Spec{
		Name: "redis-server", Path: "redis-server", Dir: o.Dir, Log: filepath.Join(o.Dir, "redis.log"),
		Args: []string{"--bind", "127.0.0.1", "--port", redis, "--save", "", "--appendonly", "no"},
	})
	return err
}

// Resume starts the service, also after Pause, and returns when it accepts connections. It ends if Redis does not answer yet, and is
// started again then.
func (s *Service) Resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.server == nil || !s.server.Running() {
			var err error
			if s.server, err = process.Start(process.Spec{Name: "ratelimit", Path: s.path, Env: s.env, Log: s.log}); err != nil {
				return err
			}
		}
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address.String()); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the rate limit service does not accept connections: %w\n%s", ctx.Err(), s.server.Tail(20))
		case <-tick.C:
		}
	}
}

// Pause ends the service; the counts remain.
func (s *Service) Pause() error { return s.server.Stop(grace) }

// Freeze stops the service in the middle of what it does: it accepts connections and answers nothing.
func (s *Service) Freeze() error { return s.server.Signal(syscall.SIGSTOP) }

// Thaw continues the service after Freeze.
func (s *Service) Thaw() error { return s.server.Signal(syscall.SIGCONT) }

// Break makes Redis refuse to count, so that the service answers with errors. The counts remain.
func (s *Service) Break(ctx context.Context) error { return s.configureRedis(ctx, "maxmemory 1") }

// Repair ends what Break does.
func (s *Service) Repair(ctx context.Context) error { return s.configureRedis(ctx, "maxmemory 0") }

// configureRedis sets a parameter of Redis.
func (s *Service) configureRedis(ctx context.Context, parameter string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.redisAddress)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(conn, "CONFIG SET %s\r\n", parameter); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && answer != "+OK\r\n" {
		err = fmt.Errorf("redis does not set %s: %q", parameter, answer)
	}
	return err
}

// Stop ends the service and Redis.
func (s *Service) Stop() error {
	var problems []error
	for _, p := range []*process.Process{s.server, s.redis} {
		if p != nil {
			problems = append(problems, p.Stop(grace))
		}
	}
	return errors.Join(problems...)
}
