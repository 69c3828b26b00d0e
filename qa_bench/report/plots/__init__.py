"""Plots of results: one kind a file; each is a table of points and a way to draw them."""
