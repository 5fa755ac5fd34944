"""Romero et al. 2015, notebook 05."""
