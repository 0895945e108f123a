package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// cscServer is a signing service as CSC API 2.0 describes it, over real HTTPS, with the troubles a test asks for.
type cscServer struct {
	t    *testing.T
	http *httptest.Server
	keys map[string]crypto.Signer
	cert map[string]*x509.Certificate

	mu       sync.Mutex
	calls    map[string]int // by operation
	tokens   int            // given out
	current  string
	fail     map[string][]int // statuses to answer the next calls of an operation with
	authWait int              // authorizeCheck says 202 so often
	signWait int              // signPolling likewise
	decision string           // error code once asked after; "" is agreement
	twist    func(sig []byte, digest []byte) []byte
	raw      bool // ECDSA as r and s
	pin      string
	sads     map[string][]string // hashes by SAD
	results  map[string][]string
	blocked  chan struct{} // signHash waits for it, if not nil, and says on arrived that it does
	arrived  chan struct{}
	infoOnly bool   // credentials/list gives names only
	body     string // instead of the answer of signHash
}

func newCSCServer(t *testing.T) *cscServer {
	s := &cscServer{t: t, keys: map[string]crypto.Signer{}, cert: map[string]*x509.Certificate{}, calls: map[string]int{}, fail: map[string][]int{},
		sads: map[string][]string{}, results: map[string][]string{}, arrived: make(chan struct{}, 16)}
	s.add("rsa", testRSA())
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate
	s.http.StartTLS()
	t.Cleanup(s.http.Close)
	return s
}

func (s *cscServer) add(id string, key crypto.Signer) {
	s.keys[id], s.cert[id] = key, testCA().issue(s.t, key.Public(), nil)
}

func (s *cscServer) config() CSCConfig {
	roots := x509.NewCertPool()
	roots.AddCert(s.http.Certificate())
	return CSCConfig{Name: "thử", Base: s.http.URL + "/csc/v2", ClientID: "tram", ClientSecret: func() (string, error) { return "bí mật", nil }, Roots: roots,
		After: at0}
}

// at0 lets no time pass.
func at0(time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return c
}

func (s *cscServer) client(change func(*CSCConfig)) *CSC {
	s.t.Helper()
	c := s.config()
	if change != nil {
		change(&c)
	}
	client, err := NewCSC(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

func (s *cscServer) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

func (s *cscServer) serve(w http.ResponseWriter, r *http.Request) {
	op, ok := strings.CutPrefix(r.URL.Path, "/csc/v2/")
	if !ok || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.calls[op]++
	if list := s.fail[op]; len(list) > 0 {
		s.fail[op] = list[1:]
		s.mu.Unlock()
		if list[0] == 302 {
			w.Header().Set("Location", s.http.URL+"/elsewhere")
		}
		w.WriteHeader(list[0])
		fmt.Fprint(w, "<html>")
		return
	}
	s.mu.Unlock()
	if op == "oauth2/token" {
		s.token(w, r)
		return
	}
	s.mu.Lock()
	authorized := r.Header.Get("Authorization") == "Bearer "+s.current && s.current != ""
	s.mu.Unlock()
	if !authorized {
		s.refuse(w, 401, "invalid_token", "expired")
		return
	}
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.refuse(w, 400, "invalid_request", "no JSON")
		return
	}
	text := func(name string) string { v, _ := in[name].(string); return v }
	switch op {
	case "credentials/list":
		s.list(w, in)
	case "credentials/info":
		s.answer(w, 200, s.info(text("credentialID")))
	case "credentials/authorize":
		s.authorize(w, in)
	case "credentials/authorizeCheck":
		s.authorizeCheck(w, text("handle"))
	case "signatures/signHash":
		s.signHash(w, r, in)
	case "signatures/signPolling":
		s.signPolling(w, text("requestID"))
	default:
		http.NotFound(w, r)
	}
}

func (s *cscServer) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Log(err)
	}
}

func (s *cscServer) refuse(w http.ResponseWriter, status int, code, text string) {
	s.answer(w, status, map[string]string{"error": code, "error_description": text})
}

func (s *cscServer) token(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_id") != "tram" || r.FormValue("client_secret") != "bí mật" {
		s.refuse(w, 401, "invalid_client", "unknown client")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	s.current = fmt.Sprintf("token-%d", s.tokens)
	s.answer(w, 200, map[string]any{"access_token": s.current, "token_type": "Bearer", "expires_in": 3600})
}

func (s *cscServer) info(id string) map[string]any {
	key := s.keys[id]
	if key == nil {
		return map[string]any{"key": map[string]any{"status": "disabled"}}
	}
	algo := []string{oidRSA, oidPSS}
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		algo = []string{oidECDSA + "2", oidECDSA + "3"}
	}
	return map[string]any{
		"credentialID": id, "key": map[string]any{"status": "enabled", "algo": algo, "len": 2048}, "multisign": 3, "auth": map[string]any{"mode": "explicit"},
		"cert": map[string]any{"status": "valid", "certificates": []string{base64.StdEncoding.EncodeToString(s.cert[id].Raw), base64.StdEncoding.EncodeToString(testCA().cert.Raw)}},
	}
}

