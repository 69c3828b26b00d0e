"""Rerankers: other scores for the best hits of a run."""
