-- +goose Up
-- The admin whom a message told of what another one did. Its link works for who is
-- one then; it is empty where the reader is the one whom the message is about.
ALTER TABLE links ADD COLUMN recipient_id TEXT REFERENCES users (id) ON DELETE CASCADE;
CREATE INDEX links_by_recipient ON links (recipient_id) WHERE recipient_id IS NOT NULL;

-- When a new password last made an app take codes again that was suspended after
-- wrong ones. It does so once until a code is right (used_at).
ALTER TABLE authenticators ADD COLUMN resumed_at BIGINT;
