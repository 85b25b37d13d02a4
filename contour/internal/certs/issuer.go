package certs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"contour.example/contour/internal/ir"
)

// Issuer issues the certificates of fleets with an Authority in files, which are read each time, since they may be renewed.
type Issuer struct {
	CA        string // the file with the certificates that the certificate of the controller chains to
	Cert, Key string // the files of the Authority
	Namespace string // of the controller
	// LifetimeDays is how long certificates are valid, at most; they are renewed after two thirds of that.
	LifetimeDays int
}

func (i Issuer) read() (ca []byte, pair KeyPair, err error) {
	for _, f := range []struct {
		path string
		into *[]byte
	}{{i.CA, &ca}, {i.Cert, &pair.Cert}, {i.Key, &pair.Key}} {
		if *f.into, err = os.ReadFile(f.path); err != nil {
			return nil, KeyPair{}, fmt.Errorf("authority of fleets: %w", err)
		}
	}
	return ca, pair, nil
}

// Authorities returns a hash of the certificates of the authorities.
func (i Issuer) Authorities() (string, error) {
	ca, pair, err := i.read()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(ca, pair.Cert...))
	return hex.EncodeToString(sum[:]), nil
}

// Issue returns the data of the Secret of a fleet, and when to issue another one.
func (i Issuer) Issue(fleet string, now time.Time) (data map[string][]byte, renew time.Time, err error) {
	ca, pair, err := i.read()
	if err != nil {
		return nil, time.Time{}, err
	}
	authority, err := ReadAuthority(pair, i.Namespace)
	if err != nil {
		return nil, time.Time{}, err
	}
	issued, end, err := authority.Issue(ir.Fleet(fleet), i.LifetimeDays, now)
	if err != nil {
		return nil, time.Time{}, err
	}
	data = issued.data()
	data[caKey] = ca
	return data, now.Add(end.Sub(now) / 3 * 2), nil
}
