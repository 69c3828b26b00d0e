"""Expanders: what is searched with instead of the question alone."""
