package main

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing/keystore"
)

// holderNext tells the log key that is to follow from the one in force, in the ring of keys.
const holderNext = "next"

// keyRotator is a store whose log keys can follow each other.
type keyRotator interface {
	AddLogKey(key crypto.Signer) (vkey string, err error)
	Log() logbook.State
}

// rotatePath is on the operations listener, as reloadPath is.
const (
	rotatePath      = "/log/rotate"
	rotateOperation = "rotate-log-key"
)

// rotateAnswer tells tram log rotate what happened.
type rotateAnswer struct {
	Old     string `json:"old,omitempty"`
	New     string `json:"new,omitempty"`
	Rotated uint64 `json:"rotated"`           // position
	Size    uint64 `json:"size"`              // of the head that both keys signed
	Already bool   `json:"already,omitempty"` // the key was in force
	Failed  string `json:"failed,omitempty"`
}

func logRotateCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Put the log's next key in force, in a running node or in one that is stopped",
		Long: `Records in the log that the key in log_key_next follows the one that signs now, has one head signed by both, and keeps that head in the log. From then
on only the new key signs. Whoever knows an earlier key follows by that ("tram log key --history"). Make the next key first:

  tram key generate --type ed25519 keys/log-2.pem      and in tram.yaml: log_key_next: keys/log-2.pem

A running node is asked over its operations address; it reads its configuration again. If it was cut off, say it again or start the node: what was begun
is brought to its end. Until then both keys are needed. Afterwards make log_key the new key, and take log_key_next out.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			answer, err := askRotation(cmd.Context(), c)
			if noNode(err) {
				err = runNode(cmd, c, func(a *app) (err error) { // nobody is there: do it here, under the folder's lock
					answer, err = a.rotateLogKey(cmd.Context())
					return err
				})
			}
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if answer.Already {
				fmt.Fprintf(out, "Khóa đang dùng / in force already: %s\n", answer.New)
				return nil
			}
			fmt.Fprintf(out, "Đã thay khóa nhật ký / log key rotated\n  old    %s\n  new    %s\n  head   size %d, signed by both; the rotation is at position %d\n", answer.Old, answer.New, answer.Size, answer.Rotated)
			fmt.Fprintf(out, "Next: set log_key to the new key and take log_key_next out of %s; tell peers, witnesses and auditors the new key, or give them keys.txt:\n  tram log key --history -o keys.txt DIR\n", config)
			return nil
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	return cmd
}

// askRotation asks the running node.
func askRotation(ctx context.Context, c *Config) (answer rotateAnswer, err error) {
	if _, err := askOperations(ctx, c, http.MethodPost, rotatePath, rotateOperation, reloadTimeout+30*time.Second, &answer); err != nil {
		return answer, err
	}
	if answer.Failed != "" {
		return answer, errors.New(answer.Failed)
	}
	return answer, nil
}

// serveRotation rotates the log key.
func (a *app) serveRotation(w http.ResponseWriter, r *http.Request) {
	// What was begun is brought to its end, whether somebody still waits or not.
	answer, err := a.rotateLogKey(context.WithoutCancel(r.Context()))
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		answer.Failed = err.Error()
		w.WriteHeader(http.StatusUnprocessableEntity)
		a.log.Error("couldn't rotate log key", "error", err)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		a.log.Debug("couldn't answer rotation", "error", err)
	}
}

// rotateLogKey puts the key that the configuration names as log_key_next in force.
func (a *app) rotateLogKey(ctx context.Context) (answer rotateAnswer, err error) {
	a.rotating.Lock()
	defer a.rotating.Unlock()
	store, ok := a.store.(keyRotator)
	if !ok {
		return answer, fmt.Errorf("couldn't rotate log key: a store of kind %s cannot", a.c.Store.Kind)
	}
	if err := a.bindRotation(ctx, store); err != nil { // of one that was cut off
		return answer, err
	}
	next, err := a.openNextLogKey(ctx)
	if err != nil {
		return answer, err
	}
	if answer.New, err = store.AddLogKey(next); err != nil {
		return answer, err
	}
	sealed, recorded, err := a.recordOfLog(ctx, store, func(s logbook.State) ([]events.New, error) {
		answer.Old = s.Key()
		return logbook.DecideRotate(s, logbook.Rotate{Origin: a.c.Origin, New: answer.New})
	})
	if err != nil {
		return answer, err
	}
	if answer.Already = !recorded; !recorded {
		return answer, nil
	}
	answer.Rotated, answer.Size = sealed.Events[0].Position, sealed.Head.Size
	if err := a.bindRotation(ctx, store); err != nil {
		return answer, err
	}
	a.log.Info("log key rotated", "old", answer.Old, "new", answer.New, "position", answer.Rotated)
	return answer, nil
}

// openNextLogKey reads the configuration again, in case the key was named after the start.
func (a *app) openNextLogKey(ctx context.Context) (crypto.Signer, error) {
	c, err := loadConfig(a.c.file)
	if err != nil {
		return nil, err
	}
	if c.LogKeyNext == "" {
		return nil, fmt.Errorf("couldn't rotate log key: %s names no log_key_next; make a key with tram key generate --type ed25519 and name it there", c.file)
	}
	if _, err := a.reloadKeys(ctx); err != nil {
		return nil, err
	}
	l, err := a.keys.leaseOf(keystore.Log, holderNext, time.Now())
	if err != nil {
		return nil, err
	}
	return l.Signer, nil
}

// bindRotation brings a rotation to its end: the head that both keys have signed is recorded. Without one it does nothing.
func (a *app) bindRotation(ctx context.Context, store keyRotator) error {
	if store.Log().Pending() == nil {
		return nil
	}
	_, _, err := a.recordOfLog(ctx, store, func(s logbook.State) ([]events.New, error) {
		return logbook.DecideBind(s, logbook.Bind{Origin: a.c.Origin, Checkpoint: a.store.Head().Checkpoint})
	})
	return err
}

// finishRotation is for the start of a node: a rotation that was cut off is brought to its end.
func (a *app) finishRotation(ctx context.Context) error {
	store, ok := a.store.(keyRotator)
	if !ok {
		return nil
	}
	if r := store.Log().Pending(); r != nil {
		a.log.Info("bringing the rotation of the log key to its end", "position", r.Position, "new", r.New)
	}
	return a.bindRotation(ctx, store)
}

// recordOfLog decides and records on the log's own stream.
func (a *app) recordOfLog(ctx context.Context, store keyRotator, decide func(logbook.State) ([]events.New, error)) (events.Sealed, bool, error) {
	return a.node.Record(ctx, gateway.Step{Stream: logbook.Stream, Decide: func(history []events.Event) ([]events.New, error) {
		var s logbook.State
		for _, e := range history {
			var err error
			if s, err = logbook.Fold(s, e); err != nil {
				return nil, err
			}
		}
		if s.First == "" {
			s.First = store.Log().First
		}
		return decide(s)
	}})
}
