"""Graded problem sets: nbgrader source notebooks, a rubric for each, and the grader."""
