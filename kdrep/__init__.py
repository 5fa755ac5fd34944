"""kdrep: Hinton et al. 2015 and Romero et al. 2015, claim by claim."""

__version__ = "0.1.0"
