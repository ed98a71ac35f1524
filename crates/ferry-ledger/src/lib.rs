//! Every session is a row here: SQLite (and PostgreSQL) behind one type
