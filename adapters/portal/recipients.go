package portal

import (
	"slices"
	"strings"
)

// recipientPick is the part of a form in which organisations are chosen: those chosen, and what a search found.
type recipientPick struct {
	Chosen []Organisation
	Found  []Organisation
	Find   string
	None   bool // the search found nothing
}

const recipientsFound = 30

// pickRecipients names the chosen codes and looks for more. A code that the directory does not know stays visible: the record will say so.
func (p *Portal) pickRecipients(v *visit, codes []string, find string) (recipientPick, error) {
	pick := recipientPick{Find: cleanText(find)}
	for _, code := range codes {
		if code = strings.TrimSpace(code); code == "" || len(code) > 64 || len(pick.Chosen) > recipientsMost ||
			slices.ContainsFunc(pick.Chosen, func(o Organisation) bool { return o.Code == code }) {
			continue
		}
		o := Organisation{Code: code}
		found, err := p.cfg.Node.Organisations(v.ctx(), code, 20)
		if err != nil {
			return pick, err
		}
		for _, x := range found {
			if strings.EqualFold(x.Code, code) {
				o = x
			}
		}
		o.Code = code
		pick.Chosen = append(pick.Chosen, o)
	}
	if pick.Find == "" {
		return pick, nil
	}
	found, err := p.cfg.Node.Organisations(v.ctx(), pick.Find, recipientsFound+len(pick.Chosen))
	if err != nil {
		return pick, err
	}
	for _, o := range found {
		if !o.Closed && len(pick.Found) < recipientsFound && !slices.ContainsFunc(pick.Chosen, func(c Organisation) bool { return strings.EqualFold(c.Code, o.Code) }) {
			pick.Found = append(pick.Found, o)
		}
	}
	pick.None = len(pick.Found) == 0
	return pick, nil
}

// recipientsPart is the part alone, for a page that looks while one types.
func (p *Portal) recipientsPart(v *visit) error {
	q := v.r.URL.Query()
	pick, err := p.pickRecipients(v, q["recipients"], q.Get("find"))
	if err != nil {
		return err
	}
	return p.show(v, "recipients", "drafts", v.words.say("field.recipients"), pick)
}
