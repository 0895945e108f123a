// Package httpapi serves the gateway over HTTP: one table of routes (routes.go) says for each who may call it, and the
// same table makes the router, the OpenAPI description at /openapi.json and the access test. A route that names nobody
// answers nobody.
//
// Every negative answer has one JSON shape (Problem) with a number of the published catalogue. Bodies are read under a
// minimum rate, answers written under one, and requests counted per address and per client.
package httpapi
