"""Section 2 of Hinton et al. 2015, notebook 00."""
