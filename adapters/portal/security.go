package portal

import (
	"net/http"
	"strings"
	"time"
)

// Cookies. With TLS the names get the __Host- prefix: no other host, no other path, no plain HTTP can set them.
const (
	sessionCookie  = "tram_session"
	deviceCookie   = "tram_device"
	formCookie     = "tram_form"
	languageCookie = "tram_language"
)

// contentPolicy: everything from here, nothing inline, nobody may frame or be posted to.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// downloadPolicy: should a browser ever show a download, nothing in it runs or loads.
const downloadPolicy = "default-src 'none'; sandbox; frame-ancestors 'none'"

// secure puts the headers on every answer and turns away what another site sends.
func (p *Portal) secure(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.serve(w, r, route{access: everyone, serve: func(*Portal, *visit) error { return fail(http.StatusForbidden) }, takes: smallForm})
	}))
	next = cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if p.overTLS(r) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

func (p *Portal) overTLS(r *http.Request) bool { return p.cfg.Secure || r.TLS != nil }

func (p *Portal) cookieName(r *http.Request, name string) string {
	if p.overTLS(r) {
		return "__Host-" + name
	}
	return name
}

func (p *Portal) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(p.cookieName(r, name))
	if err != nil || len(c.Value) > 100 {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for life, or for the browser's session when life is 0.
func (p *Portal) setCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration, site http.SameSite) {
	http.SetCookie(w, &http.Cookie{Name: p.cookieName(r, name), Value: value, Path: "/", HttpOnly: true,
		Secure: p.overTLS(r), SameSite: site, MaxAge: int(life / time.Second)})
}

func (p *Portal) clearCookie(w http.ResponseWriter, r *http.Request, name string) {
	http.SetCookie(w, &http.Cookie{Name: p.cookieName(r, name), Path: "/", HttpOnly: true, Secure: p.overTLS(r), MaxAge: -1, SameSite: http.SameSiteLaxMode})
}

// languageOf reads the language cookie; without one Vietnamese, whatever the browser prefers: the register is Vietnamese.
func (p *Portal) languageOf(r *http.Request) string {
	if c := p.cookie(r, languageCookie); c == English {
		return English
	}
	return Vietnamese
}

// safePath accepts a path of this portal to go back to, below Config.Base, and nothing that leads elsewhere.
func safePath(path string) (string, bool) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || len(path) > 2000 {
		return "", false
	}
	return path, true
}
