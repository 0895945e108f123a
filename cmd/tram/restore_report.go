package main

import (
	"fmt"
	"io"
)

// verdictWords are what people read first.
var verdictWords = map[string][2]string{
	verdictComplete: {"ĐỦ", "COMPLETE: it has all that others know of"},
	verdictBehind:   {"THIẾU", "EVENTS ARE MISSING"},
	verdictUnknown:  {"CHƯA RÕ", "NOT KNOWN whether anything is missing: nobody else was asked"},
	verdictForked:   {"HAI LỊCH SỬ KHÁC NHAU", "TWO HISTORIES of this log: no folder was made"},
	verdictDamaged:  {"BẢN SAO HỎNG", "WHAT WAS COPIED DOES NOT PROVE: no folder was made"},
}

// shownMissing bounds a list that people read; --json has all.
const shownMissing = 50

func (a *restoreReport) print(w io.Writer, o restoreOptions) {
	words := verdictWords[a.Verdict]
	fmt.Fprintf(w, "%s / %s\n", words[0], words[1])
	if a.Verdict != verdictForked && a.Verdict != verdictDamaged {
		fmt.Fprintf(w, "  folder     %s\n", o.to)
	}
	fmt.Fprintf(w, "  log        %s\n  restored   %d events, root %s (signatures judged again: %d)\n", a.Origin, a.Size, a.Root, a.Judged)
	for _, s := range a.Sources {
		fmt.Fprintf(w, "  copy       %s: size %d, %d events taken\n", s.Folder, s.Size, s.Events)
		if s.Problem != "" {
			fmt.Fprintf(w, "             hỏng / damaged: %s\n", s.Problem)
		}
	}
	for _, k := range a.Known {
		if k.Kind == "copy" {
			continue
		}
		fmt.Fprintf(w, "  known      %s %s: size %d, %s\n", k.Kind, k.Source, k.Size, k.words(a.Size))
	}
	if m := a.Missing; m != nil {
		m.print(w)
	}
	for _, u := range a.Unproved {
		fmt.Fprintf(w, "  not proved %s\n", u)
	}
	switch {
	case a.Verdict == verdictBehind:
		fmt.Fprintln(w, "  next       trạm không chạy trên thư mục này / a node refuses this folder: find a copy that has the rest (--also), or declare the loss (tram init --continues)")
	case a.Verdict == verdictUnknown && !a.OK:
		fmt.Fprintln(w, "  next       trạm không chạy trên thư mục này / a node refuses this folder: ask others (--checkpoint, --receipt, --witness), or say why not (--accept-unproved)")
	case a.OK && a.Accepted != "":
		fmt.Fprintf(w, "  accepted   %s\n", a.Accepted)
	}
}

func (k knownHead) words(size uint64) string {
	s := ""
	switch {
	case k.Agrees != nil && *k.Agrees:
		s = "khớp / agrees"
	case k.Agrees != nil:
		s = "KHÁC / ANOTHER ROOT"
	case k.Size > size:
		s = "nhiều hơn / more than was restored"
	default:
		s = "không nhiều hơn / not more than was restored"
	}
	if k.Kind != "witness" && !k.Signed {
		s += ", chưa kiểm chữ ký / signature not judged"
	}
	return s
}

func (m *missingEvents) print(w io.Writer) {
	fmt.Fprintf(w, "  missing    %d events, positions %d to %d\n", m.Count, m.From, m.To-1)
	for i, e := range m.Named {
		if i == shownMissing {
			fmt.Fprintf(w, "             … %d more\n", len(m.Named)-i)
			break
		}
		fmt.Fprintf(w, "             %d  %s  %s  %s  actor %s, client %s\n", e.Position, local(e.Time), e.Name, e.Stream, e.Actor, e.Client)
		if e.Package != nil {
			fmt.Fprintf(w, "               package %s (%d bytes), receipt %s\n", e.Package.SHA256, e.Package.Length, e.Receipt)
		}
	}
	if m.Unnamed > 0 {
		fmt.Fprintf(w, "             %d of them are known by their number only: ask for receipts of hand-ins since then\n", m.Unnamed)
	}
}
