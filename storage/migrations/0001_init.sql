-- +goose Up
-- One text for SQLite and PostgreSQL. Times are microseconds since 1970, UTC.
-- Hashes and sealed values are text; lists and evidence are JSON that is
-- decoded in Go and never queried inside.

CREATE TABLE accounts (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    language      TEXT NOT NULL,
    time_zone     TEXT NOT NULL,
    suspended_at  BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE TABLE policies (
    account_id    TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    version       BIGINT NOT NULL,
    settings      TEXT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE TABLE products (
    id            TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    UNIQUE (account_id, name)
);

CREATE TABLE device_groups (
    id             TEXT PRIMARY KEY,
    account_id     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name           TEXT NOT NULL,
    client_version TEXT NOT NULL,
    client_build   BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    UNIQUE (account_id, name)
);

CREATE TABLE users (
    id                TEXT PRIMARY KEY,
    account_id        TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    email             TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    roles             TEXT NOT NULL,
    language          TEXT NOT NULL,
    time_zone         TEXT NOT NULL,
    password          TEXT NOT NULL,
    password_version  BIGINT NOT NULL,
    epoch             BIGINT NOT NULL,
    enhanced          BOOLEAN NOT NULL,
    email_verified_at BIGINT,
    email_changed_at  BIGINT,
    password_reset_at BIGINT,
    cooldown_until    BIGINT,
    disabled_at       BIGINT,
    signed_in_at      BIGINT,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL
);
CREATE INDEX users_by_account ON users (account_id, email);

CREATE TABLE seats (
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    product_id    TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    account_id    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (user_id, product_id)
);
CREATE INDEX seats_by_product ON seats (product_id);

CREATE TABLE clients (
    id            TEXT PRIMARY KEY,
    account_id    TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    metadata      TEXT NOT NULL,
    secret        TEXT NOT NULL,
    third_party   BOOLEAN NOT NULL,
    version       BIGINT NOT NULL,
    disabled_at   BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

-- Whatever proves a user beside the password. data is sealed.
CREATE TABLE authenticators (
    id            TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind          TEXT NOT NULL,
    state         TEXT NOT NULL,
    data          TEXT NOT NULL,
    last_step     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    used_at       BIGINT,
    ended_at      BIGINT
);
CREATE INDEX authenticators_by_user ON authenticators (user_id, state);
CREATE UNIQUE INDEX authenticators_one_active ON authenticators (user_id, kind)
    WHERE state = 'active' AND kind IN ('totp', 'recovery');

CREATE TABLE recovery_codes (
    authenticator_id TEXT NOT NULL REFERENCES authenticators (id) ON DELETE CASCADE,
    hash             TEXT NOT NULL,
    used_at          BIGINT,
    PRIMARY KEY (authenticator_id, hash)
);

-- One sign-in of one browser, from its first proof on.
CREATE TABLE sign_ins (
    id            TEXT NOT NULL,
    binding       TEXT NOT NULL,
    account_id    TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch         BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    label         TEXT NOT NULL,
    progress      TEXT NOT NULL,
    secrets       TEXT NOT NULL,
    started_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    completed_at  BIGINT,
    PRIMARY KEY (id, binding)
);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);
CREATE INDEX sign_ins_by_binding ON sign_ins (binding, started_at);

-- The newest code of one transaction; a new one takes its place.
CREATE TABLE email_codes (
    purpose       TEXT NOT NULL,
    txn           TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash          TEXT NOT NULL,
    tries         BIGINT NOT NULL,
    sent_at       BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT,
    PRIMARY KEY (purpose, txn)
);
CREATE INDEX email_codes_by_expiry ON email_codes (expires_at);

-- One signed-in user of one browser.
CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    browser       TEXT NOT NULL,
    account_id    TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    evidence      TEXT NOT NULL,
    network       TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    chosen_at     BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    ended_reason  TEXT NOT NULL
);
CREATE UNIQUE INDEX sessions_one_live ON sessions (browser, user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_user ON sessions (user_id, seen_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- What one client holds from one authorization: first the code, then the tokens.
CREATE TABLE grants (
    id                 TEXT PRIMARY KEY,
    account_id         TEXT NOT NULL,
    client_id          TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id            TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id         TEXT NOT NULL,
    request_id         TEXT NOT NULL UNIQUE,
    scope              TEXT NOT NULL,
    claims             TEXT NOT NULL,
    nonce              TEXT NOT NULL,
    evidence           TEXT NOT NULL,
    acr                TEXT NOT NULL,
    offline            BOOLEAN NOT NULL,
    code_hash          TEXT NOT NULL UNIQUE,
    code_redirect_uri  TEXT NOT NULL,
    code_challenge     TEXT NOT NULL,
    code_expires_at    BIGINT NOT NULL,
    code_used_at       BIGINT,
    generation         BIGINT NOT NULL,
    rotated_at         BIGINT NOT NULL,
    idle_at            BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    ended_at           BIGINT,
    ended_reason       TEXT NOT NULL,
    created_at         BIGINT NOT NULL
);
CREATE INDEX grants_by_user ON grants (user_id, client_id) WHERE ended_at IS NULL;
CREATE INDEX grants_by_session ON grants (session_id) WHERE ended_at IS NULL;
CREATE INDEX grants_by_client ON grants (client_id) WHERE ended_at IS NULL;
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE access_tokens (
    hash          TEXT PRIMARY KEY,
    grant_id      TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    scope         TEXT NOT NULL,
    issued_at     BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);

CREATE TABLE consents (
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id     TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope         TEXT NOT NULL,
    granted_at    BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

-- Sign-in requests too long for a URL, found by the hash of their handle.
CREATE TABLE requests (
    hash          TEXT PRIMARY KEY,
    sealed        TEXT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX requests_by_expiry ON requests (expires_at);

CREATE TABLE limits (
    key           TEXT PRIMARY KEY,
    count         BIGINT NOT NULL,
    allowed       BIGINT NOT NULL,
    per           BIGINT NOT NULL,
    pause         BIGINT NOT NULL,
    pause_max     BIGINT NOT NULL,
    strikes       BIGINT NOT NULL,
    consecutive   BIGINT NOT NULL,
    window_at     BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    admitted      BOOLEAN NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX limits_by_expiry ON limits (expires_at);

CREATE TABLE outbox (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    sealed        TEXT NOT NULL,
    attempts      BIGINT NOT NULL,
    next_at       BIGINT NOT NULL,
    leased_until  BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX outbox_by_next ON outbox (next_at);

CREATE TABLE audit_events (
    id            TEXT PRIMARY KEY,
    at            BIGINT NOT NULL,
    account_id    TEXT NOT NULL,
    kind          TEXT NOT NULL,
    outcome       TEXT NOT NULL,
    actor_kind    TEXT NOT NULL,
    actor_id      TEXT NOT NULL,
    network       TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    subject_id    TEXT NOT NULL,
    session_id    TEXT NOT NULL,
    grant_id      TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    reason        TEXT NOT NULL,
    detail        TEXT NOT NULL
);
CREATE INDEX audit_events_by_account ON audit_events (account_id, at);
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, at);

CREATE TABLE signing_keys (
    id            TEXT PRIMARY KEY,
    alg           TEXT NOT NULL,
    private       TEXT NOT NULL,
    public        TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    activates_at  BIGINT NOT NULL,
    retires_at    BIGINT NOT NULL,
    removes_at    BIGINT NOT NULL
);

CREATE TABLE roots (
    name          TEXT PRIMARY KEY,
    sealed        TEXT NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE TABLE leases (
    name          TEXT PRIMARY KEY,
    holder        TEXT NOT NULL,
    expires_at    BIGINT NOT NULL
);
