"""`python -m ganbench`: the command line."""

from ganbench.flows.cli import main

if __name__ == "__main__":
    main()
