"""Static pages, made of what the rules say: one HTML file each, with nothing to load."""
