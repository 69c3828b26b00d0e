"""Generators: questions made of passages."""
