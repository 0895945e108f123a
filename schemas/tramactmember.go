package schemas

import (
	"strconv"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// The acts of a DossierAction are tables of members (see actForms): one line says how a member is read, written and judged, so that
// the three cannot drift apart. What may stand where, and how long it may be, the schema says.

// member is one member of T, an act or a part of one.
type member[T any] struct {
	name  string
	bind  func(f fields, path string, at func(t *tramDraft) *T)
	write func(x *xmlWriter, name string, v *T)
	judge func(r *reader, path string, v *T) // nil: the schema has said all
}

// plain is a leaf whose form the schema sees to.
func plain[T any](name string, at func(v *T) *string) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f.text(path, func(t *tramDraft) *string { return at(of(t)) })
		},
		write: func(x *xmlWriter, name string, v *T) { x.optional(name, *at(v)) },
	}
}

// words are written by people: they may carry the mark of a secret.
func words[T any](name string, at func(v *T) *string) member[T] {
	m := plain(name, at)
	m.judge = func(r *reader, path string, v *T) { r.secret(SecrecyOfText(*at(v)), path) }
	return m
}

// reason is words that must say something.
func reason[T any](name string, at func(v *T) *string) member[T] {
	m := words(name, at)
	secret := m.judge
	m.judge = func(r *reader, path string, v *T) {
		r.required(path, *at(v))
		secret(r, path, v)
	}
	return m
}

// notation is a number or notation of a document.
func notation[T any](name string, at func(v *T) *string) member[T] {
	m := plain(name, at)
	m.judge = func(r *reader, path string, v *T) { r.secret(SecrecyOfNotation(*at(v)), path) }
	return m
}

// organisation is the code of one, if there is any.
func organisation[T any](name string, at func(v *T) *string) member[T] {
	m := plain(name, at)
	m.judge = func(r *reader, path string, v *T) { r.identifier(path, *at(v), false) }
	return m
}

// due is a day that lies ahead, or lay ahead once.
func due[T any](name string, at func(v *T) *Date) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f.day(path, func(t *tramDraft) *Date { return at(of(t)) })
		},
		write: func(x *xmlWriter, name string, v *T) { x.optional(name, at(v).format('-')) },
		judge: func(r *reader, path string, v *T) { r.sensibleDay(path, *at(v)) },
	}
}

// past is a day that has come.
func past[T any](name string, at func(v *T) *Date) member[T] {
	m := due(name, at)
	m.judge = func(r *reader, path string, v *T) {
		d := *at(v)
		if now := r.opts.Now; !now.IsZero() && d.After(DateOf(now)) {
			r.problem(FutureDate, path, d.format('-'), "date is after today, %s in Viet Nam", DateOf(now))
			return
		}
		r.sensibleDay(path, d)
	}
	return m
}

// firstDay is the day before which no document of this state was made; yearsAhead bounds deadlines.
var firstDay = Date{1945, 9, 2}

const yearsAhead = 100

// sensibleDay refuses a slip of the keyboard, as a year of 0206 or 20026.
func (r *reader) sensibleDay(path string, d Date) {
	if d.IsZero() {
		return
	}
	last := Date{2200, 1, 1}
	if now := r.opts.Now; !now.IsZero() {
		last = DateOf(now)
		last.Year += yearsAhead
	}
	if firstDay.After(d) || d.After(last) {
		r.problem(BadDate, path, d.format('-'), "day lies outside %s to %s", firstDay, last)
	}
}

// count is a number that is left out where it is 0.
func count[T any, N int | Priority](name string, at func(v *T) *N) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f[path] = binding{set: func(r *reader, v string) {
				n, _ := strconv.Atoi(v) // few digits by the schema
				*at(of(&r.tram)) = N(n)
			}}
		},
		write: func(x *xmlWriter, name string, v *T) {
			if n := int(*at(v)); n != 0 {
				x.text(name, strconv.Itoa(n))
			}
		},
	}
}

// ordinal is a number from 1.
func ordinal[T any](name string, at func(v *T) *uint64) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f[path] = binding{set: func(r *reader, v string) {
				*at(of(&r.tram)), _ = strconv.ParseUint(v, 10, 64) // at most 15 digits by the schema
			}}
		},
		write: func(x *xmlWriter, name string, v *T) { x.text(name, strconv.FormatUint(*at(v), 10)) },
	}
}

// lines are a list of leaves, each of which judge may judge.
func lines[T any](name string, limit int, at func(v *T) *[]string, judge func(r *reader, path string, all []string)) member[T] {
	m := member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f[path] = binding{many: true, set: func(r *reader, v string) {
				if l := at(of(&r.tram)); r.room(len(*l), limit) {
					*l = append(*l, v)
				}
			}}
		},
		write: func(x *xmlWriter, name string, v *T) {
			for _, s := range *at(v) {
				x.text(name, s)
			}
		},
	}
	if judge != nil {
		m.judge = func(r *reader, path string, v *T) { judge(r, path, *at(v)) }
	}
	return m
}

// room reports whether a list takes one more; if not, the package is refused.
func (r *reader) room(has, limit int) bool {
	if has >= limit {
		r.fail(StageRules, &Problem{Code: TooMany, Path: r.path(), Offset: -1, Detail: "more than " + strconv.Itoa(limit) + " of these"})
	}
	return has < limit
}

