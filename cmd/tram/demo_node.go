package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// demoNode is one node of the demonstration: a process of its own, with its own folder, directory and trust.
type demoNode struct {
	org, name string
	config    *Config
	ca        *trialca.Authority
	office    *trialOffice // of ca; nil outside the demonstration
	trusted   []demoTrust
	admin     identity
	vkey      string

	exe     string
	flags   []string // further ones of serve
	process *exec.Cmd
	ended   chan error
}

// freeAddress finds a loopback address that nobody uses. Somebody could take it before the node does; then the node
// says so and the demonstration ends.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("couldn't find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// preferred is the wanted address if it is free, else another.
func preferred(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return freeAddress()
	}
	return address, l.Close()
}

// demoRenew is how soon the demonstration's nodes ask authorities again. Real ones have an hour.
const demoRenew = time.Second

// newDemoNode makes the folder of a node under a trial authority of its own. The node believes that for organisations and nodes, and the
// common ones for persons and time-stamps. It stamps its log every so often; negative: never.
func newDemoNode(dir, exe, org, name, origin, portalAddress string, all *demoAuthorities, every time.Duration) (*demoNode, error) {
	office, err := all.add(strings.ToLower(org), "CA thử nghiệm "+name, byCRL)
	if err != nil {
		return nil, err
	}
	api, err := freeAddress()
	if err != nil {
		return nil, err
	}
	people, err := preferred(portalAddress)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, strings.ToLower(org))
	if err := initNode(initOptions{
		dir: folder, origin: origin, name: name, listen: api, portal: people, trial: true, authority: office.ca,
		minFreeMiB: 64, retryMin: 200 * time.Millisecond, retryMax: 2 * time.Second, adminName: "Quản trị " + name,
	}); err != nil {
		return nil, err
	}
	if err := signing.SaveKey(filepath.Join(folder, "keys", "trial-ca.pem"), office.ca.Key()); err != nil {
		return nil, err
	}
	n := &demoNode{org: org, name: name, ca: office.ca, office: office, exe: exe}
	if n.config, err = loadConfig(filepath.Join(folder, "tram.yaml")); err != nil {
		return nil, err
	}
	if err := errors.Join(
		n.configure("renew: 1h ", "renew: "+demoRenew.String()+" "), n.configure("services: []", `services: [{url: "`+all.stampURL()+`"}]`),
		n.configure("every: 24h", "every: "+every.String()),
		n.trust(demoTrust{"trial-ca.crt", office.ca.Certificate, []signing.Purpose{signing.PurposeOrganisation, signing.PurposeNode}},
			demoTrust{"ca-nhan.crt", all.persons.ca.Certificate, []signing.Purpose{signing.PurposePerson}},
			demoTrust{"dau-thoi-gian.crt", all.stamps.ca.Certificate, []signing.Purpose{signing.PurposeTimeStamp}}),
	); err != nil {
		return nil, err
	}
	if err := writeGenesis(n.config, time.Now()); err != nil { // once more: the trust list is in it
		return nil, err
	}
	if n.admin, err = adminIdentity(n.config); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(folder, "log.vkey"))
	if err != nil {
		return nil, fmt.Errorf("couldn't read verifier key: %w", err)
	}
	n.vkey = strings.TrimSpace(string(b))
	return n, nil
}

// configure changes the node's tram.yaml where it says old, once. A running node goes by it after its next start.
func (n *demoNode) configure(old, changed string) error {
	b, err := os.ReadFile(n.config.file)
	if err != nil {
		return fmt.Errorf("couldn't change configuration: %w", err)
	}
	if c := strings.Count(string(b), old); c != 1 {
		return fmt.Errorf("couldn't change configuration: %q stands %d times in %s, expected once", old, c, n.config.file)
	}
	if err := os.WriteFile(n.config.file, []byte(strings.Replace(string(b), old, changed, 1)), 0o600); err != nil {
		return fmt.Errorf("couldn't change configuration: %w", err)
	}
	n.config, err = loadConfig(n.config.file)
	return err
}

func (n *demoNode) dir() string     { return n.config.base }
func (n *demoNode) data() string    { return n.config.path(n.config.Data) }
func (n *demoNode) url() string     { return n.config.PublicURL }
func (n *demoNode) portal() string  { return "http://" + n.config.Portal.Listen + "/portal/" }
func (n *demoNode) keyFile() string { return filepath.Join(n.dir(), "log.vkey") }

// demoTrust is an authority in a trust folder, and for whom it stands.
type demoTrust struct {
	file     string
	cert     *x509.Certificate
	purposes []signing.Purpose
}

