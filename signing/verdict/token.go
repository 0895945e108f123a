package verdict

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
)

// TokenOptions say how a time-stamp token is judged.
type TokenOptions struct {
	// ChainOptions are for its signer. At is the earliest time at which the token is itself proved to have existed: usually the time of
	// the judgement, for one that another time-stamp covers the time of that. Purposes are not asked: it is always for time-stamps.
	ChainOptions
	// Others are certificates that may help to find the chain, beside those in the token.
	Others []*x509.Certificate
	// Imprint gives the digest of what should be stamped. Nil: not compared. Its error tells that this could not be found.
	Imprint func(crypto.Hash) ([]byte, error)
}

// TokenVerdict is what is said of a time-stamp token. Only one that is TOTAL-PASSED proves its time.
type TokenVerdict struct {
	Timestamp
	Token    *tsp.Token // nil if it could not be read
	Evidence [][]byte   // DER of the revocation answers that the verdict rests on
}

// JudgeToken judges an RFC 3161 time-stamp token (EN 319 102-1, 5.4): its form, what it is over, its signature, and who made it. An
// error means that ctx ended or that options are missing.
func JudgeToken(ctx context.Context, der []byte, o TokenOptions) (*TokenVerdict, error) {
	t := tokenJudgement{o: &o, v: &TokenVerdict{}}
	t.v.Checked = o.At.UTC()
	err := t.run(ctx, der)
	t.v.Checks, t.v.Conclusion = t.list.checks, t.list.conclusion()
	return t.v, err
}

type tokenJudgement struct {
	o    *TokenOptions
	list checklist
	v    *TokenVerdict
}

func (t *tokenJudgement) run(ctx context.Context, der []byte) error {
	token, err := tsp.Parse(der)
	if err != nil {
		t.list.fail(CheckTimestampFormat, Failed, failed(FormatFailure), err.Error())
		return nil
	}
	t.list.pass(CheckTimestampFormat, "")
	token.Supply(t.o.Others)
	t.v.Token, t.v.Time, t.v.Policy = token, token.Time.UTC(), token.Policy
	if err := t.imprint(ctx); err != nil {
		return err
	}
	if err := token.VerifySignature(); err != nil {
		t.list.fail(CheckTimestampValue, Failed, failed(SigCryptoFailure), err.Error())
	} else {
		t.list.pass(CheckTimestampValue, "")
	}
	if token.Signer == nil {
		t.list.fail(CheckSigningCert, Unknown, indeterminate(NoSigningCertificate), "")
		return nil
	}
	t.v.Signer = token.Signer.Subject.String()
	if err := t.signer(ctx); err != nil {
		return err
	}
	t.algorithm()
	return nil
}

// imprint tells whether the token is over these bytes.
func (t *tokenJudgement) imprint(ctx context.Context) error {
	token := t.v.Token
	if standing := t.o.Policy.digestAt(digestName(token.Hash), t.o.At); standing != allowed {
		t.list.constrain(CheckDigestAlgorithm, standing, token.HashOID.String())
	}
	if t.o.Imprint == nil || digestName(token.Hash) == "" {
		return nil
	}
	want, err := t.o.Imprint(token.Hash)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		t.list.fail(CheckTimestampImprint, Failed, indeterminate(SignedDataNotFound), err.Error())
	case !bytes.Equal(want, token.Imprint):
		t.list.fail(CheckTimestampImprint, Failed, failed(HashFailure), fmt.Sprintf("%x, %x", token.Imprint, want))
	default:
		t.list.pass(CheckTimestampImprint, "")
	}
	return nil
}

// signer judges who made the token.
func (t *tokenJudgement) signer(ctx context.Context) error {
	token := t.v.Token
	if err := token.CheckSigner(); err != nil {
		t.list.fail(CheckTimestampSigner, Failed, indeterminate(ChainConstraintsFailure), err.Error())
	} else {
		t.list.pass(CheckTimestampSigner, "")
	}
	o := t.o.ChainOptions
	o.noGrace = true
	o.Purposes, o.Revocation = []signing.Purpose{signing.PurposeTimeStamp}, tokenSource(token, o.Revocation)
	cv, err := JudgeChain(ctx, token.Signer, append(slices.Clone(token.Certificates), t.o.Others...), o)
	if err != nil {
		return err
	}
	t.list.take(cv)
	t.v.Evidence = cv.Revocation.Evidence()
	if cv.Chain != nil {
		if err := token.CheckChain(cv.Chain); err != nil {
			t.list.fail(CheckSigningCertProp, Failed, indeterminate(SigConstraintsFailure), err.Error())
		}
	}
	return nil
}

// tokenSource is where the revocation of a time-stamp's signer is asked: also what the token itself carries.
func tokenSource(token *tsp.Token, more revocation.Source) revocation.Source {
	raws := append(slices.Clone(token.Message.CRLs), token.Message.OCSPs...)
	if len(raws) == 0 {
		return more
	}
	own := revocation.NewOffline(raws...)
	own.Certify(token.Certificates...)
	return JoinSources(own, more)
}

var cmsSchemes = map[cms.Kind]string{cms.RSAPKCS1: sigPKCS1, cms.RSAPSS: sigPSS, cms.ECDSA: sigECDSA}

func (t *tokenJudgement) algorithm() {
	by := t.v.Token.Message.Signers[0]
	s, words := t.o.Policy.cmsAt(by, t.o.At)
	t.list.constrain(CheckAlgorithm, s, words)
}
