package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// verifyState is what a verification keeps for the next one: how far the signatures and rules were judged, and the root of the log
// there. Whatever it says, every byte is read and hashed again; what the same bytes were judged to be is not judged again. It is believed as
// the file that its holder keeps: the sum finds damage, not forgery.
type verifyState struct {
	Format  string        `json:"format"`
	Program string        `json:"program"` // the one that judged
	Shown   bool          `json:"shown"`   // what a node showed was judged, without what it withheld
	Unseen  uint64        `json:"unseen"`  // statements and packages among the events that were withheld, and so not judged
	Ruled   bool          `json:"ruled"`   // of what was shown: nothing was withheld, and the rules decided it again
	Origin  string        `json:"origin"`
	Size    uint64        `json:"size"` // events that were judged good, with the root over them
	Root    events.Digest `json:"root"`
	Judged  uint64        `json:"signatures"` // packages among them
	Runs    []verifyRun   `json:"runs"`       // when what was judged
	Sum     string        `json:"sum"`        // SHA-256 of this object with an empty sum
}

// verifyRun is one part that was judged in one go.
type verifyRun struct {
	From uint64    `json:"from"`
	To   uint64    `json:"to"`
	Time time.Time `json:"time"`
}

const verifyStateFormat = "tram-verify-state-1"

func (s *verifyState) sum() (string, error) {
	c := *s
	c.Sum = ""
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("couldn't encode state of verification: %w", err)
	}
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:]), nil
}

// readVerifyState reads a state file; nil if there is none.
func readVerifyState(name string) (*verifyState, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read state of verification: %w", err)
	}
	s := new(verifyState)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("couldn't read state of verification %s: %w", name, err)
	}
	want, err := s.sum()
	if err != nil {
		return nil, err
	}
	if s.Format != verifyStateFormat || s.Sum != want {
		return nil, fmt.Errorf("couldn't use state of verification %s: it is damaged or of another format", name)
	}
	return s, nil
}

// write replaces the file.
func (s *verifyState) write(name string) (err error) {
	if s.Sum, err = s.sum(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.WriteFile(name+".new", append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return fmt.Errorf("couldn't write state of verification: %w", err)
	}
	return nil
}

// outside refuses a file in a folder that is being verified: whoever can write there could then say what was judged.
func outside(name, folder string) error {
	file, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
		file = filepath.Join(real, filepath.Base(file))
	}
	dir, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if rel, err := filepath.Rel(dir, file); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		return fmt.Errorf("couldn't keep state of verification in %s: it must lie where the node cannot write", folder)
	}
	return nil
}

// thisProgram names the program that judges, so exactly that nothing is taken from the judgement of another.
var thisProgram = sync.OnceValues(func() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("couldn't find this program: %w", err)
	}
	f, err := os.Open(exe)
	if err != nil {
		return "", fmt.Errorf("couldn't read this program: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("couldn't read this program: %w", err)
	}
	return version() + " sha256:" + hex.EncodeToString(h.Sum(nil)), nil
})

// keeper writes the state while a verification goes on.
type keeper struct {
	file    string
	every   time.Duration
	state   verifyState
	earlier uint64 // packages that earlier runs judged
	started time.Time
	next    time.Time
}

// newKeeper takes up the state in file, if there is one that can be used; note says why one that is there cannot. shown: a node's
// answers are verified, not a folder.
func newKeeper(file string, shown bool, every time.Duration, now time.Time) (k *keeper, note bilingual.Text, err error) {
	program, err := thisProgram()
	if err != nil {
		return nil, note, err
	}
	k = &keeper{file: file, every: every, started: now, next: now.Add(every)}
	old, err := readVerifyState(file)
	if err != nil {
		return nil, note, err
	}
	switch {
	case old == nil:
	case old.Program == program && old.Shown == shown:
		k.state, k.earlier = *old, old.Judged
		return k, note, nil
	case old.Shown != shown:
		note = bilingual.Say("lần kiểm chứng trước là của một thư mục còn lần này là của những gì trạm cho xem, hoặc ngược lại: mọi thứ được xét lại từ đầu",
			"the earlier verification was of a folder and this one is of what a node shows, or the other way round: everything is judged again")
	default:
		note = bilingual.Say("lần kiểm chứng trước do chương trình khác thực hiện (%s): mọi thứ được xét lại từ đầu",
			"the earlier verification was made by another program (%s): everything is judged again", old.Program)
	}
	k.state = verifyState{Format: verifyStateFormat, Program: program, Shown: shown, Runs: []verifyRun{}}
	return k, note, nil
}

// head is what the record must have had at that size; nil at the first run.
func (k *keeper) head() *ledger.Head {
	if k.state.Size == 0 {
		return nil
	}
	return &ledger.Head{Origin: k.state.Origin, Size: k.state.Size, Root: k.state.Root}
}

func (k *keeper) earlierAnswer() *earlierAnswer {
	return &earlierAnswer{Size: k.state.Size, Root: k.state.Root, Judged: k.earlier, Runs: append([]verifyRun{}, k.state.Runs...)}
}

// keep writes how far the judgement is: the events under the head are good, and judged packages were judged in this run.
func (k *keeper) keep(h ledger.Head, judged uint64, now time.Time) error {
	k.next = now.Add(k.every)
	s := &k.state
	if h.Size <= s.Size {
		return nil
	}
	at := s.Size
	if n := len(s.Runs); n > 0 && s.Runs[n-1].Time.Equal(k.started) {
		at, s.Runs = s.Runs[n-1].From, s.Runs[:n-1]
	}
	s.Runs = append(s.Runs, verifyRun{From: at, To: h.Size, Time: k.started})
	s.Origin, s.Size, s.Root, s.Judged = h.Origin, h.Size, h.Root, k.earlier+judged
	return s.write(k.file)
}
