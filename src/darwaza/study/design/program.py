"""A mixed-integer program under construction, and what HiGHS made of it.

Decides: how a model is handed to HiGHS (rows gathered first, then passed in one sparse matrix, which is much faster
than row by row) and how its answer is read. Leaves to others what the columns and rows mean.

One thread and a fixed seed are the default: the same program then takes the same path through the search tree, so a
study gives the same bytes again. A time limit is a safety net; when it strikes, ``Outcome.finished`` is False and the
caller must say so, because then the answer depends on the machine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

from darwaza.errors import InvariantError

Vector = npt.NDArray[np.float64]

SOLVE_SECONDS_MAX = 3600.0
"""Longest a single solve may take, whatever the caller asks for."""

INFINITY = float(highspy.kHighsInf)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the solver found.

    Attributes:
        found: whether ``values`` holds a feasible point.
        infeasible: proven: no point satisfies the rows.
        finished: the asked gap was reached; False when a limit stopped the search.
        objective: of ``values``; infinite when nothing was found.
        bound: proven lower bound on every feasible point's objective.
        values: one number per column, or empty.
        duals: one dual per row of a program without integer columns, else empty.
    """

    found: bool
    infeasible: bool
    finished: bool
    objective: float
    bound: float
    values: Vector
    duals: Vector

    @property
    def gap(self) -> float:
        """Relative distance of the objective from the bound, >= 0; infinite when nothing was found."""
        if not self.found:
            return float("inf")
        return max(0.0, self.objective - self.bound) / max(1e-9, abs(self.objective))


@dataclass(slots=True)
class Program:
    """Minimise ``costs @ x + offset`` subject to ``row_lower <= A x <= row_upper`` and column bounds."""

    offset: float = 0.0
    costs: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    entry: list[float] = field(default_factory=list)

    def column(self, cost: float = 0.0, *, lower: float = 0.0, upper: float = INFINITY, integer: bool = False) -> int:
        """Add one column and return its index."""
        self.costs.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.integer.append(integer)
        return len(self.costs) - 1

    def row(self, terms: Mapping[int, float], *, lower: float = -INFINITY, upper: float = INFINITY) -> int:
        """Add one row and return its index; zero coefficients are dropped."""
        self.starts.append(len(self.index))
        for column, coefficient in terms.items():
            if coefficient != 0.0:
                self.index.append(column)
                self.entry.append(coefficient)
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        return len(self.row_lower) - 1

    def solve(
        self,
        *,
        gap: float = 0.0,
        time_limit_s: float = SOLVE_SECONDS_MAX,
        threads: int = 1,
        seed: int = 0,
        start: Sequence[float] | None = None,
        options: Mapping[str, Any] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Outcome:
        """Hand the program to HiGHS.

        Args:
            gap: relative gap at which the search may stop, >= 0.
            time_limit_s: seconds, capped at ``SOLVE_SECONDS_MAX``.
            threads: of the solver.
            seed: of the solver's random choices.
            start: a feasible point to begin with, one number per column.
            options: further HiGHS options by their documented names.
            progress: called with the current relative gap whenever the solver reports.

        Raises:
            InvariantError: HiGHS refused the model, which is a fault of the caller.
        """
        solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        settings: dict[str, Any] = {
            "output_flag": False,
            "mip_rel_gap": gap,
            "time_limit": min(time_limit_s, SOLVE_SECONDS_MAX),
            "threads": threads,
            "random_seed": seed,
            **(options or {}),
        }
        for name, value in settings.items():
            solver.setOptionValue(name, value)
        if solver.passModel(self._linear()) == highspy.HighsStatus.kError:
            raise InvariantError("the solver refused the model")
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = list(start)
            solver.setSolution(solution)
        if progress is not None:
            report = progress
            solver.cbMipLogging += lambda event: report(float(event.data_out.mip_gap))
        solver.run()
        return self._read(solver)

    def _linear(self) -> highspy.HighsLp:
        linear = highspy.HighsLp()
        linear.num_col_ = len(self.costs)
        linear.num_row_ = len(self.row_lower)
        linear.offset_ = self.offset
        linear.col_cost_ = np.array(self.costs, dtype=np.float64)
        linear.col_lower_ = np.array(self.lower, dtype=np.float64)
        linear.col_upper_ = np.array(self.upper, dtype=np.float64)
        linear.row_lower_ = np.array(self.row_lower, dtype=np.float64)
        linear.row_upper_ = np.array(self.row_upper, dtype=np.float64)
        linear.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        linear.a_matrix_.start_ = np.array([*self.starts, len(self.index)], dtype=np.int32)
        linear.a_matrix_.index_ = np.array(self.index, dtype=np.int32)
        linear.a_matrix_.value_ = np.array(self.entry, dtype=np.float64)
        if any(self.integer):
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            linear.integrality_ = [kinds[flag] for flag in self.integer]
        return linear

    def _read(self, solver: highspy.Highs) -> Outcome:
        status = solver.getModelStatus()
        info = solver.getInfo()
        mixed = any(self.integer)
        found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        solution = solver.getSolution()
        objective = float(info.objective_function_value) if found else float("inf")
        finished = status == highspy.HighsModelStatus.kOptimal
        bound = float(info.mip_dual_bound) if mixed else (objective if finished else -float("inf"))
        return Outcome(
            found=found,
            infeasible=status
            in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible),
            finished=finished,
            objective=objective,
            bound=bound,
            values=np.array(solution.col_value) if found else np.empty(0),
            duals=np.array(solution.row_dual) if finished and not mixed else np.empty(0),
        )
