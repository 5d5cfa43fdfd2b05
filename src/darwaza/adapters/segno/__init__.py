"""QR codes by the segno library."""
