"""One library at work: the studio as its users hold it, its trades by name, and the host that visitors share."""

from studio.session.host import Host
from studio.session.library_folder import EXAMPLES, library_of, prepare
from studio.session.studio import Studio

__all__ = ["EXAMPLES", "Host", "Studio", "library_of", "prepare"]
