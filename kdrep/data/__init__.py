"""What is learnt from: data sets, found, downloaded, verified, or stood in for."""
