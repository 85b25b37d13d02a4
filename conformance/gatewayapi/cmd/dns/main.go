// The command dns answers each DNS query for an address with 192.0.2.53, on UDP port 53: what the suite needs of CoreDNS.
package main

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/net/dns/dnsmessage"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{Port: 53})
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	buffer := make([]byte, 65535)
	for {
		n, client, err := conn.ReadFromUDP(buffer)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		response, err := answer(buffer[:n])
		if err != nil {
			fmt.Fprintln(os.Stderr, client, err)
			continue
		}
		if _, err := conn.WriteToUDP(response, client); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// answer returns the response to a query.
func answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true}
	m.Additionals = nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 30},
				Body:   &dnsmessage.AResource{A: [4]byte{192, 0, 2, 53}},
			})
		}
	}
	response, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("response: %w", err)
	}
	return response, nil
}
