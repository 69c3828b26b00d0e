"""Synthetic question sets: of which passages, which questions stay, what they are like."""
