-- +goose Up
-- The first answer to each request of the API that came with an Idempotency-Key,
-- so that a repeat gets it again and nothing is done twice. answer is sealed, and
-- empty while the request is being worked on.
CREATE TABLE idempotency (
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    actor         TEXT NOT NULL,
    key           TEXT NOT NULL,
    request       TEXT NOT NULL,
    answer        TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, actor, key)
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
