package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"
)

// What commands ask of the running node goes over its operations listener.

// operationHeader names what a request is to set off. It keeps web pages from doing it: a browser sends no header of its own to
// another origin without asking first, and nobody answers.
const operationHeader = "X-Tram-Operation"

// errNoOperations: there is no address at which the node could be asked.
var errNoOperations = errors.New("the node has no operations address")

// noNode says that nobody was asked, since there is no address or nobody listens at it.
func noNode(err error) bool {
	return errors.Is(err, errNoOperations) || errors.Is(err, syscall.ECONNREFUSED)
}

// forOperation lets only requests through that name the operation.
func forOperation(operation string, f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(operationHeader) != operation {
			http.Error(w, fmt.Sprintf("want the header %s: %s", operationHeader, operation), http.StatusForbidden)
			return
		}
		f(w, r)
	}
}

// askOperations asks the running node and reads the JSON that it answers with.
func askOperations(ctx context.Context, c *Config, method, path, operation string, timeout time.Duration, answer any) (status int, err error) {
	if c.Operations == "" {
		return 0, errNoOperations
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.Operations+path, nil)
	if err != nil {
		return 0, fmt.Errorf("couldn't make request: %w", err)
	}
	req.Header.Set(operationHeader, operation)
	resp, err := (&http.Client{Timeout: timeout}).Do(req)
	if err != nil {
		return 0, fmt.Errorf("couldn't reach the node's operations address: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(b, answer)
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't read the node's answer: HTTP %d: %.100q: %w", resp.StatusCode, bytes.TrimSpace(b), err)
	}
	return resp.StatusCode, nil
}
