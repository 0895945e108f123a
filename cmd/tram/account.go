package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/adapters/portal"
)

// accountCommand manages the people of the portal. It works beside a running node.
func accountCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{Use: "account", Short: "Tài khoản của cổng làm việc / accounts of the portal"}
	cmd.PersistentFlags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	with := func(f func(*cobra.Command, []string, *portal.Accounts) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			accounts, err := portal.OpenAccounts(portal.AccountsConfig{Path: filepath.Join(c.path(c.Data), portalFile)})
			if err != nil {
				return err
			}
			return errors.Join(f(cmd, args, accounts), accounts.Close())
		}
	}
	var add portal.NewAccount
	var role string
	addCmd := &cobra.Command{
		Use: "add USERNAME", Short: "Make an account; its first password is read from standard input, or made and printed once",
		Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, args []string, a *portal.Accounts) error {
			password, made, err := newPassword(cmd)
			if err != nil {
				return err
			}
			n := add
			n.Username, n.Role, n.Password, n.MustChange = args[0], portal.Role(role), password, true
			if n.Person != "" && !cmd.Flags().Changed("role") {
				n.Role = portal.RoleStaff
			}
			acc, err := a.CreateAccount(cmd.Context(), n)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s\n", acc.Username, acc.Role, acc.Org)
			if made {
				fmt.Fprintf(cmd.OutOrStdout(), "mật khẩu lần đầu / first password: %s\n", password)
			}
			return nil
		}),
	}
	fs := addCmd.Flags()
	fs.StringVar(&add.Org, "org", "", "organisation identity, e.g. H02.02 (not for an operator)")
	fs.StringVar(&add.DisplayName, "name", "", "the person's name")
	fs.StringVar(&role, "role", string(portal.RoleClerk), "staff, clerk, viewer, auditor or operator; with --person it is staff")
	fs.StringVar(&add.Person, "person", "", "who it is in the agency's office: id in the directory, e.g. nv-012")
	fs.StringVar(&add.Right, "right", "", "recorded reading right of an auditor")
	fs.StringVar(&add.Language, "language", "vi", "vi or en")

	list := &cobra.Command{Use: "list", Short: "List the accounts", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, _ []string, a *portal.Accounts) error {
			all, err := a.List(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "USERNAME\tROLE\tORG\tPERSON\tNAME\tSTATE")
			for _, acc := range all {
				state := "active"
				if acc.Disabled {
					state = "disabled"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", acc.Username, acc.Role, acc.Org, cmp.Or(acc.Person, "-"), acc.DisplayName, state)
			}
			return w.Flush()
		})}
	password := &cobra.Command{Use: "password USERNAME", Short: "Set a new password, to be changed at the next sign-in; ends all sessions", Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, args []string, a *portal.Accounts) error {
			password, made, err := newPassword(cmd)
			if err != nil {
				return err
			}
			if err := a.SetPassword(cmd.Context(), args[0], password, true); err != nil {
				return err
			}
			if made {
				fmt.Fprintf(cmd.OutOrStdout(), "mật khẩu lần đầu / first password: %s\n", password)
			}
			return nil
		})}
	person := &cobra.Command{Use: "person USERNAME PERSON", Short: "Say who an account is in its agency's office (id in the directory): it becomes staff; ends all sessions", Args: cobra.ExactArgs(2),
		RunE: with(func(cmd *cobra.Command, args []string, a *portal.Accounts) error {
			return a.SetPerson(cmd.Context(), args[0], args[1])
		})}
	var enable bool
	disable := &cobra.Command{Use: "disable USERNAME", Short: "Disable an account (or enable it again)", Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, args []string, a *portal.Accounts) error {
			return a.Disable(cmd.Context(), args[0], !enable)
		})}
	disable.Flags().BoolVar(&enable, "undo", false, "enable it again")
	unlock := &cobra.Command{Use: "unlock USERNAME", Short: "Forget failed sign-ins", Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, args []string, a *portal.Accounts) error {
			return a.Unlock(cmd.Context(), args[0])
		})}
	cmd.AddCommand(addCmd, list, person, password, disable, unlock)
	return cmd
}

// newPassword reads a password from standard input with --password-stdin semantics: a non-empty first line is the
// password, an empty input (or a terminal) means that one is made.
func newPassword(cmd *cobra.Command) (password string, made bool, err error) {
	if !isTerminal(cmd.InOrStdin()) {
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if p := strings.TrimRight(line, "\r\n"); p != "" {
			return p, false, nil
		}
		if err != nil && line != "" {
			return "", false, fmt.Errorf("couldn't read password: %w", err)
		}
	}
	var b [15]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", false, fmt.Errorf("couldn't make password: %w", err)
	}
	s := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	return strings.Join([]string{s[:6], s[6:12], s[12:18], s[18:]}, "-"), true, nil
}
