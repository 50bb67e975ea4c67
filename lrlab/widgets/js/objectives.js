// lrlab/objectives once more, in the same order of operations: the tests hold both equal, bit by bit where the
// operations allow. Names and settings are those of the Python classes.

const { abs, exp, log1p, max, sqrt, tanh } = Math;
const zeros = (params) => params.map(() => 0);
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const sigmoid = (z) => (1 + tanh(z / 2)) / 2;

// What LinearRegression and LogisticRegression share: the mean (times weight) over rows of slope_i x_i.
const rowGradient = (X, slope, weight) => X[0].map((_, j) => X.reduce((sum, row, i) => sum + row[j] * slope[i], 0) * weight);

// settings -> { dim, loss(params), grad(params), hessian(params), minimum (where a formula gives it) }
export const objectives = {
  Quadratic: ({ matrix, center = zeros(matrix) }) => {
    const offset = (params) => params.map((x, i) => x - center[i]);
    const times = (v) => matrix.map((row) => dot(row, v));
    return {
      dim: matrix.length,
      minimum: center,
      loss: (params) => dot(offset(params), times(offset(params))) / 2,
      grad: (params) => times(offset(params)),
      hessian: () => matrix,
    };
  },

  Rosenbrock: ({ a = 1, b = 100 } = {}) => ({
    dim: 2,
    minimum: [a, a * a],
    loss: ([x, y]) => (a - x) * (a - x) + b * ((y - x * x) * (y - x * x)),
    grad: ([x, y]) => [-2 * (a - x) - 4 * b * x * (y - x * x), 2 * b * (y - x * x)],
    hessian: ([x, y]) => [[2 - 4 * b * (y - 3 * (x * x)), -4 * b * x], [-4 * b * x, 2 * b]],
  }),

  Beale: () => {
    const residuals = (x, y) => [[1.5, 1], [2.25, 2], [2.625, 3]].map(([c, p]) => [c - x + x * y ** p, p]);
    return {
      dim: 2,
      minimum: [3, 0.5],
      loss: ([x, y]) => residuals(x, y).reduce((sum, [r]) => sum + r * r, 0),
      grad([x, y]) {
        const rs = residuals(x, y);
        return [
          rs.reduce((sum, [r, p]) => sum + 2 * r * (y ** p - 1), 0),
          rs.reduce((sum, [r, p]) => sum + 2 * r * p * x * y ** (p - 1), 0),
        ];
      },
      hessian([x, y]) {
        const second = [[0, 0], [0, 0]];
        for (const [r, p] of residuals(x, y)) {
          const slope = [y ** p - 1, p * x * y ** (p - 1)];
          const cross = p * y ** (p - 1), bend = p * (p - 1) * x * y ** max(p - 2, 0);
          const own = [[0, cross], [cross, bend]];
          for (const i of [0, 1]) for (const j of [0, 1]) second[i][j] += 2 * (slope[i] * slope[j]) + 2 * r * own[i][j];
        }
        return second;
      },
    };
  },

  LinearRegression: ({ X, y, reduction = "mean" }) => {
    const rows = X.length, weight = reduction === "mean" ? 1 : rows;
    const residuals = (params) => X.map((row, i) => dot(row, params) - y[i]);
    return {
      dim: X[0].length,
      loss: (params) => (residuals(params).reduce((sum, r) => sum + r * r, 0) / rows) * weight,
      grad: (params) => rowGradient(X, residuals(params).map((r) => 2 * r), weight / rows),
      hessian: () => X[0].map((_, j) => rowGradient(X, X.map((row) => 2 * row[j]), weight / rows)),
    };
  },

  LogisticRegression: ({ X, y, l2 = 0 }) => {
    const rows = X.length;
    const outputs = (params) => X.map((row) => dot(row, params));
    const softplus = (z) => max(z, 0) + log1p(exp(-abs(z)));
    return {
      dim: X[0].length,
      loss: (params) =>
        outputs(params).reduce((sum, z, i) => sum + (softplus(z) - y[i] * z), 0) / rows + (l2 / 2) * dot(params, params),
      grad(params) {
        const slope = outputs(params).map((z, i) => sigmoid(z) - y[i]);
        return rowGradient(X, slope, 1 / rows).map((g, j) => g + l2 * params[j]);
      },
      hessian(params) {
        const p = outputs(params).map(sigmoid);
        const one = (j) => rowGradient(X, X.map((row, i) => row[j] * (p[i] * (1 - p[i]))), 1 / rows);
        return X[0].map((_, j) => one(j).map((h, k) => h + (j === k ? l2 : 0)));
      },
    };
  },
};

// { name: "Quadratic", matrix: [[1, 0], [0, 10]] } -> its loss, gradient and curvature
export const makeObjective = ({ name, ...settings }) => objectives[name](settings);

// The eigenvalues of a symmetric 2 x 2 matrix, the smaller first.
export function eigenvalues2([[a, b], [, d]]) {
  const middle = (a + d) / 2, radius = sqrt(((a - d) / 2) ** 2 + b * b);
  return [middle - radius, middle + radius];
}
