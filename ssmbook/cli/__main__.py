"""Run the command with `python -m ssmbook.cli`."""

from ssmbook.cli import main

main()
