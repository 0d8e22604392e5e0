-- +goose Up
-- The last sign-in in which a second factor was proven. Who signed in since a
-- password was reset counts as such: of the time before it isn't known.
ALTER TABLE users ADD COLUMN factor_proven_at BIGINT;
UPDATE users SET factor_proven_at = signed_in_at WHERE password_reset_at IS NOT NULL;

-- When the user is next asked whether what protects the sign-in is still right: 30
-- days after it was connected.
ALTER TABLE users ADD COLUMN check_at BIGINT;
UPDATE users SET check_at = (SELECT max(a.created_at) + 2592000000000 FROM authenticators a
    WHERE a.user_id = users.id AND a.kind IN ('totp', 'passkey') AND a.state = 'active');

-- A wait, announced to the owner of the address, after which a code sent by
-- e-mail may replace an authenticator where it alone is not enough: the newest
-- of each user. It works until the user's password or authenticators change (epoch).
CREATE TABLE device_waits (
    user_id       TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind          TEXT NOT NULL,
    epoch         BIGINT NOT NULL,
    network       TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    started_at    BIGINT NOT NULL,
    opens_at      BIGINT NOT NULL,
    closes_at     BIGINT NOT NULL,
    told_at       BIGINT NOT NULL,
    cancelled_at  BIGINT
);
CREATE INDEX device_waits_by_account ON device_waits (account_id);
CREATE INDEX device_waits_by_telling ON device_waits (told_at) WHERE cancelled_at IS NULL;
CREATE INDEX device_waits_by_end ON device_waits (closes_at);
