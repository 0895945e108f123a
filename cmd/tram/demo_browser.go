package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// browser is a person of the demonstration at the portal: it opens pages, and fills in and sends the forms that stand on them, as any
// browser would. What a page does not offer cannot be done here either.
type browser struct {
	base string // of the portal, with a slash at the end
	http *http.Client
	at   *url.URL
	page *html.Node
}

func newBrowser(portal string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't make browser: %w", err)
	}
	return &browser{base: strings.TrimSuffix(portal, "/"), http: &http.Client{Jar: jar, Timeout: time.Minute}}, nil
}

// signIn begins a session.
func (b *browser) signIn(ctx context.Context, a demoAccount) error {
	if err := b.open(ctx, "/signin"); err != nil {
		return err
	}
	err := b.send(ctx, "password", func(f url.Values) bool { return f.Has("password") }, url.Values{"username": {a.Username}, "password": {a.Password}})
	if err == nil && strings.HasSuffix(b.at.Path, "/signin") {
		err = fmt.Errorf("couldn't sign in as %s: %s", a.Username, b.said())
	}
	return err
}

// open goes to a page; path is below the portal, or as a link gives it.
func (b *browser) open(ctx context.Context, path string) error {
	if base, _ := url.Parse(b.base); base != nil && !strings.HasPrefix(path, base.Path+"/") {
		path = base.Path + path
	}
	to, err := url.Parse(b.base)
	if err == nil {
		to, err = to.Parse(path)
	}
	if err != nil {
		return fmt.Errorf("couldn't open %s: %w", path, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return fmt.Errorf("couldn't open %s: %w", path, err)
	}
	return b.show(r)
}

// show sends a request and reads the page that it leads to.
func (b *browser) show(r *http.Request) error {
	r.Header.Set("Accept-Language", "vi")
	answer, err := b.http.Do(r)
	if err != nil {
		return fmt.Errorf("couldn't open %s: %w", r.URL.Path, err)
	}
	defer answer.Body.Close()
	page, err := html.Parse(io.LimitReader(answer.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("couldn't read page %s: %w", r.URL.Path, err)
	}
	b.at, b.page = answer.Request.URL, page
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("couldn't go on at %s %s: %s: %s", r.Method, r.URL.Path, answer.Status, b.said())
	}
	return nil
}

// act fills in the form of an act on the page and sends it. The page it leads to says what was done.
func (b *browser) act(ctx context.Context, name string, values url.Values, files ...demoFile) error {
	return b.send(ctx, name, func(f url.Values) bool { return f.Get("act") == name }, values, files...)
}

// demoFile is a file to send along.
type demoFile struct {
	name    string
	content []byte
}

var errNoForm = errors.New("the page does not offer it")

func (b *browser) send(ctx context.Context, what string, wanted func(url.Values) bool, values url.Values, files ...demoFile) error {
	for form := range b.page.Descendants() {
		if form.DataAtom != atom.Form || !strings.EqualFold(attr(form, "method"), "post") {
			continue
		}
		fields := formFields(form)
		if !wanted(fields) {
			continue
		}
		for name, list := range values {
			fields[name] = list
		}
		to, err := b.at.Parse(attr(form, "action"))
		if err != nil {
			return fmt.Errorf("couldn't send %s: %w", what, err)
		}
		body, kind, err := formBody(fields, files, attr(form, "enctype") == "multipart/form-data")
		if err != nil {
			return fmt.Errorf("couldn't send %s: %w", what, err)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), body)
		if err != nil {
			return fmt.Errorf("couldn't send %s: %w", what, err)
		}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Origin", to.Scheme+"://"+to.Host)
		if err := b.show(r); err != nil {
			return fmt.Errorf("couldn't do %s: %w", what, err)
		}
		return nil
	}
	return fmt.Errorf("couldn't do %s at %s: %w: %s", what, b.at.Path, errNoForm, strings.Join(b.acts(), ", "))
}

