"""A grader that never gives points inside the student's process: it sends data, takes data, and compares itself."""

from exercises.grader.rubric import Expression, Mistake, Problem, Rubric

__all__ = ["Expression", "Mistake", "Problem", "Rubric"]
