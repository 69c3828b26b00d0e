"""Fusions: one score from the scores or ranks of several retrievers. One file each."""
