-- The engine that a deleted schedule had: it is asked after the fires whose end was not heard.
-- Empty: the schedule was not deleted, or before this was kept.
ALTER TABLE names ADD COLUMN engine TEXT NOT NULL DEFAULT '';
