"""Verbs: one file each, between the command line and the line of stages."""
