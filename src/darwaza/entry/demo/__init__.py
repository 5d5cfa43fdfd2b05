"""What ``make demo`` tells, chapter by chapter, and the running corridor it ends with."""
