// Command tram is the whole of Trạm in one program: it makes a node (init), runs it (serve), and is the tool of those who hand in
// documents (sign, check, send, mailbox, status), of auditors (verify, receipt) and of the curious (demo, bench).
//
// This is the only place that imports every room and wires them together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// errSilent ends with exit status 1 without another line: the command has already said what is wrong.
var errSilent = errors.New("")

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "tram",
		Short:         "Trạm liên thông văn bản: trao đổi, ghi sổ và chứng minh văn bản điện tử có ký số",
		Long:          "Trạm carries signed official documents between agencies and keeps a record that can be proved.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(commands()...)
	if err := root.ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(stderr, "tram:", err)
		}
		return 1
	}
	return 0
}
