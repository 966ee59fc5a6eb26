"""What people do with media, each as one scenario: its name is a sentence that holds or does not."""

from scenarios import administration, everyday, late, old_paths, people, servers

__all__ = ["administration", "everyday", "late", "old_paths", "people", "servers"]
