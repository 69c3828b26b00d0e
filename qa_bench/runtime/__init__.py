"""How fast, never what: devices, processes, progress, estimates."""
