"""`python -m cryostat_operator` is the command line."""

from .cli import main

main()
