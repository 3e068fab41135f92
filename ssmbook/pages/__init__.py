"""The pages of the book that are made from records and verdicts, and their roles."""
