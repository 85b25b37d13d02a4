package report

// about describes in a sentence or two what a scenario does; empty if it is not known.
func about(scenario string) string {
	return map[string]string{
		"load":        "N objects, with a host and two routes each, are created as fast as the API server accepts them. Times count from its last response; CPU and bytes are those of all objects together.",
		"idle":        "Nothing is done for a while, with all objects loaded.",
		"edit":        "One route of a random object is changed to another Service, repeatedly; a client sends requests until the change is served.",
		"create":      "An object with a new host is created; a client sends requests until it is served.",
		"delete":      "An object is deleted; a client sends requests until its host is answered with 404.",
		"service":     "A Service is created and at once an object that refers to it; a client sends requests until it is served.",
		"status":      "An object is created; a watch waits until its status is valid.",
		"endpoint":    "The endpoints of a Service move to another backend; a client sends requests until that one answers.",
		"rotation":    "The Secret of a TLS host gets another certificate; a client connects anew until it is presented.",
		"churn":       "Random objects are edited at a steady rate; at the same time one more object is edited and requested.",
		"switch":      "A host under load moves to a Service that was created just before, and the former one is deleted at once. Both backends live on, so every failed request is the fault of the switch.",
		"requests":    "A load generator sends requests to one host over 16 connections, as fast as they are answered: direct responses and proxied ones, with and without TLS, by HTTP/1.1 and HTTP/2. The hosts are in one route table and sharded in turn, and a ratio is that of one round.",
		"tls":         "Many hosts with TLS are created beside the N objects. CPU and bytes are per host.",
		"tls-edit":    "With the many TLS hosts there, one route of a random one of them is edited.",
		"tls-add":     "With the many TLS hosts there, one more is created; a client connects until it is served.",
		"propagation": "Objects with new hosts are created and deleted at a steady rate beside the N objects; requests are sent until each change is served. Meanwhile others request what is served, and each request that fails, or could not be sent, is an error. CPU and bytes are those of all changes together.",
		"gateways":    "Many Gateways with some HTTPRoutes each are created as fast as the API server accepts them. Times count from the creation of a Gateway, or from the last response; CPU and bytes are those of all together.",
		"hostile":     "One tenant edits 10 objects a second and gets 200 requests a second, first alone, then while another tenant creates, edits and deletes what costs most, an attack after the other; the last column names the bounds that are exceeded. Cells of latencies are the median and the 99th percentile.",
		"restart":     "The controller is stopped, an object edited, and the controller started again; Envoy keeps running.",
		"cold":        "Envoy is killed and started without any configuration.",
	}[scenario]
}
