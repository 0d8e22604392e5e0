package storage

import (
	"encoding/json"

	"stile/audit"
)

const eventColumns = `id, at, account_id, kind, outcome, actor_kind, actor_id, network, user_agent, request_id,
	subject_id, session_id, grant_id, client_id, reason, detail`

// event is the row of an event; it rides with the change that it tells of.
func (db *DB) event(e audit.Event) insert {
	now := db.now()
	detail := ""
	if len(e.Detail) > 0 {
		text, _ := json.Marshal(e.Detail) // strings always encode
		detail = string(text)
	}
	if e.Outcome == "" {
		e.Outcome = audit.OK
	}
	return insert{table: "audit_events", columns: eventColumns, values: []any{
		timeID(now), micros(now), e.AccountID, string(e.Kind), e.Outcome, e.Actor.Kind, e.Actor.ID, e.Actor.Network,
		e.Actor.UserAgent, e.Actor.RequestID, e.SubjectID, e.SessionID, e.GrantID, e.ClientID, e.Reason, detail,
	}}
}
