package traffic

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/websocket"
)

// WebSocket upgrades the request, sends a message and returns the first message received.
func (c Client) WebSocket(ctx context.Context, r Request, message string) (reply string, err error) {
	conn, err := c.connect(ctx, r)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	target := "ws" + strings.TrimPrefix(r.scheme(), "http") + "://" + r.Host + orElse(r.Path, "/")
	config, err := websocket.NewConfig(target, r.scheme()+"://"+r.Host)
	if err != nil {
		return "", fmt.Errorf("websocket: %w", err)
	}
	if r.Headers != nil {
		config.Header = r.Headers.Clone()
	}
	ws, err := websocket.NewClient(config, conn)
	if err != nil {
		return "", fmt.Errorf("websocket %s: %w", target, err)
	}
	if err := websocket.Message.Send(ws, message); err != nil {
		return "", fmt.Errorf("websocket %s: %w", target, err)
	}
	if err := websocket.Message.Receive(ws, &reply); err != nil {
		return "", fmt.Errorf("websocket %s: %w", target, err)
	}
	return reply, nil
}

// ErrBroken is that a connection was established, its handshake included, and then failed.
var ErrBroken = errors.New("connection broken")

// TCP connects (with TLS if the request has it), sends a line and returns the
// service that answers and the line that is received. It is for the servers of backend.TCP.
func (c Client) TCP(ctx context.Context, r Request, line string) (service, reply string, err error) {
	conn, err := c.connect(ctx, r)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrBroken, err)
	}
	in := bufio.NewReader(conn)
	service, greeted := in.ReadString('\n')
	reply, echoed := in.ReadString('\n')
	if err := errors.Join(greeted, echoed); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return strings.TrimSuffix(service, "\n"), strings.TrimSuffix(reply, "\n"), nil
}

// connect opens a connection that ends with the request's timeout.
func (c Client) connect(ctx context.Context, r Request) (net.Conn, error) {
	timeout := orElse(r.Timeout, DefaultTimeout)
	dialer := &net.Dialer{Timeout: timeout}
	address, dial := c.HTTP, dialer.DialContext
	if r.TLS != nil {
		address, dial = c.HTTPS, (&tls.Dialer{NetDialer: dialer, Config: r.TLS.config(r.Host)}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