// recipients are codes of organisations, none of them twice.
func recipients[T any](at func(v *T) *[]string) member[T] {
	return lines("Recipient", maxRecipients, at, func(r *reader, path string, all []string) {
		seen := make(map[string]bool, len(all))
		for i, code := range all {
			if !r.identified(path, i, code) {
				continue
			}
			if same := canonical(code); seen[same] {
				r.problem(DuplicateRecipient, indexed(path, i), code, "recipient stands twice")
			} else {
				seen[same] = true
			}
		}
	})
}

// places are recipients in words.
func places[T any](at func(v *T) *[]string) member[T] {
	return lines("ToPlace", maxWords, at, func(r *reader, path string, all []string) {
		for i, s := range all {
			if level := SecrecyOfText(s); level != SecrecyNone {
				r.secret(level, indexed(path, i))
			}
		}
	})
}

// part is a member that has members of its own. It is always written: whether it may be empty, the schema says.
func part[T, U any](name string, at func(v *T) *U, judge func(r *reader, path string, u *U), members []member[U]) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			bindMembers(f, path, func(t *tramDraft) *U { return at(of(t)) }, members)
		},
		write: func(x *xmlWriter, name string, v *T) { writeMembers(x, name, at(v), members) },
		judge: func(r *reader, path string, v *T) {
			judgeMembers(r, path, at(v), members)
			if judge != nil {
				judge(r, path, at(v))
			}
		},
	}
}

// assignee is a unit or person.
func assignee[T any](name string, at func(v *T) *Assignee) member[T] {
	return part(name, at, nil, assigneeMembers())
}

func assigneeMembers() []member[Assignee] {
	return []member[Assignee]{
		plain("Unit", func(v *Assignee) *string { return &v.Unit }),
		plain("Person", func(v *Assignee) *string { return &v.Person }),
	}
}

// assignees are a list of them, none of them twice.
func assignees[T any](name string, at func(v *T) *[]Assignee) member[T] {
	members := assigneeMembers()
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f[path] = binding{many: true, open: func(r *reader, _ *xmlstream.Token) {
				if l := at(of(&r.tram)); r.room(len(*l), maxAssignees) {
					*l = append(*l, Assignee{})
				}
			}}
			bindMembers(f, path, func(t *tramDraft) *Assignee { l := *at(of(t)); return &l[len(l)-1] }, members)
		},
		write: func(x *xmlWriter, name string, v *T) {
			l := *at(v)
			for i := range l {
				writeMembers(x, name, &l[i], members)
			}
		},
		judge: func(r *reader, path string, v *T) {
			seen := map[Assignee]bool{}
			for i, a := range *at(v) {
				if seen[a] {
					r.problem(RepeatedField, indexed(path, i), "", "unit or person stands twice")
				}
				seen[a] = true
			}
		},
	}
}

// documentTarget names a document, or nothing.
func documentTarget[T any](name string, at func(v *T) *ActTarget) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f[path] = binding{set: func(r *reader, v string) { *at(of(&r.tram)) = ActTarget{TargetKind(r.attr("kind")), v} }}
		},
		write: func(x *xmlWriter, name string, v *T) {
			if a := *at(v); a != (ActTarget{}) {
				x.text(name, a.ID, "kind", string(a.Kind))
			}
		},
		judge: func(r *reader, path string, v *T) {
			if at(v).Kind == TargetDossier {
				r.problem(BadCode, path+"/@kind", string(TargetDossier), "a document belongs here, not a dossier")
			}
		},
	}
}

// formFields are the further fields of a draft, each name once.
func formFields() member[Draft] {
	return member[Draft]{name: "Field",
		bind: func(f fields, path string, of func(t *tramDraft) *Draft) {
			f[path] = binding{many: true, set: func(r *reader, v string) {
				if d := of(&r.tram); r.room(len(d.Fields), maxFields) {
					d.Fields = append(d.Fields, DraftField{Name: r.attr("name"), Value: v})
				}
			}}
		},
		write: func(x *xmlWriter, name string, v *Draft) {
			for _, f := range v.Fields {
				x.text(name, f.Value, "name", f.Name)
			}
		},
		judge: func(r *reader, path string, v *Draft) {
			seen := map[string]bool{}
			for i, f := range v.Fields {
				if seen[f.Name] {
					r.problem(RepeatedField, indexed(path, i)+"/@name", f.Name, "field of this name stands twice")
				}
				seen[f.Name] = true
				if level := max(SecrecyOfText(f.Name), SecrecyOfText(f.Value)); level != SecrecyNone {
					r.secret(level, indexed(path, i))
				}
			}
		},
	}
}

func bindMembers[T any](f fields, path string, of func(t *tramDraft) *T, members []member[T]) {
	for _, m := range members {
		m.bind(f, path+"/"+m.name, of)
	}
}

func writeMembers[T any](x *xmlWriter, name string, v *T, members []member[T]) {
	x.open(name)
	for _, m := range members {
		m.write(x, m.name, v)
	}
	x.close(name)
}

func judgeMembers[T any](r *reader, path string, v *T, members []member[T]) {
	for _, m := range members {
		if m.judge != nil {
			m.judge(r, path+"/"+m.name, v)
		}
	}
}
