package stagetest

import (
	"embed"
	"fmt"
)

// clients contains the certificates of clients, each with its key: good is signed by the authority "clients", as are revoked,
// expired, and below, which has an intermediate authority; stranger is signed by another authority. Cases contain the
// authority and its revocation list.
//
//go:embed clients/*.pem
var clients embed.FS

// Client returns the certificate chain and the key, in PEM, of the client with that name.
func Client(name string) ([]byte, error) {
	pem, err := clients.ReadFile("clients/" + name + ".pem")
	if err != nil {
		return nil, fmt.Errorf("client %q: %w", name, err)
	}
	return pem, nil
}
