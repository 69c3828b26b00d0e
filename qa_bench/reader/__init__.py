"""Readers: answers from the best passages of a run."""
