"""The command line: a module per command, each validates, calls one thing, and renders."""
