-- +goose Up
-- When it was noticed that somebody has the password who lacks the second factor.
ALTER TABLE users ADD COLUMN password_exposed_at BIGINT;

-- Links that were asked for by whoever typed an address in: the newest for each
-- purpose. address is a keyed hash. Unknown addresses have rows like all others,
-- without a user. epoch is the user's when the link was sent.
CREATE TABLE address_links (
    purpose       TEXT NOT NULL,
    address       TEXT NOT NULL,
    hash          TEXT NOT NULL UNIQUE,
    user_id       TEXT REFERENCES users (id) ON DELETE CASCADE,
    epoch         BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT,
    PRIMARY KEY (purpose, address)
);
CREATE INDEX address_links_by_user ON address_links (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX address_links_by_expiry ON address_links (expires_at);
