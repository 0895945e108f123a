package evidence

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/verdict"
)

// proved is a statement that the log is proved to hold.
type proved struct {
	events.Event
	checkpoint []byte // that its receipt leads to
}

// prove compares statement and receipt with each other and proves the receipt. It says what is wrong by itself.
func (k *checker) prove(position uint64, statement, receipt string) (*proved, bool) {
	text, ok1 := k.named(statement, maxSmall)
	file, ok2 := k.named(receipt, maxSmall)
	if !ok1 || !ok2 {
		return nil, false
	}
	s, err := events.DecodeStatement(text)
	if err != nil {
		k.fail(statement, idStatement, err.Error())
		return nil, false
	}
	r, err := ledger.ParseReceipt(file)
	if err != nil {
		k.fail(receipt, idReceipt, err.Error())
		return nil, false
	}
	switch {
	case !bytes.Equal(r.Bytes, text):
		k.fail(statement, idStatement, "the receipt "+receipt+" proves another statement")
		return nil, false
	case r.Position != position:
		k.fail(receipt, idReceipt, fmt.Sprintf("position %d, expected %d", r.Position, position))
		return nil, false
	case s.Origin != k.m.Origin:
		k.fail(statement, idStatement, fmt.Sprintf("log %q, expected %q", s.Origin, k.m.Origin))
		return nil, false
	}
	p := &proved{Event: events.Event{Position: r.Position, Statement: s, Bytes: text}, checkpoint: r.Checkpoint}
	return p, k.believe(receipt, file, r)
}

// followKeys leads on from the given key of the log to those that followed it. The history in the container need not be
// believed: it proves itself, or it is found wrong.
func (k *checker) followKeys() {
	if k.o.Key == nil {
		return
	}
	b, ok := k.read(historyName, maxSmall)
	if !ok {
		return // there is none, or it was told by files
	}
	h, err := ledger.ParseKeyHistory(b)
	if err == nil {
		var key ledger.Key
		if key, err = k.o.Key.Follow(h.Rotations); err == nil {
			k.o.Key = &key
			return
		}
	}
	k.fail(historyName, idReceipt, err.Error())
}

// believe proves a receipt: by the given key, or by a node certificate that leads to a trusted authority for nodes.
func (k *checker) believe(name string, file []byte, r *ledger.Receipt) bool {
	if k.o.Key != nil {
		if _, _, err := ledger.CheckReceipt(file, *k.o.Key); err != nil {
			k.fail(name, idReceipt, err.Error())
			return false
		}
		k.rests("key of the log " + r.Statement.Origin + ", given by --key")
		k.pass(name, idReceipt, "")
		return true
	}
	if len(r.Chain) == 0 {
		k.unknown(name, idReceipt, "it holds no certificate, and no key of the log was given")
		return false
	}
	leaf := r.Chain[0]
	// Whether it was changed can be told without trusting anybody.
	if _, _, err := ledger.CheckReceipt(file, ledger.CertificateKey(leaf)); err != nil {
		k.fail(name, idReceipt, err.Error())
		return false
	}
	res := k.o.Trust.CheckFor(leaf, r.Chain[1:], r.Statement.Time, signing.PurposeNode)
	host, _, _ := strings.Cut(r.Statement.Origin, "/")
	switch {
	case res.Refusal != signing.Accepted:
		k.unknown(name, idReceipt, fmt.Sprintf("the node certificate %q is not trusted: %v", leaf.Subject, res.Err))
		return false
	case leaf.VerifyHostname(host) != nil:
		k.fail(name, idReceipt, fmt.Sprintf("the node certificate %q does not name %s, the host of the log", leaf.Subject, host))
		return false
	}
	root := res.Chain[len(res.Chain)-1]
	k.rests(fmt.Sprintf("authority %s (SHA-256 %x)", root.Subject, signing.Fingerprint(root)))
	k.pass(name, idReceipt, "")
	return true
}

// stamp is a time-stamp of the log with what is known of it.
type stamp struct {
	row   StampEntry
	event *proved // nil: its statement is not proved
	data  timestamp.Stamped
	token *tsp.Token // verified over the checkpoint; nil: not

	believed bool // the token's time is a time at which its checkpoint existed
}

// statementsOfStamps proves the events of the time-stamps, and what their tokens are over.
func (k *checker) statementsOfStamps() {
	for _, row := range k.m.Timestamps {
		st := &stamp{row: row}
		if k.stamps[row.Position] != nil {
			k.fail(row.Statement, idManifest, "listed twice")
			continue
		}
		k.stamps[row.Position] = st
		p, ok := k.prove(row.Position, row.Statement, row.Receipt)
		if p == nil {
			continue
		}
		d, err := timestamp.Decode(p.Event)
		if err != nil {
			k.fail(row.Statement, idStatement, err.Error())
			continue
		}
		st.data = d
		if ok {
			st.event = p
		}
		if err := k.token(st); err != nil {
			k.fail(row.Token, idToken, err.Error())
		}
	}
}

