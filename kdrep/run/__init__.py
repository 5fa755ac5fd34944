"""How a run is made: profiles, stages, processes, the runner, and what is published."""
