"""Passages, runs, vectors and values as they lie on disk and in memory."""
