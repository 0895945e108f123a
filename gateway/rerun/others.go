package rerun

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// prepareEvidence reads the evidence that an event names: p.work.
func prepareEvidence(ctx context.Context, r *Rerun, p *Prepared, src Source) error {
	if p.e.Statement.Evidence == nil {
		return nil
	}
	b, err := r.evidence(ctx, p, src)
	if err == nil {
		p.work = b
	}
	return err
}

// decidePolicy: the configured policy differed from the one in force.
func decidePolicy(_ context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	d, err := read[policy.Set](p.e)
	if err != nil {
		return given{}, err
	}
	var configured policy.Policy
	if err := json.Unmarshal(d.Policy, &configured); err != nil {
		return given{}, mismatch(p.e, "form", "", err.Error())
	}
	news, err := policy.Decide(r.bases.policyBefore(p.e.Position), configured)
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{events: news}, nil
}

// decideSubmission: a header id was bound, just before what its package carries is recorded.
func decideSubmission(ctx context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	d, err := read[submission.IDBound](p.e)
	if err != nil {
		return given{}, err
	}
	s, err := as[submission.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	st := &p.e.Statement
	if _, err := r.caller(p); err != nil {
		return given{}, err
	}
	if _, known := p.snapshot.Directory.Organisation(st.Actor); !known {
		return given{}, mismatch(p.e, "actor", st.Actor, "an organisation of the directory")
	}
	if channel := strings.HasPrefix(d.Issuer, "channel:"); !channel && !slices.Contains(p.snapshot.Directory.Identities(st.Actor, st.Time), d.Issuer) {
		return given{}, mismatch(p.e, "data", "issuer "+d.Issuer, "an identity of "+st.Actor)
	}
	news, err := submission.Decide(s, submission.Bind(d))
	if err != nil {
		return given{}, refused(p, err)
	}
	r.open.binds[st.Stream] = p.e.Position
	return given{actor: st.Actor, client: st.Client, events: news}, nil
}

// decideValidation: an answer of an authority was kept.
func decideValidation(ctx context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	d, err := read[validation.Kept](p.e)
	if err != nil {
		return given{}, err
	}
	s, err := as[validation.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	raw, ok := p.work.([]byte)
	if !ok {
		return given{}, mismatch(p.e, "evidence", "none", "the answer")
	}
	news, err := validation.Decide(s, d, raw)
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{stream: validation.Stream(d.Answer), evidence: &d.Answer, events: news}, nil
}

// decideRefusal: of a refusal there is only what the event says. Whether it was right cannot be told without the package, which is not
// kept; that the caller was known, the sender too, and the number is a published one about a package, can.
func decideRefusal(ctx context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	d, err := read[refusal.Recorded](p.e)
	if err != nil {
		return given{}, err
	}
	s, err := as[refusal.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	around, err := r.bases.around(p.e)
	if err != nil {
		return given{}, err
	}
	st := &p.e.Statement
	id, _ := strings.CutPrefix(st.Stream, refusal.StreamPrefix)
	code, err := strconv.Atoi(d.Code)
	if err != nil || !gateway.Refuses(code) {
		return given{}, mismatch(p.e, "data", "code "+d.Code, "a published one about a package")
	}
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return given{}, mismatch(p.e, "stream", st.Stream, "16 bytes in hexadecimal")
	}
	if !slices.ContainsFunc(around, func(snap *gateway.Snapshot) bool {
		_, _, ok := gateway.RecordedCaller(snap.Directory, d.Caller, d.Sender, st.Time)
		return ok
	}) {
		return given{}, mismatch(p.e, "caller", d.Caller, "somebody whom the directory knows")
	}
	if d.Sender != "" && !slices.ContainsFunc(around, func(snap *gateway.Snapshot) bool {
		_, ok := snap.Directory.Organisation(d.Sender)
		return ok
	}) {
		return given{}, mismatch(p.e, "data", "sender "+d.Sender, "an organisation of the directory")
	}
	c := refusal.Record{Caller: d.Caller, Sender: d.Sender, Code: d.Code, Secret: code == gateway.CodeSecret}
	if d.Digest != nil {
		c.Digest = *d.Digest
	}
	news, err := refusal.Decide(s, c)
	if err != nil {
		return given{}, refused(p, err)
	}
	r.note(bilingual.Say("rằng các lần từ chối là đúng: những gì bị từ chối không được lưu",
		"that refusals were right: what was refused is not kept"), p.e.Position)
	return given{events: news}, nil
}

// decideTimestamp: a token over a head of the log. That the log had this head, and that the token is good, is judged beside this.
func decideTimestamp(ctx context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	d, err := timestamp.Decode(p.e)
	if err != nil {
		return given{}, mismatch(p.e, "form", "", err.Error())
	}
	s, err := as[timestamp.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	raw, ok := p.work.([]byte)
	if !ok {
		return given{}, mismatch(p.e, "evidence", "none", "the token")
	}
	news, err := timestamp.Decide(s, timestamp.Stamp{Stamped: d, Raw: raw})
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{evidence: &d.Token, events: news}, nil
}
