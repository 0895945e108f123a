package main

import (
	"io"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/term"
)

// vietnam is +07:00: dates without a zone are in it, and people read times in it.
var vietnam = time.FixedZone("+07", 7*3600)

// progressEvery is how often a progress bar is drawn.
const progressEvery = 100 * time.Millisecond

// showProgressAfter is how long something takes before its progress is worth drawing: rates of less mean nothing.
const showProgressAfter = 500 * time.Millisecond

// patientWriter drops what is written to it before a time.
type patientWriter struct {
	w    io.Writer
	from time.Time
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if time.Now().Before(p.from) {
		return len(b), nil
	}
	return p.w.Write(b)
}

func local(t time.Time) string { return t.In(vietnam).Format("02/01/2006 15:04:05") }

func isTerminal(v io.Reader) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// version is the module's, or the commit's, as the Go tool recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
