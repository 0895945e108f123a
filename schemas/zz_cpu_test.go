package schemas

import (
	"context"
	"fmt"
	"github.com/tram-exchange/tram/internal/xmlstream"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(1, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
func measure(name string, f func()) {
	runtime.LockOSThread()
	best := time.Hour
	for range 5 {
		s := cpuTime()
		for range 3000 {
			f()
		}
		if d := (cpuTime() - s) / 3000; d < best {
			best = d
		}
	}
	fmt.Printf("%s %v\n", name, best)
}
func TestCPU(t *testing.T) {
	zipd := ReceivedBytes(samplePackage(t, 11400, false))
	raw := ReceivedBytes(samplePackage(t, 11500, true))
	var s xmlstream.Scanner
	doc := samplePackage(t, 11500, true)
	measure("scan", func() {
		s.ResetBytes(doc, xmlstream.Limits{})
		for {
			_, err := s.Next()
			if err == io.EOF {
				break
			}
		}
	})
	measure("raw", func() { Parse(context.Background(), raw, Options{Now: vectorTime}) })
	measure("zip", func() { Parse(context.Background(), zipd, Options{Now: vectorTime}) })
	measure("validate", func() { validate(context.Background(), raw, acceptGrammar()) })
	e := []byte(nil)
	for i := 0; i < 14600; i++ {
		e = append(e, 'A'+byte(i%26))
	}
	measure("plainRun", func() { plainRun(e) })
}
