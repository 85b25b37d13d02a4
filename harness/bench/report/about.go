package report

// about says in a sentence or two what a scenario does; empty if it is not known.
func about(scenario string) string {
	return map[string]string{
		"load":     "N objects, with a host and two routes each, are created as fast as the API server takes them. Times count from its last answer; CPU and bytes are those of all objects together.",
		"idle":     "Nothing is done for a while, with all objects loaded.",
		"edit":     "One route of a random object is led to another Service, again and again; a client asks until it sees that.",
		"create":   "An object with a new host is created; a client asks until it is served.",
		"delete":   "An object is deleted; a client asks until nobody answers for its host.",
		"service":  "A Service is created and at once an object that leads to it; a client asks until it is served.",
		"status":   "An object is created; a watch waits for the status that says it is valid.",
		"endpoint": "The endpoints of a Service move to another backend; a client asks until that one answers.",
		"rotation": "The Secret of a TLS host gets another certificate; a client connects anew until it is presented.",
		"churn":    "Random objects are edited at a steady rate; meanwhile one more object is edited and asked for.",
		"switch":   "A host under load moves to a Service that was created just before, and the former one is deleted at once. Both backends live on, so every failed request is the fault of the switch.",
		"tls":      "Many hosts with TLS are created beside the N objects. CPU and bytes are per host.",
		"tls-edit": "With the many TLS hosts there, one route of a random one of them is edited.",
		"tls-add":  "With the many TLS hosts there, one more is created; a client connects until it is served.",
		"restart":  "The controller is stopped, an object edited, and the controller started again; Envoy goes on.",
		"cold":     "Envoy is killed and started without any configuration.",
	}[scenario]
}
