"""How people and programs reach a gateway: HTTP, command line, console."""
