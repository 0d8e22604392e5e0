-- +goose Up
-- Who has allowed an app something, and to end all of that when its reach grows.
CREATE INDEX consents_by_client ON consents (client_id, user_id);
