-- +goose Up
-- The addresses that a user had in the last days: notices go there too. JSON.
ALTER TABLE users ADD COLUMN former_emails TEXT;
CREATE INDEX users_with_former ON users (email_changed_at) WHERE former_emails IS NOT NULL;

-- Under it the audit log hides from where, and with what, the user did something.
ALTER TABLE users ADD COLUMN audit_key TEXT NOT NULL DEFAULT '';
CREATE INDEX users_without_audit_key ON users (id) WHERE audit_key = '';

-- The address that a user wants instead, until its mailbox has said so. epoch is
-- the user's when it was asked for.
CREATE TABLE address_changes (
    user_id       TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    hash          TEXT NOT NULL UNIQUE,
    email         TEXT NOT NULL,
    epoch         BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT
);
CREATE INDEX address_changes_by_expiry ON address_changes (expires_at);

-- That a user may download what is held about him, once. What that is is read
-- then: nothing of it lies here.
CREATE TABLE data_exports (
    user_id       TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    id            TEXT NOT NULL,
    epoch         BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT
);
CREATE INDEX data_exports_by_expiry ON data_exports (expires_at);

-- What somebody did to others: few events, so that the index costs sign-ins
-- nothing.
CREATE INDEX audit_events_by_actor ON audit_events (actor_id, id) WHERE actor_kind = 'user' AND actor_id <> subject_id;
