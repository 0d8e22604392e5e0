-- +goose Up
-- What the site knows of a passkey, beside its row in authenticators. The id of a
-- credential is unique in the installation: whoever signs in is found by it. A
-- passkey that is over leaves no row here, so that it can be made anew.
CREATE TABLE passkeys (
    authenticator_id TEXT PRIMARY KEY REFERENCES authenticators (id) ON DELETE CASCADE,
    account_id       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    user_id          TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential       TEXT NOT NULL UNIQUE,
    public_key       TEXT NOT NULL,
    counter          BIGINT NOT NULL,
    transports       TEXT NOT NULL,
    synced           BOOLEAN NOT NULL,
    backed_up        BOOLEAN NOT NULL,
    name             TEXT NOT NULL
);
CREATE INDEX passkeys_by_account ON passkeys (account_id);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- Challenges that were answered. Each is answered once.
CREATE TABLE spent_challenges (
    hash          TEXT PRIMARY KEY,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX spent_challenges_by_expiry ON spent_challenges (expires_at);
