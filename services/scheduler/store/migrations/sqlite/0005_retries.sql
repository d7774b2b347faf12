-- Which run of its due time a fire is, and the fire that it repeats; empty: it is the first.
ALTER TABLE fires ADD COLUMN run INTEGER NOT NULL DEFAULT 1;
ALTER TABLE fires ADD COLUMN retry_of BLOB NOT NULL DEFAULT x'';
