"""Retrievers: an index of passages, and the best passages for questions."""
