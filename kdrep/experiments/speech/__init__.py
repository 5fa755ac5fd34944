"""Section 4 of Hinton et al. 2015, notebook 02."""
