-- +goose Up
-- What happened to one user is read newest first, a page at a time.
CREATE INDEX audit_events_by_subject_id ON audit_events (subject_id, id);
DROP INDEX audit_events_by_subject;
