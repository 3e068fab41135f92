// How hard the readout of damped cosines is to learn: `ssmlib.theory.conditioning`.
window.ssm = window.ssm || {};
(() => {
  // Re exp(w_j t) over all time: sums of two Lorentzians
  function gram(v, a) {
    return v.map((x) =>
      v.map((y) => a / (4 * a * a + (x - y) ** 2) + a / (4 * a * a + (x + y) ** 2)),
    );
  }

  // Eigenvalues of a symmetric matrix, by Jacobi's rotations.
  function eigenvalues(G) {
    const A = G.map((row) => [...row]);
    const n = A.length;
    for (let sweep = 0; sweep < 60; sweep++) {
      let off = 0;
      for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) off += A[i][j] ** 2;
      if (off === 0) break;
      for (let i = 0; i < n; i++) {
        for (let j = i + 1; j < n; j++) {
          if (Math.abs(A[i][j]) < 1e-300) {
            A[i][j] = A[j][i] = 0;
            continue;
          }
          const ratio = (A[j][j] - A[i][i]) / (2 * A[i][j]);
          const t = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(1, ratio));
          const c = 1 / Math.hypot(1, t);
          const s = t * c;
          for (let k = 0; k < n; k++) {
            const [p, q] = [A[k][i], A[k][j]];
            A[k][i] = c * p - s * q;
            A[k][j] = s * p + c * q;
          }
          for (let k = 0; k < n; k++) {
            const [p, q] = [A[i][k], A[j][k]];
            A[i][k] = c * p - s * q;
            A[j][k] = s * p + c * q;
          }
        }
      }
    }
    return A.map((row, i) => row[i]).sort((x, y) => x - y);
  }

  // `condition_number`: infinite where the least is lost in the largest's rounding
  function conditionNumber(G) {
    const values = eigenvalues(G);
    const [least, most] = [values[0], values.at(-1)];
    return least > G.length * Number.EPSILON * most ? most / least : Infinity;
  }

  // `lattice_condition`: of frequencies d, 2d, ... as their number grows
  const latticeCondition = (d, a) => Math.cosh((2 * Math.PI * a) / d);

  const lattice = (m, d) => Array.from({ length: m }, (_, k) => d * (k + 1));

  Object.assign(ssm, { gram, eigenvalues, conditionNumber, latticeCondition, lattice });
})();
