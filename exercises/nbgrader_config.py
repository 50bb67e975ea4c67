"""The nbgrader course: run nbgrader in this folder."""

import warnings
from pathlib import Path

from sqlalchemy.exc import SAWarning

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - nbgrader gives it

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "learning-rate"
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("fill in this blank")'}
c.ClearSolutions.text_stub = "*Your answer here.*"
# Nobody else on the machine can read what goes to and from a kernel.
c.KernelManager.transport_encryption = "auto"
# nbgrader 0.9.6 fills its database in an order that newer releases of SQLAlchemy warn about; what it writes is right.
warnings.filterwarnings("ignore", "Object of type <Submitted", SAWarning)
