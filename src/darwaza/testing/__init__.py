"""Fakes and worlds for tests of Darwaza and of programs that use it."""