// trust puts authorities into the node's folder, each for its purposes. Before the genesis change they become the trust list of the record; afterwards
// they are for those who check packages with the folder: see meet.
func (n *demoNode) trust(more ...demoTrust) error {
	dir := n.config.path(n.config.Trust)
	n.trusted = append(n.trusted, more...)
	var b strings.Builder
	b.WriteString("authorities:\n")
	for _, t := range n.trusted {
		there, err := exists(filepath.Join(dir, t.file))
		if err == nil && !there {
			err = signing.SaveCertificates(filepath.Join(dir, t.file), []*x509.Certificate{t.cert})
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  - {file: %s, kind: trial, purposes: [", t.file)
		for i, p := range t.purposes {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(string(p))
		}
		b.WriteString("]}\n")
	}
	if err := os.WriteFile(filepath.Join(dir, signing.TrustFile), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("couldn't write trust folder: %w", err)
	}
	return nil
}

// trustPeer is trust for the other node's authority.
func (n *demoNode) trustPeer(other *demoNode) error {
	return n.trust(demoTrust{strings.ToLower(other.org) + "-ca.crt", other.ca.Certificate, []signing.Purpose{signing.PurposeOrganisation, signing.PurposeNode}})
}

// start runs the node and waits until it serves.
func (n *demoNode) start(ctx context.Context) error {
	ready := filepath.Join(n.dir(), "ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("couldn't start %s: %w", n.name, err)
	}
	log, err := os.OpenFile(filepath.Join(n.dir(), "serve.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't start %s: %w", n.name, err)
	}
	defer log.Close()
	n.process = exec.Command(n.exe, append([]string{"serve", "-c", filepath.Join(n.dir(), "tram.yaml"), "--ready-file", ready}, n.flags...)...)
	n.process.Stderr = log
	n.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := n.process.Start(); err != nil {
		return fmt.Errorf("couldn't start %s: %w", n.name, err)
	}
	n.ended = make(chan error, 1)
	go func(p *exec.Cmd, ended chan error) { ended <- p.Wait() }(n.process, n.ended)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-n.ended:
			n.ended <- err
			return fmt.Errorf("couldn't start %s: it ended (%v); see %s", n.name, err, log.Name())
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if there, err := exists(ready); err != nil || there {
				return err
			}
		}
	}
}

// kill ends the node as a power cut would; stop asks it to drain.
func (n *demoNode) kill() error { return n.signal(syscall.SIGKILL) }
func (n *demoNode) stop() error { return n.signal(syscall.SIGTERM) }

func (n *demoNode) signal(s syscall.Signal) error {
	if n.process == nil {
		return nil
	}
	if err := n.process.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("couldn't end %s: %w", n.name, err)
	}
	err := <-n.ended
	n.process = nil
	var exit *exec.ExitError
	if s == syscall.SIGKILL && errors.As(err, &exit) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s ended badly: %w; see %s", n.name, err, filepath.Join(n.dir(), "serve.log"))
	}
	return nil
}

// client speaks to the node with the token in a file.
func (n *demoNode) client(tokenFile string) (*client, error) {
	f := clientFlags{node: n.url(), ca: filepath.Join(n.dir(), "trust", "trial-ca.crt"), tokenFile: tokenFile}
	return f.open()
}

// change signs operations as the node's administrator and hands them in.
func (n *demoNode) change(ctx context.Context, reason string, ops ...schemas.Operation) (httpapi.AcceptedAnswer, error) {
	c, err := n.client(filepath.Join(n.dir(), "keys", "admin.token"))
	if err != nil {
		return httpapi.AcceptedAnswer{}, err
	}
	b, err := makeChange(ctx, n.config.Origin, n.admin, time.Now(), reason, ops...)
	if err != nil {
		return httpapi.AcceptedAnswer{}, err
	}
	return c.sendReader(ctx, strings.NewReader(string(b)), int64(len(b)))
}

// meet makes another node known to this one: whose certificates its agencies have, where it is, which certificates it uses, which keys seal its log, and the
// identifier space it is believed for.
func (n *demoNode) meet(ctx context.Context, other *demoNode, prefix string) error {
	chain, err := signing.LoadCertificates(other.config.path(other.config.NodeChain))
	if err != nil {
		return err
	}
	_, err = n.change(ctx, "Kết nối trạm bạn "+other.name,
		schemas.TrustAuthority{DER: other.ca.Certificate.Raw, Kind: string(signing.AuthorityTrial), Name: authorityName(other.ca.Certificate),
			Purposes: []string{string(signing.PurposeOrganisation), string(signing.PurposeNode)}},
		schemas.AddPeer{Peer: schemas.Peer{
			Origin: other.config.Origin, Name: other.name, URLs: []string{other.url()},
			CertificateSHA256s: [][32]byte{signing.Fingerprint(chain[0])}, Verifiers: []string{other.vkey}, Prefixes: []string{prefix},
		}},
		schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderPeer, ID: other.config.Origin}, DER: chain[0].Raw,
			Purposes: []schemas.Purpose{schemas.PurposePeer, schemas.PurposeSign, schemas.PurposeTLS, schemas.PurposeCheckpoint}},
	)
	return err
}

// demoAccount is a person of the demonstration's portal.
type demoAccount struct {
	Node     string `json:"node"`
	Username string `json:"username"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

// account makes a portal account. The passwords are printed: they are for this demonstration only.
func (n *demoNode) account(ctx context.Context, who portal.NewAccount) (demoAccount, error) {
	accounts, err := portal.OpenAccounts(portal.AccountsConfig{Path: filepath.Join(n.data(), portalFile)})
	if err != nil {
		return demoAccount{}, err
	}
	who.Password = "Tram-thu-" + who.Username + "-2026"
	a := demoAccount{Node: n.name, Username: who.Username, Password: who.Password, Name: who.DisplayName}
	_, err = accounts.CreateAccount(ctx, who)
	return a, errors.Join(err, accounts.Close())
}