// token verifies that a token is the one recorded, and over the recorded checkpoint.
func (k *checker) token(st *stamp) error {
	raw, ok := k.named(st.row.Token, maxTokenFile)
	if !ok {
		return nil
	}
	if got := k.sums[st.row.Token]; got != st.data.Token {
		return fmt.Errorf("SHA-256 is %s, the statement says %s", got, st.data.Token)
	}
	t, err := tsp.Parse(raw)
	if err != nil {
		return err
	}
	imprint, err := timestamp.Imprint(st.data.Hash, []byte(st.data.Checkpoint))
	if err != nil {
		return err
	}
	if err := t.Verify(imprint); err != nil {
		return err
	}
	if err := t.CheckSigner(); err != nil {
		return err
	}
	if !t.Time.Equal(st.data.Time) || events.Digest(signing.Fingerprint(t.Signer)) != st.data.Signer || t.Hash.String() != st.data.Hash {
		return errors.New("time, hash or signer are not those of the statement")
	}
	st.token = t
	return nil
}

// judgeStamps judges the authorities of the tokens, newest first: a token under a later head that is believed existed when
// that one was stamped, and its certificate is judged at that time.
func (k *checker) judgeStamps() error {
	list := make([]*stamp, 0, len(k.stamps))
	for _, st := range k.stamps {
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b *stamp) int { return cmp.Compare(b.row.Position, a.row.Position) })
	for _, st := range list {
		if st.token == nil {
			continue
		}
		at := k.o.At
		if st.event != nil {
			if later := k.covering(st.event); later != nil && later.believed && later.token.Time.Before(at) {
				at = later.token.Time
			}
		}
		if at.Before(st.token.Time) {
			k.fail(st.row.Token, idToken, fmt.Sprintf("its time %s lies in the future", st.token.Time.Format(time.RFC3339)))
			continue
		}
		if err := k.judgeStamp(st, at); err != nil {
			return err
		}
	}
	return nil
}

func (k *checker) judgeStamp(st *stamp, at time.Time) error {
	t := st.token
	source := k.source
	if len(t.Message.CRLs) > 0 {
		source = verdict.JoinSources(revocation.NewOffline(t.Message.CRLs...), source)
	}
	v, err := verdict.JudgeChain(k.ctx, t.Signer, t.Certificates, verdict.ChainOptions{Trust: k.o.Trust, Policy: k.o.Policy,
		Purposes: []signing.Purpose{signing.PurposeTimeStamp}, Revocation: source, At: at, Now: k.o.At})
	if err != nil {
		return fmt.Errorf("couldn't judge a time-stamp's authority: %w", err)
	}
	detail := fmt.Sprintf("%s, %s", t.Time.Format(time.RFC3339), t.Signer.Subject)
	if v.OK() {
		if err := t.CheckChain(v.Chain); err != nil {
			k.fail(st.row.Token, idToken, err.Error())
			return nil
		}
		st.believed = true
		k.restsOnRoot(v.Chain)
		k.pass(st.row.Token, idToken, detail)
		return nil
	}
	detail += ": " + string(v.Indication) + " " + string(v.SubIndication)
	for _, c := range v.Checks {
		if c.Result == verdict.Failed || c.Result == verdict.Unknown {
			detail += ": " + c.En
			break
		}
	}
	if v.Indication == verdict.TotalFailed {
		k.fail(st.row.Token, idToken, detail)
	} else {
		k.unknown(st.row.Token, idToken, detail)
	}
	return nil
}

func (k *checker) restsOnRoot(chain []*x509.Certificate) {
	root := chain[len(chain)-1]
	k.rests(fmt.Sprintf("authority %s (SHA-256 %x)", root.Subject, signing.Fingerprint(root)))
}

// covering is the stamp whose checkpoint a receipt leads to, octet by octet.
func (k *checker) covering(p *proved) *stamp {
	for _, st := range k.stamps {
		if st.token != nil && st.data.Checkpoint == string(p.checkpoint) {
			return st
		}
	}
	return nil
}

// provedTime is what a believed stamp says of a proved statement.
func (k *checker) provedTime(p *proved) *ProvedTime {
	st := k.covering(p)
	if st == nil || !st.believed {
		return nil
	}
	return &ProvedTime{Time: st.token.Time.UTC(), TSA: st.token.Signer.Subject.String(), Position: st.row.Position}
}

// hashes that tokens may be over are linked in.
var _ = [...]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}
