"""Fusion-in-decoder: how it reads, its model, and what it learns from."""
