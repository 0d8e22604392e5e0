-- +goose Up
-- What a message told of: a link that says "this wasn't me" takes it back.
ALTER TABLE links ADD COLUMN authenticator_id TEXT;
