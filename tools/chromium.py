"""How Debian's Chromium is started, for tests and for pictures: without a screen, speaking to nobody else."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
