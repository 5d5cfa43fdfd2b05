"""The scenario: everything a study assumes, each number with its unit, range and source."""
