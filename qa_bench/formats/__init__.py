"""Other people's file formats: import and export, streaming."""
