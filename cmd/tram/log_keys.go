package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

func logKeyCommand() *cobra.Command {
	var history bool
	var output string
	cmd := &cobra.Command{
		Use:   "key DIR",
		Short: "Print the log's verifier key in the form of signed notes: name+id+base64",
		Long: `Prints the key that auditors, mirrors and witnesses verify the log's newest heads with, from log.vkey in the node's folder or, without that file, from
the log key of its configuration, followed through the rotations in the record. The head that the record stores must be signed with it.

With --history it prints the way there from the log's first key: a text file that proves each rotation and is checked offline. Give it with --key-history
beside the key that you know, or as --key if you trust the file itself.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			vkey, way, err := logKey(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			text := []byte(vkey + "\n")
			if history {
				text = way.Encode()
			}
			if output != "-" {
				return writeBytes(output, text)
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&history, "history", false, "print the history of the log's keys")
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file; - is standard output")
	return cmd
}

// logKey finds the verifier key in force of a node, tries it on the stored head, and gives the way to it.
func logKey(ctx context.Context, dir string) (vkey string, way ledger.KeyHistory, err error) {
	vkey, err = storedLogKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		vkey, err = configuredLogKey(dir)
	}
	if err != nil {
		return "", way, err
	}
	key, err := ledger.ParseKey([]byte(vkey))
	if err != nil {
		return "", way, err
	}
	data, err := dataFolder(dir)
	if err != nil {
		return vkey, ledger.KeyHistory{First: vkey}, nil // a node that has recorded nothing yet has signed nothing
	}
	r, err := sqlitestore.OpenReader(ctx, data)
	if errors.Is(err, sqlitestore.ErrNoHead) {
		return vkey, ledger.KeyHistory{First: vkey}, nil
	}
	if err != nil {
		return "", way, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	state, err := logbook.Load(ctx, r)
	if err == nil {
		key, err = state.Trust(key)
	}
	if err == nil {
		_, err = key.Open(r.Head().Checkpoint, r.Head().Origin)
	}
	if err != nil {
		return "", way, fmt.Errorf("the record in %s was not signed with key %s: %w", data, vkey, err)
	}
	if state.First == "" {
		state.First = vkey
	}
	way, err = logbook.History(ctx, state, r, r.Head())
	return state.Key(), way, err
}

// recordedKeys are the verifiers of all keys of a log that are trusted, and the file of their history; nil if no key has
// followed another. Without a given key, those that the record names.
func recordedKeys(ctx context.Context, r keyRecord, given *ledger.Key) ([]note.Verifier, []byte, error) {
	state, err := logbook.Load(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	var history []byte
	if len(state.Rotations) > 0 {
		h, err := logbook.History(ctx, state, r, r.Head())
		if err != nil {
			return nil, nil, err
		}
		history = h.Encode()
	}
	if given == nil {
		return nil, history, nil
	}
	key, err := state.Trust(*given)
	if err != nil {
		return nil, nil, err
	}
	verifiers, err := key.Verifiers(r.Head().Origin)
	return verifiers, history, err
}

// proveFiles proves published files, by the key that was given if there is one.
func proveFiles(ctx context.Context, dir string, given *ledger.Key) (ledger.Head, error) {
	if given == nil {
		return tiles.Check(ctx, os.DirFS(dir))
	}
	return tiles.CheckWith(ctx, os.DirFS(dir), *given)
}

// vkeyFile is what init writes the verifier key to. It stays when the key is rotated: from it everything follows.
const vkeyFile = "log.vkey"

func storedLogKey(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, vkeyFile))
	if err != nil {
		return "", fmt.Errorf("couldn't read log key: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func configuredLogKey(dir string) (string, error) {
	c, err := loadConfig(filepath.Join(dir, "tram.yaml"))
	if err != nil {
		return "", err
	}
	keys, err := loadKeys(c)
	if err != nil {
		return "", err
	}
	pub, ok := keys.log.Public().(ed25519.PublicKey)
	if err := keys.close(); err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("couldn't use log key: %T, expected Ed25519", pub)
	}
	return ledger.LogKey(c.Origin, pub)
}

// givenLogKey is the key that was given, or that in the node's folder; nil if there is neither.
func givenLogKey(dir, keyArg string) (*ledger.Key, error) {
	text := keyArg
	if keyArg == "" {
		var err error
		if text, err = storedLogKey(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	} else if b, err := os.ReadFile(keyArg); err == nil {
		text = string(b)
	}
	key, err := ledger.ParseKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("couldn't read log key: %w", err)
	}
	if len(key.Chains()) == 0 {
		return nil, errors.New("couldn't use log key: mirrors are proved by the log's verifier key, not by certificates")
	}
	return &key, nil
}

// followHistory leads on from a key by the rotations in a file, which need not be trusted; an empty name leaves it.
func followHistory(key ledger.Key, file string) (ledger.Key, error) {
	if file == "" {
		return key, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return key, fmt.Errorf("couldn't read key history: %w", err)
	}
	h, err := ledger.ParseKeyHistory(b)
	if err != nil {
		return key, err
	}
	return key.Follow(h.Rotations)
}

// keyHistory gives the published history of a running node's log keys, made anew when there is something new in it.
func keyHistory(store events.Store) func(context.Context, events.Head) ([]byte, error) {
	var file []byte
	var upTo uint64
	return func(ctx context.Context, head events.Head) ([]byte, error) {
		state, err := logbook.Load(ctx, store)
		if err != nil || len(state.Rotations) == 0 {
			return nil, err
		}
		if file != nil && upTo == state.Count && state.Pending() == nil {
			return file, nil
		}
		h, err := logbook.History(ctx, state, store, head)
		if err != nil {
			return nil, err
		}
		file, upTo = h.Encode(), state.Count
		return file, nil
	}
}

// heldVerifiers are those of the log keys at hand.
func (k *nodeKeys) heldVerifiers(origin string) (out []note.Verifier, err error) {
	for _, key := range append([]crypto.Signer{k.log}, k.logNext...) {
		pub, ok := key.Public().(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("couldn't use log key: %T, expected Ed25519", key.Public())
		}
		text, err := ledger.LogKey(origin, pub)
		if err != nil {
			return nil, err
		}
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, fmt.Errorf("couldn't use log key: %w", err)
		}
		out = append(out, v)
	}
	return out, nil
}

// logVerifiers are those of all keys that the log names, or of those at hand while none has followed another: a published
// head may be by an earlier one.
func (k *nodeKeys) logVerifiers(origin string, store events.Store) ([]note.Verifier, error) {
	state, err := logbook.Load(context.Background(), store)
	if err != nil {
		return nil, err
	}
	if len(state.Rotations) == 0 {
		return k.heldVerifiers(origin)
	}
	chain, err := state.Chain()
	if err != nil {
		return nil, err
	}
	return chain.Verifiers(), nil
}

// openRecordVerifiers are the verifiers of the key that was given, or of that in the node's folder, and of all that followed it in
// the record, which is open already; none if there is neither.
func openRecordVerifiers(ctx context.Context, record savedRecord, dir, keyArg string) ([]note.Verifier, error) {
	given, err := givenLogKey(dir, keyArg)
	if err != nil || given == nil {
		return nil, err
	}
	out, _, err := recordedKeys(ctx, record, given)
	return out, err
}

// keyRecord is a record that the history of a log's keys is read from.
type keyRecord interface {
	logbook.Streamer
	logbook.Prover
	Head() events.Head
}

// logKeys gives how the keys of a record's log followed each other.
func logKeys(r keyRecord) func(context.Context) (ledger.KeyHistory, error) {
	return func(ctx context.Context) (ledger.KeyHistory, error) {
		state, err := logbook.Load(ctx, r)
		if err != nil || len(state.Rotations) == 0 {
			return ledger.KeyHistory{}, err
		}
		return logbook.History(ctx, state, r, r.Head())
	}
}
