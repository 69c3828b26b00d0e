"""Where articles, or passages made elsewhere, come from."""
