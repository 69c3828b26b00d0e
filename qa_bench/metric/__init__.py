"""Metrics: one value a question, and the matchers they share."""
