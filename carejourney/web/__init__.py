"""Pages as every service shows them: one layout, sign-in, error pages, and what a browser may load.

A service's templates stand in its own `templates` folder and are named `<service>/<file>`; they extend `layout.html`.
"""

from carejourney.web.pages import page_caller, page_router, render
from carejourney.web.signing import page_routes

__all__ = ["page_caller", "page_router", "page_routes", "render"]