// acts are what the page offers.
func (b *browser) acts() (out []string) {
	for form := range b.page.Descendants() {
		if form.DataAtom == atom.Form {
			if name := formFields(form).Get("act"); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

func formBody(fields url.Values, files []demoFile, parts bool) (io.Reader, string, error) {
	if !parts {
		if len(files) > 0 {
			return nil, "", errors.New("the form takes no files")
		}
		return strings.NewReader(fields.Encode()), "application/x-www-form-urlencoded", nil
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, list := range fields {
		for _, value := range list {
			if err := w.WriteField(name, value); err != nil {
				return nil, "", err
			}
		}
	}
	for _, f := range files {
		part, err := w.CreateFormFile("files", f.name)
		if err == nil {
			_, err = part.Write(f.content)
		}
		if err != nil {
			return nil, "", err
		}
	}
	return &body, w.FormDataContentType(), w.Close()
}

// formFields are what a browser would send of a form that nobody touched.
func formFields(form *html.Node) url.Values {
	out := url.Values{}
	for n := range form.Descendants() {
		name := attr(n, "name")
		if name == "" || has(n, "disabled") {
			continue
		}
		switch n.DataAtom {
		case atom.Input:
			switch attr(n, "type") {
			case "checkbox", "radio":
				if has(n, "checked") {
					out.Add(name, attr(n, "value"))
				}
			case "submit", "button", "file", "image", "reset":
			default:
				out.Add(name, attr(n, "value"))
			}
		case atom.Textarea:
			out.Add(name, words(n))
		case atom.Select:
			var options []*html.Node
			for o := range n.Descendants() {
				if o.DataAtom == atom.Option {
					options = append(options, o)
				}
			}
			if i := slices.IndexFunc(options, func(o *html.Node) bool { return has(o, "selected") }); i >= 0 {
				out.Add(name, attr(options[i], "value"))
			} else if len(options) > 0 && !has(n, "multiple") {
				out.Add(name, attr(options[0], "value"))
			}
		}
	}
	return out
}

// link is the first link whose target begins with prefix (below the portal) and that, or the row or card around it, has the words.
func (b *browser) link(prefix, containing string) (string, error) {
	base, err := url.Parse(b.base)
	if err != nil {
		return "", fmt.Errorf("couldn't read address: %w", err)
	}
	for n := range b.page.Descendants() {
		if n.DataAtom != atom.A || !strings.HasPrefix(attr(n, "href"), base.Path+prefix) {
			continue
		}
		around := n
		for around.Parent != nil && around.DataAtom != atom.Tr && around.DataAtom != atom.Li && around.DataAtom != atom.Article {
			around = around.Parent
		}
		if strings.Contains(words(n), containing) || around.Parent != nil && strings.Contains(words(around), containing) {
			return attr(n, "href"), nil
		}
	}
	return "", fmt.Errorf("couldn't find %q among the links to %s of %s", containing, prefix, b.at.Path)
}

// follow opens the page, then what its link leads to.
func (b *browser) follow(ctx context.Context, page, prefix, containing string) error {
	if err := b.open(ctx, page); err != nil {
		return err
	}
	to, err := b.link(prefix, containing)
	if err != nil {
		return err
	}
	return b.open(ctx, to)
}

// last is the last part of the address, the id of what is shown.
func (b *browser) last() string { return b.at.Path[strings.LastIndex(b.at.Path, "/")+1:] }

// said is what the page says in its notices, or else its heading.
func (b *browser) said() string {
	var out []string
	for n := range b.page.Descendants() {
		if attr(n, "role") == "alert" || n.DataAtom == atom.H1 {
			out = append(out, words(n))
		}
	}
	return strings.Join(out, "; ")
}

// heading is the title of the page.
func (b *browser) heading() string {
	for n := range b.page.Descendants() {
		if n.DataAtom == atom.H1 {
			return words(n)
		}
	}
	return ""
}

// words is the text under a node, with single spaces.
func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.DataAtom != atom.Script && d.Parent.DataAtom != atom.Style {
			b.WriteString(d.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}
