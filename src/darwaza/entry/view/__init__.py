"""What cases look like to people and programs; shared by the API and the console."""
