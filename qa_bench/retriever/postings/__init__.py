"""An inverted index: terms, postings on the disk, exact search, and BM25's variants on it."""
