"""Bi-encoders."""
