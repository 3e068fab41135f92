// Modes, kernels and the output's mean square: closed forms of `ssmlib`, in the browser.
// A complex number is [re, im]. tests/browser/test_live.py compares with `ssmlib`.
window.ssm = window.ssm || {};
(() => {
  const multiply = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];

  function divide([a, b], [c, d]) {
    const square = c * c + d * d;
    return [(a * c + b * d) / square, (b * c - a * d) / square];
  }

  // exp(z) - 1, accurate near 0
  function expm1([x, y]) {
    const half = Math.sin(y / 2);
    return [Math.expm1(x) * Math.cos(y) - 2 * half * half, Math.exp(x) * Math.sin(y)];
  }

  const frequencies = {
    lin: (n) => Math.PI * n,
    inv: (n, N) => (N / Math.PI) * (N / (2 * n + 1) - 1),
    inv2: (n, N) => (N / Math.PI) * (N / (n + 1) - 1),
    quad: (n) => (1 + 2 * n) ** 2 / Math.PI,
    real: () => 0,
  };

  // `initialization.initialize(name, N)`: the N/2 stored eigenvalues
  function initialize(name, N, real = -0.5) {
    return Array.from({ length: N / 2 }, (_, n) => [
      name === "real" ? -(n + 1) : real,
      frequencies[name](n, N),
    ]);
  }

  // zero-order hold's input weight of a mode, B = 1: (exp(dt w) - 1) / w
  function weight([re, im], dt) {
    if (re === 0 && im === 0) return [dt, 0];
    return divide(expm1([re * dt, im * dt]), [re, im]);
  }

  // 2 Re sum_n B_bar exp(dt w l), l < L: a layer's kernel for C = 1
  function kernel(A, dt, L) {
    const found = new Float64Array(L);
    for (const w of A) {
      const [b, c] = weight(w, dt);
      for (let l = 0; l < L; l++) {
        const turn = dt * w[1] * l;
        const size = 2 * Math.exp(dt * w[0] * l);
        found[l] += size * (b * Math.cos(turn) - c * Math.sin(turn));
      }
    }
    return found;
  }

  // u^H R u of one mode, R_st = rho^|s - t|, in closed form: with x = rho exp(dt w) and
  // p = exp(2 dt Re w), the sum over lags of x^k sum_{s < L - k} p^s
  function form([re, im], dt, L, rho) {
    const q = -Math.expm1(2 * re * dt); // 1 - p
    const square = q === 0 ? L : -Math.expm1(2 * re * dt * L) / q;
    if (rho === 0) return square;
    const size = rho * Math.exp(re * dt);
    const x = [size * Math.cos(im * dt), size * Math.sin(im * dt)];
    const power = size ** L;
    const last = [power * Math.cos(L * im * dt), power * Math.sin(L * im * dt)]; // x^L
    const rest = [1 - x[0], -x[1]];
    if (q === 0) {
      // sum_k (L - k) x^k, 1 <= k < L
      const top = multiply(x, [last[0] - L * x[0] + L - 1, last[1] - L * x[1]]);
      return square + 2 * divide(top, multiply(rest, rest))[0];
    }
    const p = 1 - q;
    const apart = [p - x[0], -x[1]];
    if (Math.hypot(...apart) < 1e-3) return square + 2 * summed(x, p, q, L);
    const pL = Math.exp(2 * re * dt * L);
    const first = divide([x[0] - last[0], x[1] - last[1]], rest)[0];
    const second = divide([x[0] * pL - p * last[0], x[1] * pL - p * last[1]], apart)[0];
    return square + (2 * (first - second)) / q;
  }

  // The same sum term by term, where x is too near p for the closed form.
  function summed(x, p, q, L) {
    let [found, power] = [0, [1, 0]];
    for (let k = 1; k < L; k++) {
      power = multiply(power, x);
      found += (power[0] * (1 - p ** (L - k))) / q;
    }
    return found;
  }

  // `theory.timescale.output_energy`, complex readout, input AR(rho)
  function energy(A, dt, L, rho) {
    let found = 0;
    for (const w of A) {
      const b = weight(w, dt);
      found += (b[0] ** 2 + b[1] ** 2) * form(w, dt, L, rho);
    }
    return found / 2;
  }

  // lambda_max of the L x L matrix rho^|s - t|: Kac, Murdock and Szego's equation
  function largest(L, rho) {
    if (rho === 0 || L === 1) return 1;
    const f = (t) =>
      Math.sin((L + 1) * t) - 2 * rho * Math.sin(L * t) + rho * rho * Math.sin((L - 1) * t);
    let [low, high] = [1e-12, Math.PI / (L + 1)];
    for (let i = 0; i < 200; i++) {
      const middle = (low + high) / 2;
      if (f(middle) > 0) low = middle;
      else high = middle;
    }
    return (1 - rho * rho) / (1 - 2 * rho * Math.cos(low) + rho * rho);
  }

  // `theory.timescale.bound`
  const bound = (m, dt, L, rho) => (m / 2) * dt * dt * L * largest(L, rho);

  Object.assign(ssm, { multiply, divide, initialize, kernel, energy, largest, bound });
})();
