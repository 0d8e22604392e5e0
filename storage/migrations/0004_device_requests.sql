-- +goose Up
-- Who asks that a lost authenticator be replaced, and what an admin said. A
-- request of a sign-in works in the browser that asked only (binding), until the
-- user's password or authenticators change (epoch).
CREATE TABLE device_requests (
    id            TEXT NOT NULL,
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind          TEXT NOT NULL,
    label         TEXT NOT NULL,
    binding       TEXT NOT NULL,
    epoch         BIGINT NOT NULL,
    asked_by      TEXT NOT NULL,
    network       TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    decided_by    TEXT NOT NULL,
    decided_at    BIGINT,
    approved      BOOLEAN NOT NULL,
    used_at       BIGINT,
    ended_at      BIGINT,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX device_requests_one_open ON device_requests (user_id, kind) WHERE ended_at IS NULL;
CREATE INDEX device_requests_by_user ON device_requests (user_id, kind, created_at);
CREATE INDEX device_requests_by_expiry ON device_requests (expires_at);
