//! From an export to rows of the ledger, and from due rows to the queue
