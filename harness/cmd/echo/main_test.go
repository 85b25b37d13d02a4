package main

import (
	"net"
	"testing"
	"time"
)

func TestUDPAnswers(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go answer(server, "pod")
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	n, err := client.Read(buffer)
	if got := string(buffer[:n]); got != "pod\nhello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-http", "nowhere"}); err == nil {
		t.Error("a bad address is accepted")
	}
}
