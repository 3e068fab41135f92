// The memory function and the group delay of eigenvalues: `ssmlib.theory.memory`.
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

  Object.assign(ssm, { ofStep, distinct, memoryFunction, groupDelay });
})();
