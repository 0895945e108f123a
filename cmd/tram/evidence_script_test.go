package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// documentKeyOf takes the document's key from the answer of a hand-in into $DOCUMENT: "documentkey FILE".
func documentKeyOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: documentkey FILE")
	}
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var answer struct {
		Document string `json:"document"`
	}
	ts.Check(json.Unmarshal(b, &answer))
	if len(answer.Document) != 64 {
		ts.Fatalf("%s names no document: %s", args[0], b)
	}
	ts.Setenv("DOCUMENT", answer.Document)
}

// waitProved makes evidence from a node's folder until a time-stamp covers it: "waitproved CONFIG DOCUMENT FILE TRUST".
func waitProved(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: waitproved CONFIG DOCUMENT FILE TRUST")
	}
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		ts.Check(os.RemoveAll(ts.MkAbs(args[2])))
		ts.Check(ts.Exec("tram", "evidence", args[1], "-c", args[0], "-o", args[2]))
		_ = ts.Exec("tram", "evidence", "check", args[2], "--trust", args[3])
		if strings.Contains(ts.ReadFile("stdout"), "proved by") {
			return
		}
	}
	ts.Fatalf("never proved; last: %s %s", ts.ReadFile("stdout"), ts.ReadFile("stderr"))
}

// waitHealth reads the node's health page until it has a text: "waithealth TEXT".
func waitHealth(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waithealth TEXT")
	}
	var last string
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		resp, err := http.Get("http://" + ts.Getenv("OPERATIONS") + "/readyz?verbose")
		if err != nil {
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if last = string(b); err == nil && strings.Contains(last, args[0]) {
			return
		}
	}
	ts.Fatalf("%q never came; last: %s", args[0], last)
}
