"""The command line: `parser.py` reads the arguments, `commands.py` runs the commands."""
