package app

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"contour.example/envoybootstrap"
)

// The types of HTTP/2 frames that a client without streams receives or sends.
const (
	framePing   = 6
	frameGoAway = 7
)

// connectHTTP2 opens an HTTP/2 connection to a new server of ours, within the bubble of the test.
func connectHTTP2(t *testing.T) net.Conn {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	g := newGRPC(nil, 0)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = g.Serve(l)
	}()
	c, err := l.DialContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		g.Stop()
		<-served
	})
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	return c
}

// readFrame returns the type of the next frame and when it arrived, since start.
func readFrame(c net.Conn, start time.Time) (kind byte, ack bool, at time.Duration, err error) {
	var header [9]byte
	if _, err = io.ReadFull(c, header[:]); err != nil {
		return 0, false, time.Since(start), err
	}
	length := int64(binary.BigEndian.Uint32(append([]byte{0}, header[:3]...)))
	_, err = io.CopyN(io.Discard, c, length)
	return header[3], header[4]&1 != 0, time.Since(start), err
}

// An Envoy that has vanished is asked for a sign of life, and its connection is closed if it gives none.
func TestConnectionOfAVanishedEnvoyIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, start := connectHTTP2(t), time.Now()
		var asked time.Duration
		for {
			kind, _, at, err := readFrame(c, start)
			if err != nil {
				if asked != peerSilence || at != peerSilence+peerTimeout {
					t.Errorf("asked after %s, and closed after %s (%v)", asked, at, err)
				}
				return
			}
			if kind == framePing && asked == 0 {
				asked = at
			}
		}
	})
}

// An Envoy may ask for a sign of life as often as its bootstrap says, also without a stream; one that asks much more often is refused.
func TestEnvoysMayPingWithoutAStream(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		every   time.Duration
		refused bool
	}{
		"as in the bootstrap": {envoybootstrap.PingInterval, false},
		"much more often":     {envoybootstrap.PingInterval / 10, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			conn, start := connectHTTP2(t), time.Now()
			refused := make(chan bool, 1)
			go func() {
				for {
					kind, _, _, err := readFrame(conn, start)
					if err != nil || kind == frameGoAway {
						refused <- kind == frameGoAway || !errors.Is(err, io.EOF)
						return
					}
				}
			}()
			for range 60 {
				if _, err := io.WriteString(conn, "\x00\x00\x08\x06\x00\x00\x00\x00\x00contour!"); err != nil {
					break
				}
				time.Sleep(c.every)
			}
			got := false
			select {
			case got = <-refused:
			default:
			}
			if got != c.refused {
				t.Errorf("%s: refused: %t", name, got)
			}
		})
	}
}
