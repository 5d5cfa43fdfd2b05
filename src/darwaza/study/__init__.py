"""The corridor study: feasibility, design and financing from one sourced scenario."""
