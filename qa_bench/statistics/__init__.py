"""Which differences are real: intervals, paired tests, families of comparisons.

One formula a file; ``closed``, ``resampling`` and ``none`` are the parts of the group.
"""
