"""Stored vectors and their exact search."""
