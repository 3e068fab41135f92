"""Data in, tensors out."""
