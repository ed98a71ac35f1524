-- The person's full name, for members that are created at Stytch.
ALTER TABLE sessions ADD COLUMN name TEXT;
