"""What leaves the repository: the archive, its description, the citation files."""
