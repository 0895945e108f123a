package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var config, readyFile, profile string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Chạy trạm / run a node",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			tuneRuntime()
			log := newLogger(cmd.ErrOrStderr(), c.LogFormat)
			stop, err := profileTo(profile)
			if err != nil {
				return err
			}
			defer stop()
			return runNode(cmd, c, func(a *app) error {
				return a.run(cmd.Context(), func(addresses map[string]string) {
					log.Info("ready", "origin", c.Origin, "addresses", addresses, "events", a.store.Head().Size, "trial", c.Trial)
					if readyFile != "" {
						if err := writeReady(readyFile, addresses); err != nil {
							log.Error("couldn't write ready file", "error", err)
						}
					}
				})
			})
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	cmd.Flags().StringVar(&readyFile, "ready-file", "", "write the addresses to this file, as JSON, once they are served")
	cmd.Flags().StringVar(&profile, "cpu-profile", "", "write a CPU profile of the whole run to this file")
	_ = cmd.Flags().MarkHidden("cpu-profile")
	return cmd
}

// tuneRuntime fits Go's runtime to a node, unless the environment says otherwise. A goroutine whose fdatasync waits for the
// disk keeps its scheduler slot for a while, so there are two a processor; and most of what a hand-in allocates is
// garbage a moment later, so collecting it half as often saves more time than the memory is worth.
func tuneRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

// runNode opens a node, runs f with it and closes it. A second signal ends the process at once, which costs nothing
// that got a receipt.
func runNode(cmd *cobra.Command, c *Config, f func(*app) error) error {
	go func() {
		again := make(chan os.Signal, 2)
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		var seen atomic.Int32
		for range again {
			if seen.Add(1) > 1 {
				fmt.Fprintln(cmd.ErrOrStderr(), "tram: ended at once")
				os.Exit(130)
			}
		}
	}()
	a, err := openApp(cmd.Context(), c, newLogger(cmd.ErrOrStderr(), c.LogFormat))
	if err != nil {
		return err
	}
	return errors.Join(f(a), a.close())
}

// sameHost lets through what was asked of the configured address, of a number, or of localhost. A web page can make its own name lead here,
// and then sends whatever header it likes; the name stays in Host.
func sameHost(address string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if _, err := netip.ParseAddr(host); err != nil && r.Host != address && host != "localhost" {
			http.Error(w, "want the operations address itself", http.StatusForbidden)
			return
		}
		h(w, r)
	}
}

// operationsHandler serves what the people who run the node look at. It is for loopback: nothing here asks who calls.
func (a *app) operationsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{Registry: a.metrics}))
	mux.HandleFunc("POST "+reloadPath, sameHost(a.c.Operations, forOperation(reloadOperation, a.serveReload)))
	mux.HandleFunc("POST "+rotatePath, sameHost(a.c.Operations, forOperation(rotateOperation, a.serveRotation)))
	mux.HandleFunc("POST "+rebuildPath, sameHost(a.c.Operations, forOperation(rebuildOperation, a.rebuild.serve)))
	mux.HandleFunc("GET "+rebuildPath, a.rebuild.serve)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		err := a.node.Ready(r.Context())
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "not ready:", err)
		} else {
			fmt.Fprintln(w, "ready")
		}
		if !r.URL.Query().Has("verbose") {
			return
		}
		checks, err := a.checks(r.Context())
		if err != nil {
			fmt.Fprintln(w, "checks:", err)
			return
		}
		slices.SortStableFunc(checks, worstFirst)
		for _, c := range checks {
			fmt.Fprintln(w, checkLine(c))
		}
	})
	return mux
}
