"""Real processes for tests, the demo, the chaos runs and the benchmarks.

Every helper starts one unmodified program on a free loopback port, with its files in a folder of
its own, and stops it when its `with` block ends.
"""
