"""Kinds of questions: each module parts the questions of a set into subsets, by one rule."""
