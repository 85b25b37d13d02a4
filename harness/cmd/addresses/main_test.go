package main

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	pool, err := parse("172.18.252.0/22")
	if err != nil || len(pool) != 1022 || pool[0].String() != "172.18.252.1" || pool[1021].String() != "172.18.255.254" {
		t.Errorf("%d addresses, %v", len(pool), err)
	}
	pool, err = parse("10.0.0.1,10.0.0.2")
	if err != nil || len(pool) != 2 {
		t.Errorf("got %v, %v", pool, err)
	}
	if _, err := parse("everything"); err == nil {
		t.Error("nonsense is accepted")
	}
}