func (s *cscServer) list(w http.ResponseWriter, in map[string]any) {
	var ids []string
	var infos []any
	for id := range s.keys {
		ids = append(ids, id)
		infos = append(infos, s.info(id))
	}
	out := map[string]any{"credentialIDs": ids}
	if in["credentialInfo"] == true && !s.infoOnly {
		out["credentialInfos"] = infos
	}
	s.answer(w, 200, out)
}

func texts(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, x := range list {
		t, _ := x.(string)
		out = append(out, t)
	}
	return out
}

func (s *cscServer) authorize(w http.ResponseWriter, in map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pin != "" {
		data, _ := json.Marshal(in["authData"])
		if string(data) != fmt.Sprintf(`[{"id":"PIN","value":%q}]`, s.pin) {
			s.refuse(w, 400, "invalid_authentication_data", "The authentication data is invalid")
			return
		}
	}
	hashes := texts(in["hashes"])
	if n, _ := in["numSignatures"].(float64); int(n) != len(hashes) || len(hashes) == 0 {
		s.refuse(w, 400, "invalid_request", "numSignatures")
		return
	}
	id := fmt.Sprintf("sad-%d", len(s.sads))
	s.sads[id] = hashes
	if s.authWait > 0 || s.decision != "" && s.signWait == 0 {
		s.answer(w, 202, map[string]string{"handle": id})
		return
	}
	s.answer(w, 200, map[string]any{"SAD": id, "expiresIn": 60})
}

func (s *cscServer) authorizeCheck(w http.ResponseWriter, handle string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sads[handle] == nil:
		s.refuse(w, 400, "invalid_request", "Invalid parameter handle")
	case s.authWait > 0:
		s.authWait--
		s.answer(w, 202, map[string]string{"handle": handle})
	case s.decision != "":
		s.refuse(w, 400, s.decision, "the holder")
	default:
		s.answer(w, 200, map[string]any{"SAD": handle})
	}
}

var cscHashes = map[string]crypto.Hash{"2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512}

func (s *cscServer) signHash(w http.ResponseWriter, r *http.Request, in map[string]any) {
	if s.blocked != nil {
		s.arrived <- struct{}{}
		select {
		case <-s.blocked:
		case <-r.Context().Done():
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body != "" {
		fmt.Fprint(w, s.body)
		return
	}
	sad, _ := in["SAD"].(string)
	hashes := texts(in["hashes"])
	if !slices.Equal(s.sads[sad], hashes) {
		s.refuse(w, 400, "invalid_request", "Hash is not authorized by the SAD")
		return
	}
	delete(s.sads, sad) // once only
	id, _ := in["credentialID"].(string)
	oid, _ := in["signAlgo"].(string)
	hashOID, _ := in["hashAlgorithmOID"].(string)
	params, _ := in["signAlgoParams"].(string)
	var sigs []string
	for _, h := range hashes {
		digest, err := base64.StdEncoding.DecodeString(h)
		if err != nil {
			s.refuse(w, 400, "invalid_request", "Invalid Base64 hash string parameter")
			return
		}
		sig, err := s.sign(id, oid, params, cscHashes[hashOID], digest)
		if err != nil {
			s.refuse(w, 400, "invalid_request", err.Error())
			return
		}
		if s.twist != nil {
			sig = s.twist(sig, digest)
		}
		sigs = append(sigs, base64.StdEncoding.EncodeToString(sig))
	}
	if in["operationMode"] == "A" {
		id := fmt.Sprintf("response-%d", len(s.results))
		s.results[id] = sigs
		s.answer(w, 200, map[string]string{"responseID": id})
		return
	}
	s.answer(w, 200, map[string]any{"signatures": sigs})
}

func (s *cscServer) sign(id, oid, params string, h crypto.Hash, digest []byte) ([]byte, error) {
	key := s.keys[id]
	switch {
	case key == nil || h == 0:
		return nil, fmt.Errorf("Invalid parameter")
	case oid == oidRSA && params == "":
		return key.Sign(rand.Reader, digest, h)
	case oid == oidPSS:
		der, err := base64.StdEncoding.DecodeString(params)
		if err != nil {
			return nil, err
		}
		var p struct {
			Hash asn1.RawValue `asn1:"explicit,tag:0"`
			MGF  asn1.RawValue `asn1:"explicit,tag:1"`
			Salt int           `asn1:"explicit,tag:2"`
		}
		if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("signAlgoParams: %w", err)
		}
		return key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: p.Salt, Hash: h})
	case strings.HasPrefix(oid, oidECDSA) && ecdsaWithHash[h] == oid:
		der, err := key.Sign(rand.Reader, digest, h)
		if err != nil || !s.raw {
			return der, err
		}
		var v struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &v); err != nil {
			return nil, err
		}
		size := (key.Public().(*ecdsa.PublicKey).Curve.Params().BitSize + 7) / 8
		return append(v.R.FillBytes(make([]byte, size)), v.S.FillBytes(make([]byte, size))...), nil
	}
	return nil, fmt.Errorf("Invalid parameter signAlgo")
}

func (s *cscServer) signPolling(w http.ResponseWriter, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.results[id] == nil:
		s.refuse(w, 400, "invalid_request", "Invalid requestID")
	case s.signWait > 0:
		s.signWait--
		s.refuse(w, 202, "accepted_request", "not yet completed")
	case s.decision != "":
		s.refuse(w, 400, s.decision, "the holder")
	default:
		s.answer(w, 200, map[string]any{"signatures": s.results[id]})
	}
}
