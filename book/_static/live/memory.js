// The memory functions and the group delay of eigenvalues: `ssmlib.theory.memory`.
window.ssm = window.ssm || {};
(() => {
  // The eigenvalues of one step behind stored modes: exp(dt w) and its conjugate,
  // a real one once.
  function ofStep(A, dt) {
    const found = [];
    for (const [re, im] of A) {
      const size = Math.exp(re * dt);
      found.push([size * Math.cos(im * dt), size * Math.sin(im * dt)]);
      if (im !== 0) found.push([found.at(-1)[0], -found.at(-1)[1]]);
    }
    return distinct(found);
  }

  // A repeated eigenvalue adds no state.
  function distinct(eigenvalues) {
    const kept = [];
    for (const [x, y] of eigenvalues) {
      if (kept.every(([p, q]) => Math.hypot(x - p, y - q) > 1e-10)) kept.push([x, y]);
    }
    return kept;
  }

  // MF(tau), tau < T: what the all-pass filter with these poles has not let out yet
  function memoryFunction(eigenvalues, T) {
    const re = new Float64Array(T);
    const im = new Float64Array(T);
    re[0] = 1;
    for (const [x, y] of eigenvalues) {
      // y_t = l y_{t-1} - conj(l) u_t + u_{t-1}
      let [outRe, outIm, lastRe, lastIm] = [0, 0, 0, 0];
      for (let t = 0; t < T; t++) {
        const [u, v] = [re[t], im[t]];
        const nextRe = x * outRe - y * outIm - (x * u + y * v) + lastRe;
        const nextIm = x * outIm + y * outRe - (x * v - y * u) + lastIm;
        [outRe, outIm, lastRe, lastIm] = [nextRe, nextIm, u, v];
        re[t] = outRe;
        im[t] = outIm;
      }
    }
    const found = new Float64Array(T);
    let passed = 0;
    for (let t = 0; t < T; t++) {
      passed += re[t] ** 2 + im[t] ** 2;
      found[t] = 1 - passed;
    }
    return found;
  }

  // The dot product of v with conjugated u; each is a row of real and of imaginary parts
  function product([p, q], [x, y]) {
    let [re, im] = [0, 0];
    for (let t = 0; t < x.length; t++) {
      re += p[t] * x[t] + q[t] * y[t];
      im += p[t] * y[t] - q[t] * x[t];
    }
    return [re, im];
  }

  // `memory_window.window_basis`: orthonormal rows that span the sequences lambda^tau,
  // tau < T, of fewer than T eigenvalues, by rational Arnoldi
  function windowBasis(eigenvalues, T) {
    const rows = [];
    let last = [new Float64Array(T), new Float64Array(T)];
    last[0][0] = 1;
    for (const [x, y] of eigenvalues) {
      const row = [new Float64Array(T), new Float64Array(T)];
      const late = rows.length ? 1 : 0; // so that a pole near 0 adds a direction too
      for (let t = late; t < T; t++) {
        const [u, v] = t ? [row[0][t - 1], row[1][t - 1]] : [0, 0];
        row[0][t] = x * u - y * v + last[0][t - late];
        row[1][t] = x * v + y * u + last[1][t - late];
      }
      for (let twice = 0; twice < 2; twice++) {
        for (const before of rows) {
          const [c, d] = product(before, row);
          for (let t = 0; t < T; t++) {
            row[0][t] -= c * before[0][t] - d * before[1][t];
            row[1][t] -= c * before[1][t] + d * before[0][t];
          }
        }
        const size = Math.sqrt(product(row, row)[0]);
        for (const part of row) part.forEach((value, t) => (part[t] = value / size));
      }
      rows.push(row);
      last = row;
    }
    return rows;
  }

  // What the best readout of the input d steps back answers to a unit input s steps back,
  // s < T, for the rows of a window; at s = d it is `finite_memory_function`.
  const answers = (rows, d) =>
    Float64Array.from(rows[0][0], (_, s) => rows.reduce((sum, [p, q]) => sum + p[d] * p[s] + q[d] * q[s], 0));
  const finiteMemory = (rows) =>
    Float64Array.from(rows[0][0], (_, s) => rows.reduce((sum, [p, q]) => sum + p[s] ** 2 + q[s] ** 2, 0));

  // Steps by which the filter delays a frequency, radians a step
  function groupDelay(eigenvalues, omega) {
    let found = 0;
    for (const [x, y] of eigenvalues) {
      const [c, s] = [Math.cos(omega), Math.sin(omega)];
      const below = (1 - (x * c + y * s)) ** 2 + (y * c - x * s) ** 2;
      found += (1 - x * x - y * y) / below;
    }
    return found;
  }

  Object.assign(ssm, { ofStep, distinct, memoryFunction, groupDelay, windowBasis, finiteMemory, answers });
})();
