package witness

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

const (
	maxPolicy      = 1 << 16 // bytes
	maxPolicyLines = 128     // of each kind
)

// Peer is one witness of a policy.
type Peer struct {
	Name string // within the policy, as people know it
	Key  *Key
	URL  string // submission prefix without a slash at the end; may be empty for offline checks
}

// Policy says which witnesses count and how many are needed (c2sp.org/tlog-policy). It is immutable.
//
//	log <verifier key> [<url>]
//	witness <name> <verifier key> [<submission prefix>]
//	group <name> all|any|<k> <name>...
//	quorum <name>|none
type Policy struct {
	logs   []note.Verifier
	peers  []Peer
	groups map[string]group
	quorum string
}

type group struct {
	need    int
	members []string
}

const noQuorum = "none"

// NewPolicy is "at least k of these"; with k = 0 cosignatures are asked for but none is needed.
func NewPolicy(k int, peers ...Peer) (*Policy, error) {
	if k < 0 || k > len(peers) {
		return nil, fmt.Errorf("couldn't make witness policy: %d of %d", k, len(peers))
	}
	p := &Policy{groups: map[string]group{}, quorum: noQuorum}
	members := make([]string, 0, len(peers))
	for _, peer := range peers {
		if err := p.addPeer(peer); err != nil {
			return nil, fmt.Errorf("couldn't make witness policy: %w", err)
		}
		members = append(members, peer.Name)
	}
	if k > 0 {
		p.quorum = "\x00" // no name in a file can be this
		p.groups[p.quorum] = group{k, members}
	}
	return p, nil
}

// ParsePolicy reads a policy file.
func ParsePolicy(file []byte) (*Policy, error) {
	if len(file) > maxPolicy {
		return nil, fmt.Errorf("couldn't read witness policy: %d bytes, limit %d", len(file), maxPolicy)
	}
	p := &Policy{groups: map[string]group{}}
	used := map[string]bool{} // names that are members of a group already
	number := 0
	for line := range bytes.Lines(file) {
		number++
		if err := p.parseLine(line, used); err != nil {
			return nil, fmt.Errorf("couldn't read witness policy: line %d: %w", number, err)
		}
	}
	if p.quorum == "" {
		return nil, errors.New("couldn't read witness policy: no quorum line")
	}
	return p, nil
}

func (p *Policy) parseLine(line []byte, used map[string]bool) error {
	line, ended := bytes.CutSuffix(line, []byte("\n"))
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("control character 0x%02x", c)
		}
	}
	if !ended {
		return errors.New("no newline at its end")
	}
	f := strings.FieldsFunc(string(line), func(r rune) bool { return r == ' ' || r == '\t' })
	if len(f) == 0 || strings.HasPrefix(f[0], "#") {
		return nil
	}
	switch n := len(f) - 1; {
	case f[0] == "log" && (n == 1 || n == 2):
		return p.addLog(f[1])
	case f[0] == "witness" && (n == 2 || n == 3):
		key, err := ParseKey(f[2])
		if err != nil {
			return err
		}
		return p.addPeer(Peer{Name: f[1], Key: key, URL: strings.Join(f[3:], "")})
	case f[0] == "group" && n >= 3:
		return p.addGroup(f[1], f[2], f[3:], used)
	case f[0] == "quorum" && n == 1:
		if p.quorum != "" {
			return fmt.Errorf("a second quorum %q, the first was %q", f[1], p.quorum)
		}
		if f[1] != noQuorum && !p.defined(f[1]) {
			return fmt.Errorf("quorum %q is not defined above", f[1])
		}
		p.quorum = f[1]
		return nil
	}
	return fmt.Errorf("%.40q with %d words after it", f[0], len(f)-1)
}

func (p *Policy) addLog(text string) error {
	v, err := note.NewVerifier(text)
	if err != nil {
		return fmt.Errorf("log key %.80q: %w", text, err)
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(text, v.Name()+"+"), "+")
	for _, l := range p.logs {
		if l.(logKey).key == key {
			return fmt.Errorf("the key of log %q is that of %q", v.Name(), l.Name())
		}
	}
	if len(p.logs) == maxPolicyLines {
		return fmt.Errorf("more than %d logs", maxPolicyLines)
	}
	p.logs = append(p.logs, logKey{v, key})
	return nil
}

type logKey struct {
	note.Verifier
	key string // base64, to find the same key under two names
}

func (p *Policy) defined(name string) bool {
	_, ok := p.groups[name]
	return ok || slices.ContainsFunc(p.peers, func(w Peer) bool { return w.Name == name })
}

func (p *Policy) addPeer(w Peer) error {
	if w.Name == "" || w.Name == noQuorum || p.defined(w.Name) {
		return fmt.Errorf("witness name %q is empty, reserved or taken", w.Name)
	}
	if w.Key == nil {
		return fmt.Errorf("witness %q without a key", w.Name)
	}
	for _, other := range p.peers {
		if other.Key.public.Equal(w.Key.public) {
			return fmt.Errorf("the key of witness %q is that of %q", w.Name, other.Name)
		}
	}
	if w.URL != "" {
		u, err := url.Parse(w.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("address %q of witness %q, expected http(s) without query", w.URL, w.Name)
		}
		w.URL = strings.TrimRight(w.URL, "/")
	}
	if len(p.peers) == maxPolicyLines {
		return fmt.Errorf("more than %d witnesses", maxPolicyLines)
	}
	p.peers = append(p.peers, w)
	return nil
}

