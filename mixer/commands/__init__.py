"""The commands, one file each: flags, what is said, exit codes. cli.py puts them together."""
