"""Studies: the measurements behind claims about trained models.

A study trains the arms of one chapter on many seeds, part by part. `studies/<chapter>/`
contains `study.yml`, which states the design, the seeds and the comparisons before the
first part runs, and one folder per design with the finished parts.
"""
