-- +goose Up
-- Browsers in which a user gave a second factor and asked not to be asked there
-- again for a while. A session knows the one that it was begun in, and a grant
-- the one of its session.
CREATE TABLE trusted_browsers (
    id            TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash          TEXT NOT NULL UNIQUE,
    network       TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    ended_reason  TEXT NOT NULL
);
CREATE INDEX trusted_browsers_by_user ON trusted_browsers (user_id) WHERE ended_at IS NULL;
CREATE INDEX trusted_browsers_by_account ON trusted_browsers (account_id);
CREATE INDEX trusted_browsers_by_expiry ON trusted_browsers (expires_at);
ALTER TABLE sessions ADD COLUMN trusted_id TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN trusted_id TEXT NOT NULL DEFAULT '';
