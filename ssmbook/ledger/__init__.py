"""The ledger: what is claimed, what that predicts, and the verdict on it."""
