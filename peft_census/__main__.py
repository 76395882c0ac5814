"""Runs the command line: ``python -m peft_census``."""

from peft_census.cli.main import main

if __name__ == "__main__":
    main(prog_name="peft-census")
