-- +goose Up
-- How far the chain of each account has come, see storage/auditmark.go. A mark
-- outlives its account, as the seals do.
CREATE TABLE audit_marks (
    account_id    TEXT PRIMARY KEY,
    number        BIGINT NOT NULL,
    hash          TEXT NOT NULL,
    mac           TEXT NOT NULL
);
