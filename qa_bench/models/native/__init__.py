"""Architectures that transformers lacks, and whose checkpoints bring code of their own.

Each is written here once more, under the names that the checkpoint's weights have, so that nothing
of the checkpoint is run. ``registry`` says which there are.
"""
