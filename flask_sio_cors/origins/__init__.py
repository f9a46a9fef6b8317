"""What an origin is: grammar, sets, public suffixes, misspellings, resemblance."""
