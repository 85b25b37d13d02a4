package ref

import (
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/bits"
	"strings"
)

const (
	// minRSA is the fewest bits that Envoy accepts.
	minRSA = 2048
	// maxRSA is the most bits of a key that is served: a handshake costs Envoy 15 ms of a worker with 4,096 bits, and eight times
	// as much with twice as many. Contour has no such limit.
	maxRSA = 4096
	// maxPrivateKey bounds a private key before it is parsed, in bytes of DER: one of maxRSA bits has about 2,400. To parse a
	// key is to calculate with its numbers.
	maxPrivateKey = 4 << 10
)

// privateKeyProblem says why the private key in PEM data cannot be used, as the end of a sentence that begins with its Secret; "" if
// its number and its size permit to parse it. It only looks at lengths. Parameter blocks beside a key do not count.
func privateKeyProblem(data []byte) string {
	var key []byte
	keys := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			key = block.Bytes
			keys++
		}
	}
	if keys != 1 {
		return fmt.Sprintf("has %d private keys in tls.key; exactly one is required", keys)
	}
	if problem := rsaProblem(modulusBits(key)); problem != "" {
		return problem
	}
	if len(key) > maxPrivateKey {
		return fmt.Sprintf("has a private key of %d bytes; at most %d are supported", len(key), maxPrivateKey)
	}
	return ""
}

// rsaProblem says why an RSA key of that many bits cannot be served; "" if it can, or if it is 0.
func rsaProblem(size int) string {
	switch {
	case size > 0 && size < minRSA:
		return fmt.Sprintf("has an RSA key of %d bits; Envoy requires at least %d", size, minRSA)
	case size > maxRSA:
		return fmt.Sprintf("has an RSA key of %d bits; at most %d are supported, because larger keys make handshakes expensive", size, maxRSA)
	}
	return ""
}

// modulusBits is the size of the modulus of an RSA private key in DER, by PKCS #1 or #8; 0 for any other key.
func modulusBits(key []byte) int {
	second, rest := secondOf(key)
	if second.Tag == asn1.TagSequence { // PKCS #8: the algorithm, then the key of PKCS #1
		var inner asn1.RawValue
		if _, err := asn1.Unmarshal(rest, &inner); err != nil || inner.Tag != asn1.TagOctetString {
			return 0
		}
		second, _ = secondOf(inner.Bytes)
	}
	if second.Class != asn1.ClassUniversal || second.Tag != asn1.TagInteger {
		return 0
	}
	n := second.Bytes
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	if len(n) == 0 {
		return 0
	}
	return 8*(len(n)-1) + bits.Len8(n[0])
}

// secondOf returns the second element of a sequence in DER, and what follows it; zero if there is none.
func secondOf(der []byte) (second asn1.RawValue, rest []byte) {
	var sequence, first asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sequence); err != nil || sequence.Tag != asn1.TagSequence {
		return asn1.RawValue{}, nil
	}
	rest, err := asn1.Unmarshal(sequence.Bytes, &first)
	if err != nil {
		return asn1.RawValue{}, nil
	}
	if rest, err = asn1.Unmarshal(rest, &second); err != nil {
		return asn1.RawValue{}, nil
	}
	return second, rest
}
