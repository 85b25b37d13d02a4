package main

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	query := dnsmessage.Message{
		Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{
			{Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
			{Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET},
		},
	}
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	text, err := answer(packed)
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(text); err != nil {
		t.Fatal(err)
	}
	if !m.Response || m.ID != 7 || len(m.Questions) != 2 || len(m.Answers) != 1 {
		t.Fatalf("got %+v", m)
	}
	if a, ok := m.Answers[0].Body.(*dnsmessage.AResource); !ok || a.A != [4]byte{192, 0, 2, 53} {
		t.Errorf("got %v", m.Answers[0].Body)
	}
	if _, err := answer([]byte("no query")); err == nil {
		t.Error("what is no query was answered")
	}
}
