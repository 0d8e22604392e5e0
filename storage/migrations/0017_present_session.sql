-- +goose Up
-- chosen_at is when a live session became its browser's present one, or 0: of
-- several in one browser at most one is that.
UPDATE sessions SET chosen_at = 0 WHERE ended_at IS NULL AND EXISTS (SELECT 1 FROM sessions x WHERE x.browser = sessions.browser
    AND x.ended_at IS NULL AND (x.chosen_at > sessions.chosen_at OR x.chosen_at = sessions.chosen_at AND x.id > sessions.id));
CREATE UNIQUE INDEX sessions_present ON sessions (browser) WHERE ended_at IS NULL AND chosen_at > 0;
