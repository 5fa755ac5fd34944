"""Section 3 of Hinton et al. 2015, notebook 01."""
