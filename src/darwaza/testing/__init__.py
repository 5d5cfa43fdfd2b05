"""Stand-ins and ready-made values for tests of Darwaza and of what is built on it. Nothing here is fit for service."""
