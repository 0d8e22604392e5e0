package manage

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"time"

	"stile/audit"
	"stile/roster"
	"stile/storage"
)

// EventRecord is a line of the audit log as it leaves: in exports of commands and
// pages, and by API. The names of its fields are stable.
type EventRecord struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	Kind      audit.Kind        `json:"kind" example:"sign_in.succeeded"`
	Outcome   string            `json:"outcome" enum:"ok,refused"`
	Reason    string            `json:"reason,omitempty"`
	ActorKind string            `json:"actor_kind" enum:"user,client,cli,system," doc:"Empty before anyone is known."`
	ActorID   string            `json:"actor_id,omitempty"`
	Network   string            `json:"network,omitempty" doc:"The word erased once the person whose it was is gone."`
	UserAgent string            `json:"user_agent,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
	AccountID string            `json:"account_id,omitempty"`
	SubjectID string            `json:"subject_id,omitempty" doc:"The user whom it is about."`
	SessionID string            `json:"session_id,omitempty" doc:"Hashed: the same for the same session."`
	GrantID   string            `json:"grant_id,omitempty" doc:"Hashed: the same for the same grant."`
	ClientID  string            `json:"client_id,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

// RecordOf returns what makes of an event of a database what is exported. Ids of
// sessions and grants are hashed, and whoever works at the operating system is
// called "operator": names of its users are nothing to an account.
func RecordOf(db *storage.DB) func(storage.StoredEvent) EventRecord {
	return func(e storage.StoredEvent) EventRecord {
		actor := e.Actor.ID
		if e.Actor.Kind == "cli" {
			actor = "operator"
		}
		return EventRecord{
			e.ID, e.At, e.Kind, e.Outcome, e.Reason, e.Actor.Kind, actor, e.Actor.Network, e.Actor.UserAgent,
			e.Actor.RequestID, e.AccountID, e.SubjectID, db.AuditID(e.SessionID), db.AuditID(e.GrantID), e.ClientID, e.Detail,
		}
	}
}

// JSONLines returns what writes an event, and what ends.
func JSONLines(w *bufio.Writer) (write func(EventRecord) error, end func() error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(r EventRecord) error { return e.Encode(r) }, w.Flush
}

var eventColumns = []string{
	"id", "at", "kind", "outcome", "reason", "actor_kind", "actor_id", "network", "user_agent", "request_id",
	"account_id", "subject_id", "session_id", "grant_id", "client_id", "detail",
}

// CSVLines is [JSONLines] for spreadsheets: no cell is a formula.
func CSVLines(out io.Writer) (write func(EventRecord) error, end func() error) {
	w := csv.NewWriter(out)
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return w.Write(eventColumns)
	}
	write = func(r EventRecord) error {
		if err := begin(); err != nil {
			return err
		}
		detail := ""
		if len(r.Detail) > 0 {
			text, _ := json.Marshal(r.Detail) // strings always encode
			detail = string(text)
		}
		cells := []string{
			r.ID, r.At.Format(time.RFC3339Nano), string(r.Kind), r.Outcome, r.Reason, r.ActorKind, r.ActorID, r.Network, r.UserAgent, r.RequestID,
			r.AccountID, r.SubjectID, r.SessionID, r.GrantID, r.ClientID, detail,
		}
		for i, cell := range cells {
			cells[i] = roster.Neutral(cell)
		}
		return w.Write(cells)
	}
	end = func() error {
		err := begin()
		w.Flush()
		if err == nil {
			err = w.Error()
		}
		if b, ok := out.(*bufio.Writer); ok && err == nil {
			err = b.Flush()
		}
		return err
	}
	return write, end
}
