"""The nbgrader course: run nbgrader in this folder."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - nbgrader gives it

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "learning-rate"
c.CourseDirectory.db_url = f"sqlite:///{Path(__file__).resolve().parent / 'gradebook.db'}"
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("fill in this blank")'}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.Validator.ignore_checksums = False
