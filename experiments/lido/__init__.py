"""Learning direct optimization: training, refinement and comparison."""
