"""Training one run: state, phases, the loop, and what it writes."""
