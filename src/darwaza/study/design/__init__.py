"""Which links to build, how large, and which way traffic goes when nothing and when something fails."""
