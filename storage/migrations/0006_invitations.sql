-- +goose Up
-- Who was invited and has not answered. roles and products are JSON.
CREATE TABLE invitations (
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    email         TEXT NOT NULL,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    roles         TEXT NOT NULL,
    products      TEXT NOT NULL,
    language      TEXT NOT NULL,
    time_zone     TEXT NOT NULL,
    invited_by    TEXT NOT NULL,
    inviter_kind  TEXT NOT NULL,
    inviter_id    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, email)
);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);

-- Links that were sent by mail and work once. purpose says what for; what a link
-- is about (an invitation, a user) takes it along when it goes.
CREATE TABLE links (
    hash          TEXT PRIMARY KEY,
    purpose       TEXT NOT NULL,
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    invitation_id TEXT REFERENCES invitations (id) ON DELETE CASCADE,
    user_id       TEXT REFERENCES users (id) ON DELETE CASCADE,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT
);
CREATE INDEX links_by_account ON links (account_id);
CREATE UNIQUE INDEX links_by_invitation ON links (invitation_id) WHERE invitation_id IS NOT NULL;
CREATE INDEX links_by_user ON links (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX links_by_expiry ON links (expires_at);
