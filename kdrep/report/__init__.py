"""What may be said: claims, statistics, rows, verdicts, the scorecard, figures."""
