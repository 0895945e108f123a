package schemas

import (
	"embed"
	"fmt"
	"io/fs"
	"sync"
)

//go:embed xsd/*.xsd
var xsdFiles embed.FS

// Names of the published schemas.
const (
	FileEmit   = "edxml-emit.xsd"   // what we write
	FileAccept = "edxml-accept.xsd" // what we read
	FileTram   = "tram.xsd"
	FileXLink  = "xlink.xsd" // imported by FileEmit
)

// Files are the schemas as published at /schemas/, with their documentation inside.
func Files() fs.FS {
	sub, err := fs.Sub(xsdFiles, "xsd")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// The grammars are the published files, compiled once when first needed. A file that does not compile is a mistake
// of ours that no input can cause, so it panics (and a test compiles them all).
var (
	acceptGrammar = sync.OnceValue(func() *grammar { return mustCompile(FileAccept, "edXML", edxmlBindings()) })
	emitGrammar   = sync.OnceValue(func() *grammar { return mustCompile(FileEmit, "edXML", nil) })
	tramGrammar   = sync.OnceValue(func() *grammar { return mustCompile(FileTram, "Package", tramBindings()) })
)

func mustCompile(file, root string, b map[string]binding) *grammar {
	src, err := xsdFiles.ReadFile("xsd/" + file)
	if err != nil {
		panic(err)
	}
	g, err := compileSchema(src, root, b)
	if err != nil {
		panic(fmt.Errorf("couldn't compile %s: %w", file, err))
	}
	return g
}
