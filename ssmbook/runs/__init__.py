"""Runs: a notebook with parameters, executed once for each key, and stored."""
