"""The papers' quantities, exact. Eigenvalues are plain vectors, not stored modes."""
