"""Downloads: what the official files are, how they are got, and when nothing may be got."""
