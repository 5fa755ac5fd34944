"""What learns: networks and populations of them, with their counts."""
