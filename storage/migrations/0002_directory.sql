-- +goose Up
-- What an account's administration reads: its people by words, state and role,
-- its clients, and its part of the audit log.

-- Words by which a user is found; those that begin alike lie together.
CREATE TABLE user_words (
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    word          TEXT NOT NULL,             -- only: sqlite
    word          TEXT COLLATE "C" NOT NULL, -- only: postgres
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (account_id, word, user_id)
);
CREATE INDEX user_words_by_user ON user_words (user_id, word);

-- The address and name that a user's words were made of. A program that does
-- not know of words changes those alone: then the user is in this index.
ALTER TABLE users ADD COLUMN words_of TEXT NOT NULL DEFAULT '';
CREATE INDEX users_without_words ON users (id) WHERE words_of <> email || ' ' || name;

CREATE INDEX users_with_roles ON users (account_id, email) WHERE roles <> '["member"]';
CREATE INDEX users_disabled ON users (account_id, email) WHERE disabled_at IS NOT NULL;
CREATE INDEX users_active ON users (account_id, id) WHERE disabled_at IS NULL;
CREATE INDEX authenticators_by_account ON authenticators (account_id, kind, state, user_id);
CREATE INDEX clients_by_account ON clients (account_id, id);

DROP INDEX grants_by_client;
CREATE INDEX grants_by_client ON grants (client_id, account_id, user_id) WHERE ended_at IS NULL;

-- Ids of events sort by time, so that an index that ends in them gives pages.
-- The next migration has the one of all kinds.
DROP INDEX audit_events_by_account;
CREATE INDEX audit_events_by_kind ON audit_events (account_id, kind, id);

-- How far the notice of a policy has come among an account's users: those up to
-- the last id have theirs.
CREATE TABLE announcements (
    account_id     TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    policy_version BIGINT NOT NULL,
    from_at        BIGINT,
    last_id        TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    done_at        BIGINT
);
CREATE INDEX announcements_open ON announcements (created_at) WHERE done_at IS NULL;
