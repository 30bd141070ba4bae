"""The ``shouli`` command: a module a group of commands."""
