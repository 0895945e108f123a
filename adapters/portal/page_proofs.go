package portal

import (
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

type proofsBody struct {
	At        time.Time
	Head      *Head
	Published *Published
	Behind    uint64 // events of the head that are not published yet
	Stamp     *Stamp
	Log       witnessBody
	Running   *verificationLine
	Last      *verificationLine
	Earlier   []verificationLine
	May       bool // this person may begin a verification
}

type verificationLine struct {
	Verification
	Percent int    // of the running stage, -1 unknown
	Took    string // so far, or in all
}

// earlierMost is how many older verifications the page lists.
const earlierMost = 10

// proofs is what proves the log as a whole: its published head, who stands behind it, and "verify now".
func (p *Portal) proofs(v *visit) error {
	n := p.cfg.Proofs
	b := proofsBody{At: p.cfg.Node.Now(), May: v.role() == RoleOperator || v.right != nil}
	head, err := p.cfg.Node.Head(v.ctx())
	if err == nil {
		b.Head = &head
	} else if !errors.Is(err, view.ErrNotFound) {
		return err
	}
	published, err := n.Published(v.ctx())
	if err == nil {
		b.Published, b.Behind = &published, head.Size-min(head.Size, published.Size)
	} else if !errors.Is(err, view.ErrNotFound) {
		return err
	}
	stamp, err := n.LastStamp(v.ctx())
	if err == nil {
		b.Stamp = &stamp
	} else if !errors.Is(err, view.ErrNotFound) {
		return err
	}
	if b.Log, err = p.witnesses(v); err != nil {
		return err
	}
	runs, err := n.Verifications(v.ctx())
	if err != nil {
		return err
	}
	for _, run := range runs {
		line := p.verificationLine(v, run, b.At)
		switch {
		case run.Running():
			b.Running = &line
		case b.Last == nil:
			b.Last = &line
		case len(b.Earlier) < earlierMost:
			b.Earlier = append(b.Earlier, line)
		}
	}
	return p.show(v, "proofs", "proofs", v.words.say("proofs.title"), b)
}

func (p *Portal) verificationLine(v *visit, run Verification, now time.Time) verificationLine {
	line := verificationLine{Verification: run, Percent: -1}
	end := run.Ended
	if run.Running() {
		end = now
	}
	line.Took = v.words.span(end.Sub(run.Started))
	if end.Sub(run.Started) < time.Second { // reports say whole seconds
		line.Took = v.words.say("proofs.moment")
	}
	if run.Running() && run.Total > 0 {
		line.Percent = int(100 * min(run.Done, run.Total) / run.Total)
	}
	return line
}

// verifyNow begins a verification and shows it. One that runs already is shown instead: two would only slow each other down.
func (p *Portal) verifyNow(v *visit) error {
	if v.role() == RoleAuditor && v.right == nil {
		return errGone
	}
	err := p.cfg.Proofs.Verify(v.ctx(), v.account.Username)
	if err != nil && !errors.Is(err, ErrVerifying) {
		return err
	}
	if err == nil {
		p.cfg.Log.Info("verification of the record begun", "account", v.accountID())
	}
	return p.redirect(v, "/proofs#verify")
}

// reportPolicy: the report is a page of its own, with its own style and nothing else.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

// verificationReport shows the printable report of one run.
func (p *Portal) verificationReport(v *visit) error {
	if v.role() == RoleAuditor && v.right == nil {
		return errGone // it says more than the list: which decisions to destroy there are, and where something is wrong
	}
	id := v.r.PathValue("id")
	file, err := p.cfg.Proofs.Report(v.ctx(), id)
	if err != nil {
		return err
	}
	defer file.Close()
	downloadHeaders(v, "text/html; charset=utf-8", "kiem-chung-"+id+".html")
	v.w.Header().Set("Content-Security-Policy", reportPolicy)
	if !v.r.URL.Query().Has("save") {
		v.w.Header().Set("Content-Disposition", "inline")
	}
	if _, err := io.Copy(v.w, file); err != nil && v.ctx().Err() == nil {
		p.cfg.Log.Error("couldn't send verification report", "error", err)
	}
	return nil
}

// downloadCheckpoint gives the published head as a file: whoever keeps one can prove later that nothing before it was changed.
func (p *Portal) downloadCheckpoint(v *visit) error {
	published, err := p.cfg.Proofs.Published(v.ctx())
	if err != nil {
		return err
	}
	downloadHeaders(v, "text/plain; charset=utf-8", "checkpoint-"+strconv.FormatUint(published.Size, 10)+".txt")
	_, _ = v.w.Write(published.Text)
	return nil
}
