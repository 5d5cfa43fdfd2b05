"""The only file that names concrete adapters: it puts a gateway together."""
