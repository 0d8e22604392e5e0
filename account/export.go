package account

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"stile/audit"
	"stile/manage"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// exportPage is how many lines of the log are held at a time.
const exportPage = 500

// exported is what an export begins with. The names of its fields are stable.
type exported struct {
	Issuer string    `json:"issuer"`
	MadeAt time.Time `json:"made_at"`
	User   struct {
		ID              string                  `json:"id"`
		Email           string                  `json:"email"`
		EmailVerifiedAt *time.Time              `json:"email_verified_at,omitempty"`
		FormerEmails    []storage.FormerAddress `json:"former_emails,omitempty"`
		Name            string                  `json:"name"`
		Language        string                  `json:"language,omitempty"`
		TimeZone        string                  `json:"time_zone,omitempty"`
		Roles           []string                `json:"roles"`
		Enhanced        bool                    `json:"two_step_by_own_wish"`
		PasswordResetAt *time.Time              `json:"password_reset_at,omitempty"`
		SignedInAt      *time.Time              `json:"signed_in_at,omitempty"`
		CreatedAt       time.Time               `json:"created_at"`
	} `json:"user"`
	Account struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"account"`
	Products          []string `json:"products"`
	RecoveryCodesLeft int      `json:"recovery_codes_left"`
	storage.Held
}

// takeExport answers with the data, as it is read.
func (v *visit) takeExport() error {
	err := v.DB.TakeExport(v.r.Context(), v.own(), v.fields.Get(templates.FieldID), v.event(audit.DataExported))
	if errors.Is(err, storage.ErrSpent) {
		return v.done(dataPath, "")
	} else if err != nil {
		return err
	}
	head, err := v.exported()
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="my-data.json"`)
	out, stream := bufio.NewWriter(v.w), web.NewStream(v.w)
	_, _ = out.Write(head[:len(head)-len("\n}")]) // the log goes on in it
	id := v.person.User.ID
	v.exportEvents(out, stream, "events", storage.EventFilter{SubjectID: id})
	v.exportEvents(out, stream, "acts_on_others", storage.EventFilter{ActorID: id})
	_, _ = out.WriteString("\n}\n")
	_ = out.Flush() // whoever asked may have gone
	return nil
}

// exported makes the beginning.
func (v *visit) exported() ([]byte, error) {
	held, err := v.DB.HeldOf(v.r.Context(), v.person.User.ID)
	if err != nil {
		return nil, err
	}
	p, u := v.person, v.person.User
	head := exported{Issuer: v.Notices.Issuer, MadeAt: v.Now(), Products: p.Products, RecoveryCodesLeft: p.RecoveryLeft, Held: held}
	head.User.ID, head.User.Email, head.User.EmailVerifiedAt, head.User.FormerEmails = u.ID, u.Email, u.EmailVerifiedAt, u.FormerEmails
	head.User.Name, head.User.Language, head.User.TimeZone, head.User.Roles = u.Name, u.Language, u.TimeZone, u.Roles
	head.User.Enhanced, head.User.PasswordResetAt, head.User.SignedInAt, head.User.CreatedAt = u.Enhanced, u.PasswordResetAt, u.SignedInAt, u.CreatedAt
	head.Account.ID, head.Account.Name = p.Account.ID, p.Account.Name
	return json.MarshalIndent(head, "", "  ")
}

// exportEvents writes a part of the audit log as a list.
func (v *visit) exportEvents(out *bufio.Writer, stream *web.Stream, name string, f storage.EventFilter) {
	record, comma := manage.RecordOf(v.DB), ""
	_, _ = out.WriteString(",\n  \"" + name + "\": [")
	for f.Limit = exportPage; ; {
		page, err := v.DB.Events(v.r.Context(), f)
		if err != nil {
			panic(http.ErrAbortHandler) // half of it must not look like the whole
		}
		for _, e := range page {
			stream.Row()
			line, _ := json.Marshal(record(v.mine(e))) // strings and times always encode
			_, _ = out.WriteString(comma + "\n    ")
			_, _ = out.Write(line)
			f.After, comma = e.ID, ","
		}
		if len(page) < exportPage {
			break
		}
	}
	_, _ = out.WriteString("\n  ]")
}

// mine is an event without what it tells of others: who they are, and from where
// they did it.
func (v *visit) mine(e storage.StoredEvent) storage.StoredEvent {
	id := v.person.User.ID
	if e.Actor.Kind != "" && (e.Actor.Kind != "user" || e.Actor.ID != id) {
		e.Actor = audit.Actor{Kind: e.Actor.Kind}
	}
	return e
}
