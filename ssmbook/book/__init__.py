"""The book: its chapters, its ledger, the pages made from both, the build."""
