"""Section 6 of Hinton et al. 2015, notebook 04."""
