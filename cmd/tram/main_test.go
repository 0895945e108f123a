package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tram-exchange/tram/testdata/demo"
)

// TestMain makes this test binary a tram: run under that name it is the program, so that scripts and tests start real
// nodes as processes of their own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tram": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the commands as people would: one story a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			api, err := freeAddress()
			if err != nil {
				return err
			}
			operations, err := freeAddress()
			if err != nil {
				return err
			}
			for _, name := range []string{demo.OfficeOfCommittee, demo.OfficeOfDepartment, demo.OfficeOfDistrict} {
				b, err := demo.Office(name)
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), b, 0o600); err != nil {
					return err
				}
			}
			people, err := freeAddress()
			if err != nil {
				return err
			}
			e.Setenv("PORTAL", people)
			e.Setenv("API", api)
			e.Setenv("OPERATIONS", operations)
			e.Setenv("TODAY", time.Now().In(vietnam).Format(time.DateOnly))
			e.Setenv("TRAM_NODE", "https://"+api)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfile": waitFile,
			"flip":     flipByte,
			"asktrial": askTrial,

			"administer": administer,

			"documentkey":   documentKeyOf,
			"waitproved":    waitProved,
			"waithealth":    waitHealth,
			"waitdestroyed": waitDestroyed,

			"fsck":    fsckLog,
			"waitlog": waitLog,
		},
	})
}
