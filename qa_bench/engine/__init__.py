"""Content-keyed folders that are built once, whole, and reused."""
