"""``python -m darwaza.entry.demo``."""

from darwaza.entry.demo.demo import main

if __name__ == "__main__":
    main()
