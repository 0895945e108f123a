package portal

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Stylesheet, icons and the small script are ours and committed. The font and htmx come from npm into
// assets/dist when the program is built with them (make portal-assets); without them pages use the reader's own
// fonts and plain links.
//
//go:embed assets/static all:assets/dist
var assetFiles embed.FS

// assets serves the embedded files under names that change with their content, so that browsers may keep them.
type assets struct {
	prefix string
	files  map[string]asset  // by served name, e.g. "portal.3f9c….css"
	url    map[string]string // by own name, e.g. "portal.css"
}

type asset struct {
	contentType string
	body        []byte
}

var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}

func loadAssets(prefix string) (*assets, error) {
	a := &assets{prefix: prefix, files: map[string]asset{}, url: map[string]string{}}
	for _, dir := range []string{"assets/static", "assets/dist"} {
		err := fs.WalkDir(assetFiles, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			ct, ok := assetTypes[path.Ext(name)]
			if !ok {
				return nil
			}
			body, err := assetFiles.ReadFile(name)
			if err != nil {
				return err
			}
			a.add(strings.TrimPrefix(name, dir+"/"), ct, body)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't load assets: %w", err)
		}
	}
	return a, nil
}

// add serves a file. Fonts keep their names, because the stylesheet of dist names them; npm's version of a font
// changes its own name with its content (see build.mjs).
func (a *assets) add(name, contentType string, body []byte) {
	served := name
	if ext := path.Ext(name); ext != ".woff2" {
		sum := sha256.Sum256(body)
		served = strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	}
	a.files[served] = asset{contentType, body}
	a.url[name] = a.prefix + served
}

// has tells whether an optional file is in this build.
func (a *assets) has(name string) bool { _, ok := a.url[name]; return ok }

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[strings.TrimPrefix(r.URL.Path, a.prefix)]
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method != http.MethodHead {
		w.Write(f.body)
	}
}
