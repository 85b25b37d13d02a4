package config

// Process configures the process of the controller. It is read at start-up only.
type Process struct {
	Server          Server
	Health, Metrics Address
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
}

func defaultProcess() Process {
	return Process{
		Server:  Server{Address: Address{Host: "127.0.0.1", Port: 8001}, PerAddress: 16},
		Health:  Address{Host: "0.0.0.0", Port: 8000},
		Metrics: Address{Host: "0.0.0.0", Port: 8000},
		Debug:   Address{Host: "127.0.0.1", Port: 6060},
	}
}
