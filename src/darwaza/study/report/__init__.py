"""The report: for people who would rather look than read, and for machines."""
