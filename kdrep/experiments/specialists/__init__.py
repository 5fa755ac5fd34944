"""Sections 5 to 8 of Hinton et al. 2015, notebook 03."""
