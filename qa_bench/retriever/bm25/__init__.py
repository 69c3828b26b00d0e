"""BM25 by Lucene: the part, pairs, documents, the JVM."""
