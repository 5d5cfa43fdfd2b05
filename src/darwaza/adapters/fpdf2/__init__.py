"""PDF documents by the fpdf2 library."""