func (p *Policy) addGroup(name, need string, members []string, used map[string]bool) error {
	if name == noQuorum || p.defined(name) {
		return fmt.Errorf("group name %q is reserved or taken", name)
	}
	if len(p.groups) == maxPolicyLines {
		return fmt.Errorf("more than %d groups", maxPolicyLines)
	}
	g := group{members: members}
	switch need {
	case "all":
		g.need = len(members)
	case "any":
		g.need = 1
	default:
		k, err := strconv.Atoi(need)
		if err != nil || k < 1 || k > len(members) || strconv.Itoa(k) != need {
			return fmt.Errorf("group %q needs %q of %d", name, need, len(members))
		}
		g.need = k
	}
	for _, m := range members {
		if !p.defined(m) || used[m] {
			return fmt.Errorf("member %q of group %q is not defined above or is a member already", m, name)
		}
		used[m] = true
	}
	p.groups[name] = g
	return nil
}

// Peers lists the witnesses in the order of the policy.
func (p *Policy) Peers() []Peer { return slices.Clone(p.peers) }

// Need says how many cosignatures the policy asks for at the least, and of how many that can count towards it.
func (p *Policy) Need() (k, n int) { return p.need(p.quorum) }

func (p *Policy) need(name string) (k, n int) {
	g, ok := p.groups[name]
	if !ok {
		if name == noQuorum {
			return 0, len(p.peers)
		}
		return 1, 1
	}
	ks := make([]int, 0, len(g.members))
	for _, m := range g.members {
		mk, mn := p.need(m)
		ks, n = append(ks, mk), n+mn
	}
	slices.Sort(ks)
	for _, mk := range ks[:g.need] {
		k += mk
	}
	return k, n
}

func (p *Policy) satisfied(name string, have map[string]bool) bool {
	if name == noQuorum {
		return true
	}
	g, ok := p.groups[name]
	if !ok {
		return have[name]
	}
	n := 0
	for _, m := range g.members {
		if p.satisfied(m, have) {
			n++
		}
	}
	return n >= g.need
}

func (p *Policy) verifiers() note.Verifiers {
	v := make([]note.Verifier, 0, len(p.peers)+len(p.logs))
	for _, w := range p.peers {
		v = append(v, w.Key)
	}
	return note.VerifierList(append(v, p.logs...)...)
}

// Cosignature is one verified cosignature of a known witness.
type Cosignature struct {
	Name string // within the policy
	Key  *Key
	Time time.Time // as the witness says
}

// Verdict is what a checkpoint proves under a policy.
type Verdict struct {
	Head         Head
	Cosignatures []Cosignature // in the order of the policy
	Satisfied    bool          // the quorum stands behind this head
}

// Witnessed checks a checkpoint offline: all lines by witnesses of the policy, and, if the policy lists logs, a line
// by a listed key whose name is the origin. Lines by other keys are ignored; one false line by a known key makes
// the whole checkpoint an error. Without listed logs the caller checks the log's own signature himself
// (ledger.OpenCheckpoint). Too few cosignatures are no error: see Verdict.Satisfied.
func Witnessed(checkpoint []byte, p *Policy) (Verdict, error) {
	if len(checkpoint) > maxCheckpoint {
		return Verdict{}, fmt.Errorf("couldn't check cosignatures: checkpoint of %d bytes, limit %d", len(checkpoint), maxCheckpoint)
	}
	n, err := openStrict(checkpoint, p.verifiers())
	if unverified := (*note.UnverifiedNoteError)(nil); errors.As(err, &unverified) {
		n, err = unverified.Note, nil // none is an answer, too
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("couldn't check cosignatures: %w", err)
	}
	v := Verdict{}
	if v.Head, err = parseHead(n.Text); err != nil {
		return Verdict{}, err
	}
	if len(p.logs) > 0 && !p.signedByLog(n, v.Head.Origin) {
		return Verdict{}, fmt.Errorf("couldn't check cosignatures: no signature by a listed log named %q", v.Head.Origin)
	}
	have := map[string]bool{}
	for _, w := range p.peers {
		for _, s := range n.Sigs {
			if s.Name != w.Key.Name() || s.Hash != w.Key.KeyHash() {
				continue
			}
			at, err := timeOf(s)
			if err != nil {
				return Verdict{}, err
			}
			have[w.Name] = true
			v.Cosignatures = append(v.Cosignatures, Cosignature{w.Name, w.Key, at})
		}
	}
	v.Satisfied = p.satisfied(p.quorum, have)
	return v, nil
}

func (p *Policy) signedByLog(n *note.Note, origin string) bool {
	for _, l := range p.logs {
		for _, s := range n.Sigs {
			if l.Name() == origin && s.Name == origin && s.Hash == l.KeyHash() {
				return true
			}
		}
	}
	return false
}
