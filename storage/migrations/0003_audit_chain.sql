-- +goose Up
-- The chain of the audit log, see storage/auditchain.go. A seal outlives its
-- account, as the events do.

ALTER TABLE audit_events ADD COLUMN mac TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_events_by_account_id ON audit_events (account_id, id);

CREATE TABLE audit_seals (
    account_id    TEXT NOT NULL,
    number        BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    first_id      TEXT NOT NULL,
    last_id       TEXT NOT NULL,
    events        BIGINT NOT NULL,
    ids           TEXT NOT NULL,
    hash          TEXT NOT NULL,
    pruned        TEXT NOT NULL,
    PRIMARY KEY (account_id, number)
);
CREATE INDEX audit_seals_by_last ON audit_seals (last_id);
CREATE INDEX audit_seals_by_account_last ON audit_seals (account_id, last_id);
