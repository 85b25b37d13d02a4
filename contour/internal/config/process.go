package config

import (
	"time"

	"contour.example/contour/internal/ir"
)

// Process configures the process of the controller. It is read at start-up only.
type Process struct {
	Server          Server
	Health, Metrics Address
	MetricsTLS      ir.TLSFiles // zero: metrics are served in plain text
	MetricsPerHost  bool        // hosts are labels of metrics
	Debug           Address
	LogDebug        bool
	API             API
}

// API configures the client of the API server.
type API struct {
	InCluster  bool
	Kubeconfig string  // "" is the default of kubectl
	QPS        float32 // requests a second; 0 is no limit
	Burst      int
}

// Server configures the xDS server.
type Server struct {
	Address
	Insecure      bool // without TLS
	CA, Cert, Key string
	PerAddress    int // connections, and streams, that an IP address may have
	// ConnectionAge is the time after which a connection ends, give or take a tenth, so that Envoys spread over the
	// replicas; 0 is never.
	ConnectionAge time.Duration
}

func defaultProcess() Process {
	return Process{
		Server:  Server{Address: Address{Host: "127.0.0.1", Port: 8001}, PerAddress: 16, ConnectionAge: time.Hour},
		Health:  Address{Host: "0.0.0.0", Port: 8000},
		Metrics: Address{Host: "0.0.0.0", Port: 8000},
		Debug:   Address{Host: "127.0.0.1", Port: 6060},
	}
}
