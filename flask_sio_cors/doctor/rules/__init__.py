"""What is wrong, as ordered rules: when each applies, and in which words it is told."""
