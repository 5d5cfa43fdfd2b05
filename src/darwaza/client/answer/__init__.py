"""Types of the answers, a module a part of the interface."""
