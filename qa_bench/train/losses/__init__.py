"""Losses: functions of vectors, one a file; ``table`` has them by name."""
